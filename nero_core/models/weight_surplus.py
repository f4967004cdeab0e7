"""Tensors that programs save beside a network's own: weights of a loss, states of metrics, counters of averages.

They may be left out of an import. A part of another network may not: whoever names ``resnet18`` for the weights of a
resnet34 has every tensor of a ResNet-18 and more.
"""

import re
from collections.abc import Collection, Mapping

from torch import Tensor

COUNTER = "num_batches_tracked"  # of batch norm, which files of older programs lack; it plays no part in inference

# Words between dots and underscores that name what looks at a network from outside.
_BESIDE = re.compile(
    r"(^|[._])(\w*loss(es|_?fn)?|criterion|criteria|objective|b?ce|focal|cross_entropy|xent|class_weights?|pos_weights?|label_smoothing"
    r"|metrics?|(train|val|valid|validation|test)_\w*(acc\w*|auroc|auc|f1\w*|precision|recall|confmat|stats?)"
    r"|acc(uracy)?|auroc|confmat|confusion(_matrix)?|f1(_score)?|mean_value|preds?|targets?|[tf][pn]"
    r"|n_averaged|num_updates|updates|initted|ema_decay|decay|global_step|epochs?|steps?)($|[._])"
)
_PART_OF_A_LAYER = ("bias", "running_mean", "running_var", COUNTER)


def plays_no_part(name: str, state: Mapping[str, Tensor], network: Collection[str], classes: int) -> bool:
    """Whether a tensor that the network has no name for is surely none of its layers'.

    It stands outside the network's own modules, and is called as what looks at a network from outside, or is one number
    (a counter), or is alone and has one number a class (weights of a loss).

    Args:
        name: of the tensor, as the network's names are.
        state: all tensors of the file, under such names.
        network: names of the network's own tensors.
        classes: of the head.
    """
    module, _, last = name.rpartition(".")
    if last == COUNTER or name.split(".")[0] in {own.split(".")[0] for own in network}:
        return False
    if _BESIDE.search(name) or (state[name].numel() <= 1 and last not in _PART_OF_A_LAYER):
        return True
    is_alone = not module or sum(other.startswith(f"{module}.") for other in state) == 1
    return tuple(state[name].shape) == (classes,) and is_alone and last not in _PART_OF_A_LAYER


def networks(state: Mapping[str, Tensor], names: Collection[str], known: Collection[str]) -> list[str]:
    """The prefixes under which a file holds a network's tensors, all of them; the likeliest first.

    Copies that averaging or distillation made of a network come after it. ``""`` is no prefix.

    Args:
        state: the tensors of the file.
        names: of the network's tensors, without what a file may lack.
        known: prefixes that training programs are known to write.
    """
    first = next(iter(names))
    prefixes = {name.removesuffix(first) for name in state if name.endswith(f".{first}")}
    whole = [prefix for prefix in prefixes if all(prefix + name in state for name in names)]
    return sorted(whole, key=lambda prefix: (rank(prefix, known), len(prefix), prefix))


def rank(prefix: str, known: Collection[str]) -> tuple[bool, bool]:
    """How unlikely it is that the network under this prefix is the one that was trained."""
    words = [f"{word}." for word in prefix.split(".") if word]
    return bool(_COPY.search(prefix)), not all(word in known for word in words)


_COPY = re.compile(r"(^|[._])(\w*ema|ema\w*|averaged?|\w*teacher|target|momentum\w*|old|best|key|encoder_k)($|[._])")
