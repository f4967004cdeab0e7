"""The tiers of OpenMIBOOD: ID, covariate-shifted ID, near-OOD and far-OOD, read from its image lists.

Reference:
    Gutbrod et al., OpenMIBOOD: open medical imaging benchmarks for out-of-distribution detection, CVPR 2025, and its
    published code (github.com/remic-othr/OpenMIBOOD), which is built on OpenOOD.

With the scores ``S`` of the images of the ID list and of one other list, whose images are the positives, whatever their
tier and label::

    AUROC  = P(S_list > S_ID) + ½ P(S_list = S_ID)
    FPR95  = share of ID images with S ≥ t, t the largest threshold that 95 % of the list's images reach (OOD positive)
    AUPR-in, AUPR-out = area under precision over recall by straight lines, ID or the list being the positive class

and a tier's figure is the mean over its lists, each counting once, however many images it has. So covariate-shifted ID
images are measured as if they were to be found: their AUROC says how much a method reacts to the shift; 50 is not at
all. ``Figures.fpr95_id_positive`` of that tier is the share of them that is accepted where 95 % of the ID list are.

Differs:
    scikit-learn's ROC curve, which the published code reads FPR95 from, leaves out points on a straight line; where
    scores of both sides tie, it can take the next corner. Exact copies of an image count once, and images that the
    methods were fitted on are refused. Intervals are ours. No method is tuned on OOD images; the published table is of
    methods whose settings were the best on OOD validation lists (``valid_*_far.txt``). Our own figures, by which
    methods rank (``MethodResult.pooled`` and ``per_class``), take covariate-shifted images as ID, as the full-spectrum
    setting of OpenOOD v1.5 does: the classifier knows their classes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import torch
from jaxtyping import Float, Int
from torch import Tensor

from nero_core.benchmark.bootstrap import Resamples, Side, as_figures
from nero_core.benchmark.records import Figures, Tiers
from nero_core.data.folders import ImageFolder
from nero_core.data.left_out import Tell
from nero_core.data.limits import file_name
from nero_core.datasets.image_list import ImageList, read_image_lists
from nero_core.errors import DatasetError


@dataclass(frozen=True, slots=True)
class ListedImages:
    """The images of all lists of a benchmark.

    Attributes:
        ids: those of the ID list, by class, and then those of each covariate-shifted list, which is a class of its own
            behind the bundle's.
        ood: those of the near and far lists, a class each.
        tiers: which list is in which tier.
    """

    ids: ImageFolder
    ood: ImageFolder
    tiers: Tiers


def read_listed(lists: str | Path, data: str | Path, class_names: tuple[str, ...], on_left_out: Tell) -> ListedImages:
    """Read the lists of one benchmark; label i of the ID list is class i of the bundle.

    Args:
        lists: folder of ``test_*.txt``.
        data: folder that the paths begin in.
        class_names: of the bundle.
        on_left_out: told what each list names that is not read, where there is such a thing.

    Raises:
        DatasetError: as ``read_image_lists``, or a list has the name of a class of the bundle.
    """
    found = read_image_lists(lists, data, len(class_names))
    for each in found:
        if each.left_out.reasons:
            on_left_out(each.left_out)
    both = [each.name for each in found if each.tier != "id" and each.name in class_names]
    if both:
        raise DatasetError(
            f"{file_name(str(lists))}: expected lists of other names than the classes of the bundle; found "
            f"test_{file_name(both[0])}.txt. Rename it."
        )
    plain = found[0]
    in_tier = {tier: [each for each in found if each.tier == tier] for tier in ("csid", "near", "far")}
    tiers = Tiers(**{tier: tuple(each.name for each in some) for tier, some in in_tier.items()})
    shifted, ood = in_tier["csid"], [*in_tier["near"], *in_tier["far"]]
    first = len(class_names)
    ids = ImageFolder(
        root=Path(data),
        classes=(*class_names, *tiers.csid),
        paths=(*plain.paths, *(path for each in shifted for path in each.paths)),
        labels=(*plain.labels, *(first + index for index, each in enumerate(shifted) for _ in each.paths)),
    )
    return ListedImages(ids, _folder(Path(data), ood), tiers)


def tier_figures(
    resamples: Resamples,
    tiers: Tiers,
    id_scores: Float[Tensor, " id"],
    ood_scores: Float[Tensor, " ood"],
    id_lists: Int[Tensor, " id"],
    ood_lists: Int[Tensor, " ood"],
) -> tuple[Mapping[str, Figures], Mapping[str, Figures]]:
    """Figures of each list against the ID list alone, and their mean over the lists of each tier.

    Args:
        resamples: whose draws of an image are the same for every method and list.
        tiers: which lists there are.
        id_scores: of the ID list and of the covariate-shifted lists.
        ood_scores: of the near and far lists.
        id_lists: list of each image of ``id_scores``: 0 for the ID list, then 1, 2, … in the order of ``tiers.csid``.
        ood_lists: list of each image of ``ood_scores``, an index into the near lists and then the far ones.
    """
    plain: Side = (id_scores, resamples.id, torch.nonzero(id_lists == 0).flatten())
    sides: dict[str, Side] = {
        name: (id_scores, resamples.id, torch.nonzero(id_lists == index).flatten())
        for index, name in enumerate(tiers.csid, 1)
    }
    for index, name in enumerate((*tiers.near, *tiers.far)):
        sides[name] = (ood_scores, resamples.ood, torch.nonzero(ood_lists == index).flatten())
    tables = {name: resamples.table(plain, side) for name, side in sides.items()}
    means = {tier: torch.stack([tables[name] for name in lists]).mean(dim=0) for tier, lists in tiers.items()}
    return _figures(tables), _figures(means)


def _folder(root: Path, lists: list[ImageList]) -> ImageFolder:
    return ImageFolder(
        root=root,
        classes=tuple(each.name for each in lists),
        paths=tuple(path for each in lists for path in each.paths),
        labels=tuple(index for index, each in enumerate(lists) for _ in each.paths),
    )


def _figures(tables: Mapping[str, Tensor]) -> Mapping[str, Figures]:
    return MappingProxyType({name: as_figures(table) for name, table in tables.items()})
