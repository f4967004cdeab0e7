"""Says so when the server was restarted or stopped while a page was open: it looks alive and answers nothing."""

import io
import secrets

import numpy as np
import streamlit as st
from PIL import Image

EVERY = 4  # seconds between two looks

_SAYS = (
    "The server was restarted, or it no longer knows this page. What you see is old, and uploaded images are gone. "
    "Reload the page: samples and settings come back."
)

_STOPPED = (
    "The server has stopped, or cannot be reached. Ask who runs it to start it again (nero dashboard). "
    "This page comes back by itself."
)

#: A tiny picture that only this start of the server has. Where it is gone, so is all that the page needs; where the
#: server cannot be reached at all, our words stand in the place of Streamlit's, which name a command for developers.
_SCRIPT = f"""<script>
(() => {{
  const say = (name, words, button) => {{
    if (document.querySelector("." + name)) return;
    const notice = document.createElement("div");
    notice.className = "nero-restarted " + name;
    notice.setAttribute("role", "alert");
    notice.append(words + " ");
    if (button) {{
      const reload = document.createElement("button");
      reload.textContent = button;
      reload.onclick = () => location.reload();
      notice.append(reload);
    }}
    document.body.append(notice);
  }};
  let misses = 0;
  clearInterval(window.neroLooks);
  window.neroLooks = setInterval(async () => {{
    const mark = document.querySelector(".st-key-alive img");
    if (!mark || document.querySelector(".nero-anew")) return;
    const answer = await fetch(mark.src, {{cache: "no-store"}}).catch(() => null);
    misses = answer ? 0 : misses + 1;
    if (misses > 1) {{
      say("nero-stopped", "{_STOPPED}");
      for (const dialog of document.querySelectorAll("[role=dialog]"))
        if (dialog.textContent.includes("streamlit run")) dialog.style.visibility = "hidden";
    }}
    if (!answer) return;
    document.querySelector(".nero-stopped")?.remove();
    if (answer.status === 404 && mark.isConnected) say("nero-anew", "{_SAYS}", "Reload");
  }}, {EVERY * 1000});
}})();
</script>"""


def restart_notice() -> None:
    """Unseen until it is needed."""
    with st.container(key="alive"):
        st.image(_mark(), alt="A mark of the running server")
        st.html(_SCRIPT, unsafe_allow_javascript=True)


@st.cache_resource(show_spinner=False)
def _mark() -> bytes:
    """A picture of random pixels, made once for each start of the server."""
    pixels = np.frombuffer(secrets.token_bytes(48), np.uint8).reshape(4, 4, 3)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    return buffer.getvalue()
