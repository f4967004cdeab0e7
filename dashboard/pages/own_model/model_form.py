"""A classifier and its images in, a reference set out; checked field by field, made in a process of its own."""

from pathlib import Path

import streamlit as st

from dashboard import places, resources, state, words
from dashboard.access import admit
from dashboard.components.image_set import image_set
from dashboard.components.job_progress import FORM, job_progress, linked_job
from dashboard.components.staged_upload import draft, most_megabytes, staged_upload
from dashboard.pages.own_model.classifier_step import KIND, check_classifier, classifier_step
from dashboard.pages.own_model.trial_step import summary, trial_step
from dashboard.plain_errors import plain_errors
from dashboard.work import jobs
from nero_core.calibration import CalibrationPlan, plan_calibration
from nero_core.errors import NeroError
from nero_core.spelling import same_name

REFERENCES_TAKE = (
    "This takes most of the time: about five minutes for a ResNet-18 on two cores without a GPU, more for a classifier "
    "with more channels. You may leave the page meanwhile."
)
REFERENCES_LATER = (
    "The set is ready minutes sooner. The neuron explorer then traces a channel when somebody opens it. This takes "
    "some seconds and uses the small pictures of the set: the place is rough, the numbers are exact."
)


UNKNOWN = "Which images trained the classifier is not known."


def asked_making() -> bool:
    """The making that the URL names: its progress or its end; False where there is none and the form is to be shown."""
    gone = "The link names a reference set in the making that is not here. It may be in the list below."
    job = linked_job(KIND, gone)
    if job is None:
        return False
    title = jobs.facts(job).get("title", "")
    status = jobs.status(job)
    if status.state != "finished":
        job_progress(job, KIND, f"Making the reference set {words.plain(title)}")
        return True
    with st.container(border=True, key="made"):
        st.subheader(f"{words.plain(title)} is ready", anchor=False)
        name = resources.name_of(places.bundles() / status.delivered)
        if name is None:
            st.markdown("It has been removed.")
        else:
            st.markdown(
                f"It is in the list of reference sets as **{words.plain(name)}**, for everyone who uses this server."
            )
            use_or_screen(name, "made")
        st.button("Make another", key="make_another", on_click=state.jobs.leave_job, args=(KIND,))
    return True


def use_or_screen(name: str, key: str) -> None:
    """A button that chooses a reference set; once it is chosen, the way to the page that screens images with it."""
    if state.site.bundle() == name:
        st.page_link(
            "pages/screen/page.py",
            label="In use: screen an image",
            icon=":material/image_search:",
            query_params=state.site.between_pages(),
        )
    else:
        st.button("Use it", type="primary", key=f"use_{key}", on_click=state.site.choose_bundle, args=(name,))


def model_form() -> None:
    """Three steps and a button."""
    answers, images, folders, classes, ood, is_ood_sound = None, None, None, list[str](), None, True
    with st.container(border=True, key="step_classifier"), plain_errors():
        st.subheader("1 · The classifier", anchor=False)
        answers = classifier_step()
        says = st.container()
    with st.container(border=True, key="step_images"), plain_errors():
        st.subheader("2 · Images that it knows (ID)", anchor=False)
        images = _images("ID images", state.jobs.ID_ZIP, state.jobs.ID_PATH)
        folders = None if images is None else image_set(images)
        own = tuple(map(same_name, answers.card.classes)) if answers and answers.card else None
        if own or folders:
            state.jobs.offer_classes(list(own or folders or ()))
        classes = _class_names(folders)
        if own and classes and tuple(classes) != own:
            st.error(
                "Expected the class names of model.json, in its order. Found others. Take them, or take model.json "
                "away if it is not of these weights.",
                icon=":material/error:",
            )
            st.button("Use those of model.json", key="use_card", on_click=state.jobs.order_classes, args=(own,))
            classes = []
        tried = st.container()
    with st.container(border=True, key="step_ood"), plain_errors():
        st.subheader("3 · Images that are unlike them (OOD), if you have some", anchor=False)
        st.caption("They are never fitted on; with them the page compares methods and draws the OOD side of plots.")
        ood = _images("OOD images", state.jobs.OOD_ZIP, state.jobs.OOD_PATH)
        is_ood_sound = ood is None or image_set(ood) is not None
    card, trial, plan = None, None, None
    with says, plain_errors():
        if answers is not None and answers.weights is not None and answers.arch and len(classes) > 1:
            card = check_classifier(answers, classes)
    is_known = folders is not None and set(classes) <= set(folders)
    with tried, plain_errors():
        if card is not None and images is not None and folders is not None and is_known:
            trial = trial_step(card, images)
            if trial is not None:
                plan = plan_calibration({name: folders[name] for name in classes}, trial.components)
    with st.container(border=True, key="step_make"), plain_errors():
        st.subheader("4 · Make it", anchor=False)
        arch = answers.arch if answers else ""
        title = st.text_input("Name", key=state.jobs.TITLE, placeholder=arch or "my classifier", max_chars=60)
        reduced = st.checkbox(
            words.REDUCED,
            key=state.jobs.REDUCED,
            help="NERO wants two thirds as many fit images as the classifier has feature channels. With fewer it keeps "
            "fewer components, and its scores are rougher.",
        )
        is_accepted = False
        if trial is not None and trial.is_guessing:
            is_accepted = st.checkbox(
                words.GUESSING,
                key=state.jobs.GUESSING,
                help="What such a classifier finds like or unlike its images means little.",
            )
        references = st.checkbox(
            "Trace every channel in its reference images",
            value=True,
            key=state.jobs.REFERENCES,
            help="For each channel the images that use it most and the images that excite it most, four of each, with "
            "the place where the channel lies in them. The neuron explorer shows them.",
        )
        st.caption(REFERENCES_TAKE if references else REFERENCES_LATER)
        missing = [
            name
            for name, is_there in (
                ("a checkpoint that fits", card is not None),
                ("ID images with a folder for each class", is_known),
                ("a classifier that knows them", trial is None or not trial.is_guessing or is_accepted),
                (_more_images(plan), plan is None or plan.has_full_rank or reduced),
                ("enough images of each class", trial is None or plan is not None),
                ("images that can be tried", card is None or not is_known or trial is not None),
                ("sound OOD images, or none", is_ood_sound),
            )
            if not is_there
        ]
        if missing:
            st.caption(f"Still needed: {'; '.join(missing)}.")
        st.caption("Everyone who uses this server will see the reference set, and small pictures of its ID images.")
        if st.button("Make the reference set", type="primary", key="start_making", disabled=bool(missing)):
            assert images is not None and trial is not None
            notes = (summary(trial),) if card and card.training.digests else (UNKNOWN, summary(trial))
            _start(images, ood, title.strip() or arch, reduced, references, notes)
            st.rerun()


def _more_images(plan: CalibrationPlan | None) -> str:
    """What NERO needs, in words that name the tick box of this page."""
    if plan is None:
        return ""
    return (
        f"about {plan.images_for_full_rank} ID images, so that NERO has {plan.components} to fit on (it has "
        f"{plan.fit}), or the tick at “{words.REDUCED}”"
    )


def _images(label: str, key: str, path_key: str) -> Path | None:
    uploaded = staged_upload(
        f"{label}: one zip with a folder for each class, at most {most_megabytes()} MB", key, ".zip", KIND
    )
    if places.data() is None:
        return uploaded
    named = st.text_input(
        f"{label}: or a folder on the server", key=path_key, placeholder="below the server's data folder"
    )
    if not named.strip():
        return uploaded
    try:
        return places.below_data(named)
    except NeroError as error:
        st.error(words.plain(str(error)), icon=":material/error:")
        return None


def _class_names(folders: dict[str, int] | None) -> list[str]:
    text = st.text_area(
        "Class names, one a line, in the order of the classifier's outputs",
        key=state.jobs.CLASS_NAMES,
        height=120,
        max_chars=20_000,
        help="Filled in from the class folders, by name: most training programs use this order. Change it if yours "
        "was different: the names decide which images belong to which output.",
    )
    names = [same_name(line.strip()) for line in text.splitlines() if line.strip()]
    if folders is not None and names:
        lacking = [name for name in names if name not in folders]
        surplus = [name for name in folders if name not in names]
        if lacking:
            st.error(
                f"Expected a folder of images for each class. Found none for {words.plain(words.listed(lacking))}. "
                "Correct the names, or give the folders these names.",
                icon=":material/error:",
            )
        elif surplus:
            st.caption(f"Folders of no class are left out: {words.plain(words.listed(surplus))}.")
    return names


def _start(images: Path, ood: Path | None, title: str, reduced: bool, references: bool, notes: tuple[str, ...]) -> None:
    places.free_place(title)  # refuses now what it would refuse in the end
    job = draft(KIND)
    command = jobs.nero("calibrate", job.inputs / "checkpoint", images, "--out", job.result, f"--title={title}")
    command += ["--device", state.jobs.device(), "--progress", str(job.progress)]
    command += [] if ood is None else ["--ood", str(ood)]
    command += ["--allow-reduced-rank"] if reduced else []
    command += [] if references else ["--no-references"]
    for note in ("Made on the page Your own model.", *notes):
        command += ["--note", note]
    job.write(FORM, state.jobs.answers())
    jobs.start(job, command, KIND, deliver=title, owner=admit().acts_as, title=title)
    state.jobs.show_job(KIND, job.id)
    state.jobs.keep_draft(KIND, None)
