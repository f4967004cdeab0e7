"""A classifier and its images in, a reference set out; checked field by field, made in a process of its own."""

import os
from pathlib import Path

import streamlit as st

from dashboard import places, resources, state, words
from dashboard.components.image_set import image_set
from dashboard.components.job_progress import job_progress
from dashboard.components.staged_upload import draft, most_megabytes, staged_upload
from dashboard.plain_errors import plain_errors
from dashboard.work import jobs
from nero_core import import_checkpoint
from nero_core.data import same_name
from nero_core.errors import NeroError

KIND = "calibrate"
ARCHITECTURES = (
    "resnet18",
    "resnet34",
    "resnet50",
    "resnet101",
    "resnet10t",
    "deit_tiny_patch16_224",
    "deit_small_patch16_224",
    "vit_tiny_patch16_224",
    "vit_small_patch16_224",
    "vit_base_patch16_224",
    "tf_efficientnet_lite0",
    "efficientnet_b0",
    "convnext_tiny",
    "densenet121",
    "mobilenetv3_large_100",
)
_HALF, _ZERO, _ONE = (0.5, 0.5, 0.5), (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)
#: what training did to pixels in [0, 1]: mean and deviation; None is timm's for the architecture
NORMALISATIONS = {
    "the architecture's own": (None, None),
    "ImageNet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
    "0.5 and 0.5": (_HALF, _HALF),
    "none": (_ZERO, _ONE),
}

REFERENCES_TAKE = (
    "This takes most of the time: about five minutes for a ResNet-18 on two cores without a GPU, more for a classifier "
    "with more channels. You may leave the page meanwhile."
)
REFERENCES_LATER = (
    "The set is ready minutes sooner. The neuron explorer then traces a channel when somebody opens it. This takes "
    "some seconds and uses the small pictures of the set: the place is rough, the numbers are exact."
)


def asked_making() -> bool:
    """The making that the URL names: its progress or its end; False where there is none and the form is to be shown."""
    asked = state.jobs.job(KIND)
    if asked is None:
        return False
    job = jobs.find(asked, KIND)
    if job is None:
        st.warning("The link names a reference set in the making that is not here. It may be in the list below.")
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
    weights, arch, side, normalisation = None, "", None, next(iter(NORMALISATIONS))
    images, folders, classes, ood, is_ood_sound, is_checked = None, None, [], None, True, False
    with st.container(border=True, key="step_classifier"), plain_errors():
        st.subheader("1 · The classifier", anchor=False)
        weights, arch, side, normalisation = _classifier()
        says = st.container()
    with st.container(border=True, key="step_images"), plain_errors():
        st.subheader("2 · Images that it knows (ID)", anchor=False)
        images = _images("ID images", state.jobs.ID_ZIP, state.jobs.ID_PATH)
        folders = None if images is None else image_set(images)
        if folders:
            state.jobs.offer_classes(list(folders))
        classes = _class_names(folders)
    with st.container(border=True, key="step_ood"), plain_errors():
        st.subheader("3 · Images that are unlike them (OOD), if you have some", anchor=False)
        st.caption("They are never fitted on; with them the page compares methods and draws the OOD side of plots.")
        ood = _images("OOD images", state.jobs.OOD_ZIP, state.jobs.OOD_PATH)
        is_ood_sound = ood is None or image_set(ood) is not None
    with says, plain_errors():
        if weights is not None and arch and len(classes) > 1:
            is_checked = _check(weights, arch, classes, side, normalisation)
    with st.container(border=True, key="step_make"), plain_errors():
        st.subheader("4 · Make it", anchor=False)
        title = st.text_input("Name", key=state.jobs.TITLE, placeholder=arch or "my classifier", max_chars=60)
        reduced = st.checkbox(
            "Accept fewer images than NERO asks for",
            key=state.jobs.REDUCED,
            help="NERO wants two thirds as many fit images as the classifier has feature channels. With fewer it keeps "
            "fewer components, and its scores are rougher.",
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
                ("a checkpoint that fits", is_checked),
                ("ID images with a folder for each class", folders is not None and set(classes) <= set(folders)),
                ("sound OOD images, or none", is_ood_sound),
            )
            if not is_there
        ]
        if missing:
            st.caption(f"Still needed: {'; '.join(missing)}.")
        st.caption("Everyone who uses this server will see the reference set, and small pictures of its ID images.")
        if st.button("Make the reference set", type="primary", key="start_making", disabled=bool(missing)) and images:
            _start(images, ood, title.strip() or arch, reduced, references)
            st.rerun()


def _classifier() -> tuple[Path | None, str, int | None, str]:
    weights = staged_upload(
        f"Checkpoint: a .safetensors file, at most {most_megabytes()} MB",
        state.jobs.WEIGHTS,
        ".safetensors",
        KIND,
        "The weights alone, saved with safetensors.torch.save_file(model.state_dict(), …). Pickled files (.pth) may "
        "hold programs and are not opened here; the command nero import-checkpoint takes them.",
    )
    arch = st.selectbox(
        "Architecture, by its name in timm",
        ARCHITECTURES,
        index=None,
        key=state.jobs.ARCH,
        accept_new_options=True,
        placeholder="choose one, or write its name",
    )
    with st.expander("Options", icon=":material/tune:"):
        side = st.number_input(
            "Input size in pixels",
            min_value=16,
            max_value=4096,
            value=None,
            step=1,
            key=state.jobs.INPUT_SIDE,
            placeholder="the architecture's own, else 224",
        )
        normalisation = st.selectbox(
            "Normalisation in training (mean and deviation)", list(NORMALISATIONS), key=state.jobs.NORMALISATION
        )
    return weights, (arch or "").strip(), None if side is None else int(side), normalisation


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


def _check(weights: Path, arch: str, classes: list[str], side: int | None, normalisation: str) -> bool:
    """Read the weights as this classifier, once for each set of answers; what is wrong is said beside the fields."""
    job = draft(KIND)
    answers = (job.id, state.jobs.staged(KIND).get(state.jobs.WEIGHTS), arch, tuple(classes), side, normalisation)
    checked = state.jobs.checked(KIND)
    if checked is None or checked[0] != answers:
        mean, std = NORMALISATIONS[normalisation]
        with st.spinner("Reading the weights as this classifier …"):
            try:
                import_checkpoint(
                    weights, arch, classes, job.inputs / "checkpoint", size=side, mean=mean, std=std, overwrite=True
                )
                checked = answers, ""
            except NeroError as error:
                checked = answers, str(error)
        state.jobs.keep_checked(KIND, checked)
    if checked[1]:
        st.error(words.plain(checked[1]), icon=":material/error:")
        return False
    st.caption(f"✓ The weights are those of {words.plain(arch)} with {len(classes)} classes.")
    return True


def _start(images: Path, ood: Path | None, title: str, reduced: bool, references: bool) -> None:
    places.free_place(title)  # refuses now what it would refuse in the end
    job = draft(KIND)
    command = jobs.nero("calibrate", job.inputs / "checkpoint", images, "--out", job.result, f"--title={title}")
    command += ["--device", os.environ.get("NERO_DEVICE", "auto"), "--progress", str(job.progress)]
    command += [] if ood is None else ["--ood", str(ood)]
    command += ["--allow-reduced-rank"] if reduced else []
    command += [] if references else ["--no-references"]
    command += ["--note", "Made on the page Your own model. Which images trained the classifier is not known."]
    jobs.start(job, command, KIND, deliver=title, title=title)
    state.jobs.show_job(KIND, job.id)
    state.jobs.keep_draft(KIND, None)
