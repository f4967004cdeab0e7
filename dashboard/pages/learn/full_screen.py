"""Full screen for a lecture hall: the page without side bar and menu. The switch or Escape leaves it."""

import streamlit as st

from dashboard import state, theme
from dashboard.components.link_values import link_values, switch

_escape = st.components.v2.component(
    "nero_escape",
    js="""
export default function ({ setTriggerValue }) {
  const leave = (event) => {
    const isOpen = document.querySelector("[data-testid=stPopoverBody], [role=dialog], [role=listbox]");
    if (event.key === "Escape" && !event.defaultPrevented && !isOpen) setTriggerValue("left", true);
  };
  document.addEventListener("keydown", leave);
  return () => document.removeEventListener("keydown", leave);
}
""",
)


def full_screen() -> None:
    """The switch in the side bar, and what it does; then the way back stands where this is called."""
    with st.sidebar, link_values({state.learn.FULL_SCREEN: switch("switch to full screen")}):
        is_full = st.toggle(
            "Full screen",
            key=state.learn.FULL_SCREEN,
            bind="query-params",
            help="Hides the side bar and the menu. Escape brings them back.",
        )
    if is_full:
        st.html(theme.FULL_SCREEN)
        st.button(
            "Leave full screen",
            icon=":material/close_fullscreen:",
            key="leave",
            on_click=state.learn.leave_full_screen,
        )
        with st.container(key="escape"):
            _escape(key="leave_full_screen", on_left_change=state.learn.leave_full_screen)
