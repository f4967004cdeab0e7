"""Compare methods: every method on the same images, and on this one."""

import streamlit as st

from dashboard.components.benchmark_run import asked_run, own_banks, run_form
from dashboard.components.benchmark_table import benchmark_table
from dashboard.components.method_curves import class_heat, method_curves
from dashboard.components.methods_on_image import methods_on_image
from dashboard.components.sidebar import chart_options, reference_set
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
