from dashboard.components.uploader import MOST_FILES, MOST_MEGABYTES, distinct, fitting
from dashboard.options import tpr_choices


def test_a_second_file_of_one_name_gets_a_number():
    assert distinct(["a.png", "b.png", "a.png", "a.png"]) == ["a.png", "b.png", "a.png (2)", "a.png (3)"]


def test_a_number_that_is_taken_is_not_given_again():
    assert distinct(["a.png (2)", "a.png", "a.png"]) == ["a.png (2)", "a.png", "a.png (3)"]


def test_a_session_holds_so_many_files_and_bytes():
    assert fitting([1] * (MOST_FILES + 5)) == MOST_FILES
    assert fitting([MOST_MEGABYTES * 2**20 // 3] * 4) == 3
    assert fitting([]) == 0


def test_the_choices_of_tpr_are_those_that_the_calibration_images_allow():
    assert tpr_choices(0.95, 300) == [share / 100 for share in range(90, 100)]
    assert tpr_choices(0.95, 21) == [0.9, 0.91, 0.92, 0.93, 0.94, 0.95]
    assert tpr_choices(0.975, 45) == [*(share / 100 for share in range(90, 98)), 0.975]
    assert tpr_choices(0.8, 5) == [0.8]
