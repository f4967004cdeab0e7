"""Learn: NERO step by step, a place to perturb an image and watch, and a quiz."""

from dashboard.components.sidebar import chart_options, reference_set
from dashboard.pages.learn.learn_way import LESSON, QUIZ, learn_head, way
from dashboard.pages.learn.lesson import lesson
from dashboard.pages.learn.perturb_panel import perturb_page
from dashboard.pages.learn.quiz import quiz

part, way_place = learn_head()
inspector = reference_set()
tpr, _ = chart_options(inspector)

if part == LESSON:
    lesson(inspector, way_place)
else:
    way(way_place, part)
    if part == QUIZ:
        quiz(inspector, tpr)
    else:
        perturb_page(inspector, tpr)
