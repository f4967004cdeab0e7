"""Compare methods: every method on the same images, and on this one."""

import streamlit as st

from dashboard.components.methods_on_image import methods_on_image
from dashboard.components.sidebar import chart_options, reference_set
from dashboard.pages.compare.benchmark_run import asked_run, own_banks, run_form
from dashboard.pages.compare.benchmark_table import benchmark_table
from dashboard.pages.compare.method_curves import class_heat, method_curves
from dashboard.plain_errors import plain_errors

st.title("Compare methods", anchor=False)
inspector = reference_set()
tpr, download = chart_options(inspector)

with plain_errors():
    result = asked_run(inspector) or own_banks(inspector)
    if result is not None:
        benchmark_table(result)
        method_curves(inspector, result, tpr, download)
        class_heat(result, download)
methods_on_image(inspector, tpr)
run_form(inspector)
