"""Who is there, and what they may do. Without a login file everybody who reaches the page is its operator."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import streamlit as st
from streamlit.errors import StreamlitSecretNotFoundError

from nero_core.store import local_user

Role = Literal["viewer", "reviewer", "operator"]
MAY: Mapping[Role, frozenset[Role]] = {  # each may what those before it may
    "viewer": frozenset({"viewer"}),
    "reviewer": frozenset({"viewer", "reviewer"}),
    "operator": frozenset({"viewer", "reviewer", "operator"}),
}


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who looks at the page.

    Attributes:
        name: the address that the provider vouches for; empty where nobody logs in.
        role: what they may do.
    """

    name: str
    role: Role

    def may(self, role: Role) -> bool:
        """Whether this is allowed to who has the role."""
        return role in MAY[self.role]

    @property
    def acts_as(self) -> str:
        """Who is named where something is made or changed: the user of this computer where nobody logs in."""
        return self.name or local_user()

    @property
    def sees_jobs_of(self) -> str:
        """Whose jobs the visitor may see by their link; "" is everybody's: an operator, or nobody has to log in."""
        return "" if self.may("operator") else self.name


def admit() -> Visitor:
    """The visitor; whoever has not logged in or is not on the list sees why and how, and the page ends there."""
    if not _needs_login():
        return Visitor("", "operator")
    if not st.user.is_logged_in:
        st.title("NERO Dashboard", anchor=False)
        st.write("Log in to screen images.")
        st.button("Log in", type="primary", icon=":material/login:", on_click=st.login)
        st.stop()
    address = str(st.user.get("email") or "")
    role = _roles().get(address.casefold()) if st.user.get("email_verified", True) is not False else None
    if role is None:
        st.title("Not on the list", anchor=False)
        st.write("You are logged in, but nobody has given you a role here. Ask who runs this dashboard.")
        log_out(address)
        st.stop()
    return Visitor(address, role)


def log_out(name: str) -> None:
    """Who is logged in, and the way out."""
    st.text(name)  # as it is: Markdown in a name stays inert
    st.button("Log out", icon=":material/logout:", on_click=st.logout)


def _needs_login() -> bool:
    try:
        return "auth" in st.secrets or "NERO_LOGIN" in os.environ
    except StreamlitSecretNotFoundError:
        return "NERO_LOGIN" in os.environ


def _roles() -> dict[str, Role]:
    try:
        listed = st.secrets["roles"]
    except (KeyError, StreamlitSecretNotFoundError):
        return {}
    return {str(name).casefold(): role for name, role in listed.items() if role in tuple(MAY)}
