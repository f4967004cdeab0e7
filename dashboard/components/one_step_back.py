"""One click, one step of the browser's way back.

Each change that a run makes to the address is a step of its own for Streamlit: a channel is named, then the settings of
the grid, which is no longer drawn, are taken out. The first Back would then change the address and nothing else.
"""

import streamlit as st

#: From the end of one run to the end of the next, the first change is a step; what follows belongs to it.
_SCRIPT = """<script>
(() => {
  const app = document.querySelector("[data-test-script-state]");
  if (window.neroSteps || !app) return;
  window.neroSteps = true;
  const push = history.pushState.bind(history);
  const rests = () => app.dataset.testScriptState === "notRunning";
  let isFirst = rests(); // what the first run of a page changes is no step of anybody
  new MutationObserver(() => { isFirst ||= rests(); })
    .observe(app, { attributes: true, attributeFilter: ["data-test-script-state"] });
  history.pushState = (held, title, address) => {
    if (isFirst) push(held, title, address);
    else history.replaceState(held, title, address);
    isFirst = false;
  };
})();
</script>"""


def one_step_back() -> None:
    """Unseen."""
    with st.container(key="steps"):
        st.html(_SCRIPT, unsafe_allow_javascript=True)
