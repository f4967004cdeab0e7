"""What ``prepare.json`` says of a prepared set, and what a user reads about it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from nero_core.data.decode import file_name
from nero_core.datasets.prepare_files import BROKEN, COPIES_IN_UNUSED, MADE_WITH, SOURCE
from nero_core.datasets.prepare_images import UsedImages
from nero_core.datasets.prepare_split import OOD, PARTS, Assignment, Shares
from nero_core.datasets.protocol import Protocol
from nero_core.version import PROGRAM, __version__

# What `nero calibrate` does with the calibration part; the floors keep this room from reading it there.
FIT_SHARE = 0.55  # of its images; thresholds are set on the others
COMPONENTS = 341  # of NERO's PCA for a ResNet-18: ⌊2·512/3⌋, and each needs an image to fit on
MINIMUM = 19  # images behind a threshold that accepts 95 %: 0.95 / 0.05
NAMED = 5  # broken files in a warning


def make_record(
    source: str, images: UsedImages, assignment: Assignment, protocol: Protocol, shares: Shares, seed: int
) -> dict[str, Any]:
    """The record of a set: how it was made, and the part, class, name and sha256 of every file."""
    files = images.files
    rows = [
        {
            "part": part,
            "class": files.classes[files.labels[index]],
            "file": files.within_class(index),
            "sha256": images.digests[index],
        }
        for index, part in assignment.parts
    ]
    per_class = Counter((row["part"], row["class"]) for row in rows)
    counts = {
        part: {name: per_class[part, name] for name in files.classes if per_class[part, name]}
        for part in (*PARTS, OOD)
        if any(row["part"] == part for row in rows)
    }
    totals = Counter(files.labels)
    return {
        MADE_WITH: f"{PROGRAM} {__version__}",
        SOURCE: source,
        "protocol": protocol.model_dump(mode="json", exclude_none=True),
        "seed": seed,
        "shares": asdict(shares),
        "found": {name: totals[label] for label, name in enumerate(files.classes)},
        "counts": counts,
        "copies": assignment.copies,
        COPIES_IN_UNUSED: images.copies_in_unused,
        "dropped_id_ood": assignment.dropped_id_ood,
        "dropped_labels": assignment.dropped_labels,
        BROKEN: list(images.broken),
        "files": rows,
    }


def warnings_of(record: Mapping[str, Any], protocol: Protocol) -> list[str]:
    """Sentences on what a reader should know of a set before using it, with the numbers."""
    others = protocol.other_counts(record["found"])
    lines = [
        f"{file_name(name)}: expected {expected} images, as published; found {count}."
        for name, (expected, count) in others.items()
    ]
    broken = record[BROKEN]
    if broken:
        named = ", ".join("/".join(file_name(part) for part in name.split("/")) for name in broken[:NAMED])
        more = f" and {len(broken) - NAMED} more, which prepare.json names" if len(broken) > NAMED else ""
        lines.append(f"{len(broken)} files were left out, since they do not decode as images: {named}{more}.")
    for key, kind in (
        ("dropped_id_ood", "lie in an ID and in an OOD class"),
        ("dropped_labels", "lie in two classes"),
    ):
        if record[key]:
            lines.append(f"{record[key]} files were left out: copies of them {kind}.")
    if record["copies"]:
        lines.append(f"{record['copies']} files are copies of others; all copies of a file are in one part.")
    if record[COPIES_IN_UNUSED]:
        lines.append(f"{record[COPIES_IN_UNUSED]} files have a copy in an unused class; they are kept.")
    return lines + _on_calibration(record)


def _on_calibration(record: Mapping[str, Any]) -> list[str]:
    if "calibration" not in record["counts"]:
        return []
    different = len({row["sha256"] for row in record["files"] if row["part"] == "calibration"})
    fit = round(FIT_SHARE * different)
    lines = []
    if fit < COMPONENTS:
        lines.append(
            f"The calibration part is small: nero calibrate fits on about {fit} of its {different} images and wants "
            f"{COMPONENTS} for a ResNet-18. Raise its share, or calibrate with --allow-reduced-rank."
        )
    if different - fit < MINIMUM:
        lines.append(
            f"The calibration part is too small for 95 %: nero calibrate sets thresholds on about {different - fit} of "
            f"its {different} images and wants at least {MINIMUM}. Raise its share, or calibrate with a lower --tpr."
        )
    return lines
