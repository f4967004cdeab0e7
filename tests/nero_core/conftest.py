"""What several rooms' tests are made of."""

from pathlib import Path

import pytest

from nero_core.phantom.drawing import ID_CLASSES, write_phantoms

LISTS = {  # name of the list → folder of its images
    "mini": ("1a", ID_CLASSES),
    "mini_1b": ("csid/1b", ID_CLASSES),
    "mini_1c": ("csid/1c", ID_CLASSES[:1]),
    "mini_2": ("near/2", ("polyps",)),
    "mini_3": ("near/3", ("esophagitis",)),
    "mini_cells_far": ("cells", ("dyed-resection-margins",)),
}
EACH = {"mini": 8, "mini_1b": 4, "mini_1c": 5, "mini_2": 9, "mini_3": 4, "mini_cells_far": 7}  # images a class


@pytest.fixture(scope="session")
def image_lists(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Lists and images of four tiers, laid out as OpenMIBOOD's; near images bear classes, as in MIDOG."""
    root = tmp_path_factory.mktemp("openmibood")
    lists, data = root / "benchmark_imglist" / "mini", root / "mini"
    lists.mkdir(parents=True)
    for seed, (name, (folder, classes)) in enumerate(LISTS.items(), 31):
        write_phantoms(data / folder, per_class=EACH[name], size=96, seed=seed, classes=classes)
        lines = []
        for path in sorted((data / folder).rglob("*.jpg")):
            label = ID_CLASSES.index(path.parent.name) if path.parent.name in ID_CLASSES else 1
            lines.append(f"{path.relative_to(data).as_posix()} {-1 if name.endswith('far') else label}\n")
        (lists / f"test_{name}.txt").write_text("".join(lines))
    return lists, data
