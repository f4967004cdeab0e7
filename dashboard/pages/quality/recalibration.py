"""A new reference set from the images that readers confirmed, made in a process of its own; the old one stays."""

import functools
from collections.abc import Sequence

import streamlit as st

from dashboard import places, resources, state, words
from dashboard.access import admit
from dashboard.components.job_progress import job_progress, linked_job
from dashboard.work import jobs
from nero_core import Inspector
from nero_core.errors import NeroError
from nero_core.store import Worklist, find_worklists, upload_path
from nero_core.worklist import Confirmed, Quality, check_confirmed

KIND = "recalibrate"
SCREEN = "pages/screen/page.py"


def asked_recalibration() -> bool:
    """What the URL names: how far it is, or its end; False where there is none."""
    job = linked_job(KIND, "The link names a reference set in the making that is not here. It may be in the side bar.")
    if job is None:
        return False
    title = words.plain(jobs.facts(job).get("title", ""))
    status = jobs.status(job)
    if status.state != "finished":
        job_progress(job, KIND, f"Calibrating anew: {title}")
        return True
    with st.container(border=True, key="made"):
        st.subheader(f"{title} is ready", anchor=False)
        name = resources.name_of(places.bundles() / status.delivered)
        if name is None:
            st.markdown("It has been removed.")
        else:
            st.markdown(
                "Its thresholds and p-values come from the images that readers confirmed. The one before is still in "
                "the list of the side bar: worklists that were scored with it stay as they are. New ones are scored "
                "with what is chosen there."
            )
            st.button("Choose it", type="primary", key="use_anew", on_click=state.site.choose_bundle, args=(name,))
        st.button("Close", key="close_anew", on_click=state.jobs.leave_job, args=(KIND,))
    return True


def recalibration(inspector: Inspector, use: Quality) -> None:
    """The form: which worklists, what they give, under which name."""
    lists = _lists(inspector.bundle.digest)
    moved = next((week.monday for week in use.weeks if week.has_moved), None)
    with st.container(border=True, key="recalibration"):
        st.subheader("Calibrate anew from reviewed images", anchor=False)
        st.markdown(
            "All images that a reader called like the reference images set thresholds and p-values anew, agreed or "
            "overridden alike: false alarms alone are those with the highest scores, and thresholds from them would "
            "let nearly everything pass. Nothing is trained. The result is a new reference set; this one stays."
        )
        chosen = st.multiselect(
            "Worklists",
            list(lists),
            default=[number for number, listed in lists.items() if moved is None or listed.added.date() >= moved],
            format_func=lambda number: f"{lists[number].name} ({lists[number].owner})",
            key=state.quality.lists_key(inspector.bundle.digest),
        )
        if moved is not None:
            st.caption(f"Chosen at first: those made since the week from {moved}, the first that has moved.")
        is_beside = st.toggle(
            "Keep the earlier calibration images beside the new ones",
            key=state.quality.BESIDE,
            help="Where the world has moved, the mixture is right for neither: of new images less pass than should. "
            "Keep them where old and new equipment are in use together.",
        )
        folder = _folder()
        with st.spinner("Reading the reviews …"):
            found = resources.worklists.confirmed(inspector, chosen, is_beside, _has_picture(folder))
        _say(found)
        is_allowed = _selection(found)
        title = st.text_input(
            "Name of the new reference set", key=state.quality.TITLE, placeholder=_proposed(inspector), max_chars=60
        )
        is_ready = _is_ready(inspector, found, is_allowed, is_beside)
        if st.button("Calibrate anew", type="primary", key="start_anew", disabled=not is_ready):
            _start(inspector, chosen, title.strip() or _proposed(inspector), folder, is_beside, is_allowed)
            st.rerun()


def _lists(bundle: str) -> dict[int, Worklist]:
    return {listed.id: listed for listed in find_worklists(resources.worklists.store()) if listed.bundle == bundle}


def _folder() -> str:
    """A folder of pictures on the server, where the operator offers any and the uploads are gone."""
    if places.data() is None:
        return ""
    named = st.text_input(
        "Where the pictures lie, unless the server keeps them",
        key=state.quality.FOLDER,
        placeholder="below the server's data folder",
    ).strip()
    return str(places.below_data(named)) if named else ""


def _has_picture(folder: str) -> functools.partial[bool]:
    return functools.partial(_is_here, bool(folder))


def _is_here(is_named: bool, digest: str) -> bool:
    """With a folder all count: whether they are in it the job finds out, which reads every file."""
    return is_named or upload_path(resources.worklists.store(), digest) is not None


def _say(found: Confirmed) -> None:
    readers = words.plain(words.listed(list(found.readers))) or "nobody"
    st.markdown(
        f"**{len(found.images)} images are confirmed as like the reference images**, {found.unlike} as unlike; decided "
        f"by {readers}."
    )
    if found.left_out:
        st.caption(f"Left out: {'; '.join(f'{reason}: {count}' for reason, count in found.left_out.items())}.")


def _selection(found: Confirmed) -> bool:
    """Whether it may go on; where what was reviewed was chosen by its score, only with a tick."""
    if not found.is_selected:
        return False
    shares = ", ".join(f"{done} of {total} {verdict}" for verdict, (done, total) in found.reviewed.items())
    st.warning(
        f"What was reviewed was chosen by its score: {shares} are decided. Thresholds from these images would be off. "
        "Review the rest, or as many in the order of the files.",
        icon=":material/filter_alt:",
    )
    return st.checkbox("Calibrate all the same; the card of the new reference set says so", key=state.quality.SELECTION)


def _is_ready(inspector: Inspector, found: Confirmed, is_allowed: bool, is_beside: bool) -> bool:
    try:
        check_confirmed(found, is_allowed)
    except NeroError as error:
        if not found.is_selected:
            st.caption(words.plain(str(error)))
        return False
    total = len(found.images) + (inspector.bundle.calibration_size if is_beside else 0)
    needed, wanted = (round(count / (1 - inspector.bundle.card.tpr)) - 1 for count in (1, 3))
    if total < needed:
        st.caption(f"Still needed: {needed - total} more images, for {needed} in all.")
        return False
    if total < wanted:
        st.caption(
            f"With fewer than {wanted} images there is no verdict by two tests: the new reference set has one test, "
            f"NERO+. {wanted - total} more would keep both."
        )
    return True


def _proposed(inspector: Inspector) -> str:
    return f"{inspector.bundle.card.title[:40].strip()} {resources.worklists.store().now():%Y-%m-%d}"


def _start(
    inspector: Inspector, numbers: Sequence[int], title: str, folder: str, is_beside: bool, is_allowed: bool
) -> None:
    places.free_place(title)  # refuses now what it would refuse in the end
    job = jobs.draft()
    by = admit().acts_as
    command = jobs.nero("recalibrate", "--bundle", inspector.bundle.path, "--out", job.result, f"--title={title}")
    command += [f"--by={by}", "--device", state.jobs.device(), "--progress", str(job.progress)]
    for number in numbers:
        command += ["--number", str(number)]
    command += ["--files", folder] if folder else []
    command += ["--beside"] if is_beside else []
    command += ["--allow-selection"] if is_allowed else []
    jobs.start(job, command, KIND, deliver=title, owner=by, title=title)
    state.jobs.show_job(KIND, job.id)
