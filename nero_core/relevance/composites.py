"""Ways to make a heatmap, by name: composites of LRP rules, the plain gradient, integrated gradients."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from jaxtyping import Float
from timm.layers.layer_scale import LayerScale
from torch import Tensor, nn
from zennit.composites import SpecialFirstLayerMapComposite
from zennit.core import BasicHook, Composite
from zennit.layer import Sum
from zennit.rules import Epsilon, Flat, Norm, Pass, ZBox
from zennit.types import Activation, AvgPool, Convolution, Linear

from nero_core.errors import RelevanceError
from nero_core.models.canonizers import family_of
from nero_core.models.canonizers_vit import GELUS, LAYER_NORMS, AttentionMix, TokenEmbedding, TokenPool
from nero_core.relevance.rules import (
    alpha_beta_rule,
    gamma_rule,
    is_grouped,
    proportional_rule,
    z_plus_rule,
)
from nero_core.relevance.shared_forward import SharedForward

EPSILON = 1e-6  # zennit's default; 1e-2 leaks a quarter of the relevance over the twelve blocks of a ViT


@dataclass(frozen=True)
class CompositeChoice:
    """A way to make a heatmap that people may choose.

    Attributes:
        title: for people.
        about: what it does, in one sentence.
        layouts: of the families that it suits.
        rules: makes the zennit composite from the normalised values of a black and a white pixel; None = no rules.
        is_path: whether it integrates the gradient from the blurred image to the image. It makes class heatmaps, in
            logits; all others propagate relevance, and make concept maps and evidence too.
    """

    title: str
    about: str
    layouts: tuple[str, ...]
    rules: Callable[[Float[Tensor, "1 3 1 1"], Float[Tensor, "1 3 1 1"]], Composite] | None
    is_path: bool = False


def composites_for(model: nn.Module) -> tuple[str, ...]:
    """Names of the ways to make a class heatmap that suit the model's family, its default first.

    Raises:
        RelevanceError: the architecture has no honest heatmap.
    """
    family = family_of(model)
    first = CLASS_HEATMAPS[family.name]
    suitable = (name for name, choice in COMPOSITES.items() if family.layout in choice.layouts)
    return (first, *(name for name in suitable if name != first))


def concept_composites_for(model: nn.Module) -> tuple[str, ...]:
    """Names of those that propagate relevance, as concept maps and evidence need it; the family's default first.

    Raises:
        RelevanceError: the architecture has no honest heatmap.
    """
    first = CONCEPT_MAPS[family_of(model).name]
    others = (name for name in composites_for(model) if not COMPOSITES[name].is_path and name != first)
    return (first, *others)


def choose_composite(model: nn.Module, name: str | None) -> str:
    """The name itself where it suits the model's family, the default of the family's class heatmaps for None.

    Raises:
        RelevanceError: the composite is unknown or does not suit, or the architecture has no honest heatmap.
    """
    return _chosen(model, composites_for(model), name)


def choose_concept_composite(model: nn.Module, name: str | None) -> str:
    """The same among those that propagate relevance.

    Raises:
        RelevanceError: as ``choose_composite``, or this one makes class heatmaps alone.
    """
    return _chosen(model, concept_composites_for(model), name)


def _chosen(model: nn.Module, suitable: tuple[str, ...], name: str | None) -> str:
    if name is None:
        return suitable[0]
    if name not in COMPOSITES:
        raise RelevanceError(f"Expected a composite among {', '.join(suitable)}. Found {name!r}. Choose one of these.")
    if name not in suitable:
        refused = _NO_CONCEPTS if COMPOSITES[name].is_path else _REFUSED[family_of(model).layout]
        reason = refused.format(title=COMPOSITES[name].title)
        raise RelevanceError(
            f"Expected a composite among {', '.join(suitable)}. Found {name!r}: {reason}. Choose one of these."
        )
    return name


def epsilon_plus() -> Composite:
    """ε+ with a flat first layer: z+ for convolutions, ε for Linear, Norm for sums, shares for average pooling.

    The first convolution spreads its relevance evenly over its field of view (Flat); activations pass it on.

    Reference: Kohlbrenner et al., "Towards best practice in explaining neural network decisions with LRP", IJCNN 2020;
        Lapuschkin et al., Nature Communications 2019 (Flat).
    Differs: biases take no relevance (`zero_params="bias"` in later zennit), so that the heatmap sums to the relevance
        it started from; in zennit's `EpsilonPlusFlat` positive biases, also those merged from BatchNorm, take their
        share, which reaches no pixel. The rules run in `SharedForward`, which changes nothing but speed.
    """
    return _convolutional(lambda module, products: z_plus_rule(products, spread=is_grouped(module)), (Linear, Flat()))


def epsilon_gamma_box(low: Float[Tensor, "1 3 1 1"], high: Float[Tensor, "1 3 1 1"]) -> Composite:
    """ε-γ-box: γ = 0.25 for convolutions, the box rule for the first, ε for Linear, Norm for residual sums.

    ``R_i = Σ_o (x_i w_io − l_i w_io⁺ − h_i w_io⁻) / Σ_i' (…) · R_o`` at the pixels, whose values lie in [l, h].

    Args:
        low: l, what a black pixel is after normalisation.
        high: h, what a white pixel is.

    Reference: Montavon et al., Pattern Recognition 2017 (box); Montavon et al., 2019 (γ).
    Differs: see `gamma_rule`. Biases take their share in the γ layers, and the conservation shows how much.
    """
    return _convolutional(lambda module, products: gamma_rule(products=products), (Convolution, ZBox(low, high)))


def epsilon_alpha2_beta1_flat() -> Composite:
    """ε-α2β1 with a flat first layer: in all other convolutions positive contributions weigh 2, negative ones −1.

    Reference: Bach et al., PLOS ONE 2015 (αβ); Lapuschkin et al., Nature Communications 2019 (Flat).
    Differs: biases take no relevance, as in `epsilon_plus`.
    """
    return _convolutional(
        lambda module, products: alpha_beta_rule(products=products, spread=is_grouped(module)),
        (Linear, Flat()),
    )


def epsilon() -> Composite:
    """ε = 1e-6 for every Linear, LayerNorm, mix of values, sum and pooling of a transformer; patches are flat.

    GELU and layer scale hand relevance on. Attention weights and the deviations of LayerNorm are constants of the
    image, so that nothing of the relevance reaches queries and keys.

    Reference: Ali et al., "XAI for transformers: better explanations through conservative propagation", ICML 2022;
        Achtibat et al., "AttnLRP", ICML 2024.
    Differs: biases, the class token and the position embedding take their share, as ε-LRP has it: with mixed signs,
        denominators without them come near 0. `Attributor.blocks` says how much they took.
    """
    layers = [
        ((Activation, *GELUS, LayerScale), Pass()),
        ((Sum, AttentionMix, TokenEmbedding, TokenPool), SharedForward(Norm())),
        ((nn.Linear, *LAYER_NORMS), SharedForward(Epsilon(EPSILON))),
    ]
    return SpecialFirstLayerMapComposite(layers, [(Convolution, SharedForward(Flat()))])


COMPOSITES: Mapping[str, CompositeChoice] = MappingProxyType(
    {
        "epsilon_plus": CompositeChoice(
            "ε+",
            "Follows what speaks for each neuron; nothing is lost to biases.",
            ("maps",),
            lambda low, high: epsilon_plus(),
        ),
        "epsilon": CompositeChoice(
            "ε",
            "Follows all contributions through a transformer; biases keep their share.",
            ("tokens",),
            lambda low, high: epsilon(),
        ),
        "epsilon_gamma_box": CompositeChoice(
            "ε-γ-box",
            "Favours what speaks for each neuron, and weighs pixels by their distance from black and white.",
            ("maps",),
            epsilon_gamma_box,
        ),
        "epsilon_alpha2_beta1_flat": CompositeChoice(
            "ε-α2β1",
            "Sets what speaks for each neuron against what speaks against it.",
            ("maps",),
            lambda low, high: epsilon_alpha2_beta1_flat(),
        ),
        "gradient_times_input": CompositeChoice(
            "gradient × input",
            "The plain gradient times the normalised pixels, to compare with; no relevance is conserved.",
            ("maps", "tokens"),
            None,
        ),
        "integrated_gradients": CompositeChoice(
            "integrated gradients",
            "The gradient, summed on the way from the blurred image to the image: adds up to what the detail of the "
            "image adds to the logit.",
            ("maps", "tokens"),
            None,
            is_path=True,
        ),
    }
)
#: The default of class heatmaps, by family: the one that is faithful and adds up, as measured in docs/evidence.md.
CLASS_HEATMAPS: Mapping[str, str] = MappingProxyType(
    {"resnet": "integrated_gradients", "efficientnet": "epsilon_plus", "vit": "integrated_gradients"}
)
#: The default of concept maps and of evidence, which propagate relevance from the channels.
CONCEPT_MAPS: Mapping[str, str] = MappingProxyType(
    {"resnet": "epsilon_plus", "efficientnet": "epsilon_plus", "vit": "epsilon"}
)
_NO_CONCEPTS = "{title} makes class heatmaps alone; concept maps and evidence propagate relevance"
_REFUSED = {
    "maps": "{title} is a composite for transformers",
    "tokens": "{title} is a composite for convolutions, and its rules fail on the mixed signs inside a transformer",
}


def _convolutional(inner: Callable[[nn.Module, int], BasicHook], first: tuple[type, BasicHook]) -> Composite:
    layers = [
        (Activation, Pass()),
        (Sum, SharedForward(Norm())),
        (AvgPool, SharedForward(proportional_rule())),
        (Convolution, SharedForward(inner)),
        (nn.Linear, SharedForward(Epsilon(EPSILON))),
    ]
    kind, rule = first
    return SpecialFirstLayerMapComposite(layers, [(kind, SharedForward(rule))])
