"""Heatmaps: equal to zennit-crp's, linear, conserving, safe between threads; the plain model stays untouched."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import timm
import torch
from crp.attribution import CondAttribution
from crp.concepts import ChannelConcept
from jaxtyping import Float
from timm.models.resnet import BasicBlock, Bottleneck, ResNet
from torch import Tensor, nn
from zennit.composites import EpsilonAlpha2Beta1Flat, EpsilonPlusFlat
from zennit.rules import AlphaBeta, ZPlus
from zennit.types import Convolution

from nero_core.errors import RelevanceError
from nero_core.models.canonizers_resnet import MergeBatchNorm, ResidualSum
from nero_core.relevance import attribution_copy, composites
from nero_core.relevance.attribution_copy import AttributionCopy
from nero_core.relevance.head import neuron_relevance
from nero_core.relevance.heatmap import Attributor, conditions
from nero_core.types import Head
from tests.nero_core.relevance.norms import randomise_norms
from tests.nero_core.relevance.with_biases import epsilon_plus_with_biases

MEAN, STD = (0.4, 0.5, 0.6), (0.2, 0.25, 0.3)
NEURONS = 40


class ZPlusWithoutBiases(ZPlus):
    """zennit's z+ with `zero_params="bias"`, which zennit 0.4.6 does not have yet."""

    def __init__(self) -> None:
        super().__init__()
        self.param_modifiers = [
            lambda param, name: param.clamp(min=0) if name == "weight" else 0 * param,
            lambda param, name: param.clamp(max=0) if name == "weight" else 0 * param,
        ]


class AlphaBetaWithoutBiases(AlphaBeta):
    def __init__(self) -> None:
        super().__init__()
        self.param_modifiers = [
            lambda param, name, modify=modify: modify(param, "weight") if name == "weight" else 0 * param
            for modify in self.param_modifiers
        ]


class EpsilonPlusFlatWithoutBiases(EpsilonPlusFlat):
    def __init__(self, canonizers: list[object]) -> None:
        super().__init__(canonizers=canonizers)
        self.layer_map = [(Convolution, ZPlusWithoutBiases()), *self.layer_map]


class EpsilonAlpha2Beta1FlatWithoutBiases(EpsilonAlpha2Beta1Flat):
    def __init__(self, canonizers: list[object]) -> None:
        super().__init__(canonizers=canonizers)
        self.layer_map = [(Convolution, AlphaBetaWithoutBiases()), *self.layer_map]


ZENNITS = {
    "epsilon_plus": EpsilonPlusFlatWithoutBiases,
    "epsilon_plus_with_biases": EpsilonPlusFlat,
    "epsilon_alpha2_beta1_flat": EpsilonAlpha2Beta1FlatWithoutBiases,
}


@pytest.fixture(autouse=True)
def composite_with_biases(monkeypatch: pytest.MonkeyPatch) -> None:
    """ε+ as zennit has it is no choice of the screen; here it shows what biases take."""
    choice = replace(composites.COMPOSITES["epsilon_plus"], rules=lambda low, high: epsilon_plus_with_biases())
    both = {**composites.COMPOSITES, "epsilon_plus_with_biases": choice}
    monkeypatch.setattr(composites, "COMPOSITES", both)
    monkeypatch.setattr(attribution_copy, "COMPOSITES", both)


def randomised(block: type[nn.Module] = BasicBlock, dtype: torch.dtype = torch.float64) -> nn.Module:
    torch.manual_seed(0)
    channels = tuple(c // block.expansion for c in (16, 24, 32, NEURONS))
    model = ResNet(block, [1, 2, 1, 1], channels=channels, num_classes=3, stem_width=16).eval()
    randomise_norms(model)
    return model.to(dtype).requires_grad_(False)


def image(seed: int = 1) -> Float[Tensor, "1 3 64 64"]:
    return torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(seed))


def normalised(pixels: Tensor, model: nn.Module) -> Tensor:
    mean, std = (torch.tensor(values)[:, None, None] for values in (MEAN, STD))
    return ((pixels - mean) / std).to(next(model.parameters()))


def closed_form(model: nn.Module, pixels: Tensor) -> tuple[Float[Tensor, " neurons"], Float[Tensor, " classes"]]:
    """``r_j = a_j Σ_i p_i/(l_i + ε sign l_i) W_ij`` with ε = 1e-6, and p; a second time, beside the library's."""
    a = model.forward_head(model.forward_features(normalised(pixels, model)), pre_logits=True)[0]
    logits = model.fc(a)
    p = logits.softmax(dim=0)
    r = torch.stack([sum(a[j] * p[i] / (logits[i] + 1e-6 * logits[i].sign()) * model.fc.weight[i, j] for i in range(3))
                     for j in range(len(a))])  # fmt: skip
    return r, p


def crp(model: nn.Module, pixels: Tensor, composite: str, channels: list[int], **kwargs: object) -> object:
    """zennit-crp as its authors run it: image repeated for each condition, hooks and canonizers on for the call."""
    data = normalised(pixels, model).requires_grad_()
    _, p = closed_form(model, pixels)
    oracle = ZENNITS[composite](canonizers=[ResidualSum(), MergeBatchNorm()])
    asked = [{"layer4": [channel]} for channel in channels] or [{}]
    return CondAttribution(model)(data, asked, oracle, init_rel=p.expand(len(asked), -1), **kwargs)


def assert_heatmaps_close(actual: Tensor, expected: Tensor) -> None:
    for heatmap, other in zip(actual.double(), expected.double(), strict=True):
        assert float((heatmap - other).abs().max()) <= 1e-5 * float(other.abs().max())


@pytest.mark.parametrize("block", [BasicBlock, Bottleneck])
@pytest.mark.parametrize("composite", ZENNITS)
def test_relevance_at_the_features_summed_over_space_is_the_closed_form(block: type[nn.Module], composite: str) -> None:
    model = randomised(block)
    result = crp(model, image(), composite, [], record_layer=["layer4"])
    r, _ = closed_form(model, image())
    torch.testing.assert_close(result.relevances["layer4"][0].sum(dim=(1, 2)), r, rtol=1e-4, atol=1e-6)
    pooled = model.forward_head(model.forward_features(normalised(image(), model)), pre_logits=True)
    ours, _ = neuron_relevance(pooled, Head(model.fc.weight, model.fc.bias), epsilon=1e-6)
    torch.testing.assert_close(ours[0], r, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("block", [BasicBlock, Bottleneck])
@pytest.mark.parametrize("composite", ZENNITS)
def test_conditional_heatmaps_are_those_of_zennit_crp(block: type[nn.Module], composite: str) -> None:
    model = randomised(block)
    r, _ = closed_form(model, image())
    channels = r.abs().topk(6).indices.tolist()
    expected = crp(model, image(), composite, channels, mask_map=ChannelConcept.mask).heatmap
    heatmaps = Attributor(model, MEAN, STD, composite).heatmaps(image(), conditions(r, channels))
    assert float(expected.abs().amax(dim=(1, 2)).min()) > 0
    assert_heatmaps_close(heatmaps.maps, expected)


@pytest.mark.parametrize("composite", ZENNITS)
def test_the_unconditional_heatmap_is_that_of_zennit_crp(composite: str) -> None:
    model = randomised()
    r, _ = closed_form(model, image())

    def spread(a: Tensor) -> Tensor:
        return r[:, None, None] * (a / a.sum(dim=(2, 3), keepdim=True)).nan_to_num()

    data = normalised(image(), model).requires_grad_()
    oracle = ZENNITS[composite](canonizers=[ResidualSum(), MergeBatchNorm()])
    expected = CondAttribution(model)(data, [{}], oracle, start_layer="layer4", init_rel=spread).heatmap
    assert_heatmaps_close(Attributor(model, MEAN, STD, composite).heatmaps(image(), r[None]).maps, expected)


@pytest.fixture
def engine() -> tuple[Attributor, Tensor]:
    model = randomised(dtype=torch.float32)
    return Attributor(model, MEAN, STD), closed_form(model, image())[0]


def test_conditional_heatmaps_of_all_channels_sum_to_the_unconditional_one(engine: tuple[Attributor, Tensor]) -> None:
    attributor, r = engine
    whole = attributor.heatmaps(image(), r[None]).maps[0]
    parts = attributor.heatmaps(image(), conditions(r, range(NEURONS))).maps
    torch.testing.assert_close(parts.sum(dim=0), whole, rtol=1e-4, atol=1e-5 * float(whole.abs().max()))


def test_relevance_is_conserved_and_the_figure_is_the_ratio_of_the_sums(engine: tuple[Attributor, Tensor]) -> None:
    attributor, r = engine
    initial_relevance = torch.stack([r, r.clamp(min=0), r.clamp(max=0)])
    result = attributor.heatmaps(image(), initial_relevance)
    torch.testing.assert_close(result.conservation, torch.ones(3), rtol=0, atol=1e-3)
    torch.testing.assert_close(result.maps.sum(dim=(1, 2)) / initial_relevance.sum(dim=1), result.conservation)
    cancelled = result.maps.abs().sum(dim=(1, 2)) / initial_relevance.sum(dim=1).abs()
    torch.testing.assert_close(result.cancellation, cancelled)
    # z+ keeps the sign of each row: alone they do not cancel, together they may
    torch.testing.assert_close(result.cancellation[1:], torch.ones(2), rtol=0, atol=1e-2)
    assert bool((result.cancellation >= result.conservation.abs() - 1e-5).all())


def test_blocks_refuse_relevance_that_is_not_finite(engine: tuple[Attributor, Tensor]) -> None:
    attributor, _ = engine
    with pytest.raises(RelevanceError, match="Expected finite relevance at"):
        attributor.blocks(image(), torch.full((NEURONS,), 3e38))


def test_biases_that_take_relevance_show_in_the_conservation() -> None:
    model = randomised(dtype=torch.float32)
    r, _ = closed_form(model, image())
    result = Attributor(model, MEAN, STD, "epsilon_plus_with_biases").heatmaps(image(), r.clamp(min=0)[None])
    assert 0.05 < float(result.conservation[0]) < 0.9


@pytest.mark.parametrize("composite", ["epsilon_plus", "epsilon_gamma_box", "epsilon_alpha2_beta1_flat"])
def test_a_layer_whose_inputs_become_negative_is_seen(composite: str) -> None:
    """A rule leaves out what is 0 for inputs that are not negative; whether they are is learnt from the images."""
    model = randomised()
    model.layer1[0].act1 = nn.Identity()  # what conv2 gets may then be negative
    model.layer1[0].bn1.bias.fill_(50)
    lowest: list[Tensor] = []
    watch = model.layer1[0].conv2.register_forward_pre_hook(lambda _, inputs: lowest.append(inputs[0].amin()))
    usual, bright = image(), 1e4 * image(2)
    (r, _), (other, _) = closed_form(model, usual), closed_form(model, bright)
    watch.remove()
    assert lowest[0] > 0 > lowest[1]
    used, fresh = (Attributor(model, MEAN, STD, composite) for _ in range(2))
    expected = used.heatmaps(usual, r[None]).maps
    assert torch.equal(used.heatmaps(usual, r[None]).maps, expected)
    expected_of_bright = fresh.heatmaps(bright, other[None]).maps
    for _ in range(2):
        assert torch.equal(used.heatmaps(bright, other[None]).maps, expected_of_bright)
    assert torch.equal(used.heatmaps(usual, r[None]).maps, expected)


def test_rows_in_chunks_and_in_another_order_give_the_same_heatmaps(engine: tuple[Attributor, Tensor]) -> None:
    attributor, r = engine
    initial_relevance = conditions(r, range(7))
    whole = attributor.heatmaps(image(), initial_relevance)
    for chunk in (1, 3):
        torch.testing.assert_close(attributor.heatmaps(image(), initial_relevance, chunk=chunk).maps, whole.maps)
    torch.testing.assert_close(attributor.heatmaps(image(), initial_relevance.flip(0)).maps.flip(0), whole.maps)


def test_a_heatmap_is_homogeneous_in_its_initial_relevance_and_zero_gives_zero(
    engine: tuple[Attributor, Tensor],
) -> None:
    attributor, r = engine
    result = attributor.heatmaps(image(), torch.stack([r, -2 * r, 0 * r]))
    torch.testing.assert_close(result.maps[1], -2 * result.maps[0])
    assert not result.maps[2].any()
    assert result.conservation.isnan().tolist() == [False, False, True]


def test_a_channel_that_is_zero_everywhere_gives_zero_not_nan() -> None:
    model = randomised(dtype=torch.float32)
    model.layer4[0].bn2.bias.data[3] = -1e3
    model.layer4[0].downsample[1].bias.data[3] = -1e3
    initial_relevance = torch.zeros(2, NEURONS)
    initial_relevance[1, 3], initial_relevance[1, 4] = 1, 1
    initial_relevance[0, 4] = 1
    result = Attributor(model, MEAN, STD).heatmaps(image(), initial_relevance)
    assert torch.equal(result.maps[0], result.maps[1])
    torch.testing.assert_close(result.conservation, torch.tensor([1.0, 0.5]), rtol=1e-3, atol=0)


def test_heatmaps_are_float32_on_the_cpu_at_the_size_of_the_image(engine: tuple[Attributor, Tensor]) -> None:
    attributor, r = engine
    result = attributor.heatmaps(torch.rand(1, 3, 70, 52), r.double()[None])
    assert result.maps.shape == (1, 70, 52) and result.maps.dtype == result.conservation.dtype == torch.float32
    assert result.maps.device.type == "cpu" and not result.maps.requires_grad


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_the_callers_gradient_mode_does_not_matter(
    engine: tuple[Attributor, Tensor], mode: Callable[[], object]
) -> None:
    attributor, r = engine
    expected = attributor.heatmaps(image(), r[None]).maps
    with mode():
        maps = attributor.heatmaps(image() + 0, r[None] * 1).maps
    assert torch.equal(maps, expected)


def test_the_plain_model_is_untouched_bit_for_bit() -> None:
    model = timm.create_model("resnet10t", num_classes=3).train()
    state = {key: value.clone() for key, value in model.state_dict().items()}
    before = {id(module): sorted(vars(module)) for module in model.modules()}
    logits = model.eval()(image())
    model.train()
    r = torch.rand(1, 512)
    Attributor(model, MEAN, STD).heatmaps(image(), r)
    assert model.training and all(parameter.requires_grad for parameter in model.parameters())
    assert {id(module): sorted(vars(module)) for module in model.modules()} == before
    assert not any(module._forward_hooks or module._forward_pre_hooks for module in model.modules())
    assert all(torch.equal(value, state[key]) for key, value in model.state_dict().items())
    assert torch.equal(model.eval()(image()), logits)


def test_four_threads_get_what_one_gets_while_the_plain_model_predicts() -> None:
    model = randomised(dtype=torch.float32)
    attributor = Attributor(model, MEAN, STD)
    r, _ = closed_form(model, image())
    initial_relevance = conditions(r, range(4))
    serial = [attributor.heatmaps(image(seed), initial_relevance).maps for seed in range(6)]
    logits = model(image())

    def work(_: int) -> list[Tensor]:
        maps = []
        for seed in range(6):
            maps.append(attributor.heatmaps(image(seed), initial_relevance).maps)
            assert torch.equal(model(image()), logits)
        return maps

    with ThreadPoolExecutor(4) as pool:
        for maps in pool.map(work, range(4)):
            for heatmaps, expected in zip(maps, serial, strict=True):
                torch.testing.assert_close(heatmaps, expected, rtol=1e-5, atol=1e-6 * float(expected.abs().max()))


def test_hooks_are_registered_once(engine: tuple[Attributor, Tensor], monkeypatch: pytest.MonkeyPatch) -> None:
    attributor, r = engine
    for name in ("register_forward_pre_hook", "register_forward_hook", "register_full_backward_hook"):
        monkeypatch.setattr(torch.nn.Module, name, lambda *given, **named: pytest.fail("registered again"))
    assert attributor.heatmaps(image(), r[None]).maps.any()


def test_the_attribution_copy_keeps_nothing_of_the_image() -> None:
    attribution_copy = AttributionCopy(randomised(), MEAN, STD, None, None)
    with attribution_copy.graph(image()) as graph:
        graph.heatmaps(graph.features, graph.initial_signal(torch.rand(1, NEURONS).double()), chunk=1)
        assert len(attribution_copy.hooks) > 20 and any(hook.stored_tensors for hook in attribution_copy.hooks)
    assert not any(hook.stored_tensors for hook in attribution_copy.hooks)


def test_one_forward_pass_serves_all_rows_and_chunks(
    engine: tuple[Attributor, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    attributor, r = engine
    batches: list[int] = []
    features = ResNet.forward_features
    monkeypatch.setattr(ResNet, "forward_features", lambda self, x: (batches.append(len(x)), features(self, x))[1])
    attributor.heatmaps(image(), conditions(r, range(NEURONS)), chunk=9)
    assert batches == [1]


@pytest.mark.parametrize(
    ("initial_relevance", "message"),
    [
        (
            torch.rand(2, NEURONS + 1),
            rf"Expected initial relevance of shape \(n ≥ 1, {NEURONS}\), found \(2, {NEURONS + 1}\)",
        ),
        (torch.rand(0, NEURONS), "found \\(0, "),
        (torch.full((1, NEURONS), torch.nan), "nan or infinity"),
    ],
)
def test_bad_initial_relevance_is_an_error_and_the_engine_stays_usable(
    engine: tuple[Attributor, Tensor], initial_relevance: Tensor, message: str
) -> None:
    attributor, r = engine
    expected = attributor.heatmaps(image(), r[None]).maps
    with pytest.raises(RelevanceError, match=message):
        attributor.heatmaps(image(), initial_relevance)
    assert torch.equal(attributor.heatmaps(image(), r[None]).maps, expected)


@pytest.mark.usefixtures("shapes_unchecked")
def test_several_images_or_initial_relevance_without_rows_are_errors(engine: tuple[Attributor, Tensor]) -> None:
    attributor, r = engine
    with pytest.raises(RelevanceError, match=r"pixels of shape \(1, 3, height, width\), found \(2, 3, 64, 64\)"):
        attributor.heatmaps(image().expand(2, -1, -1, -1), r[None])
    with pytest.raises(RelevanceError, match=rf"initial relevance of shape .*found \({NEURONS},\)"):
        attributor.heatmaps(image(), r)


@pytest.mark.parametrize("moment", ["prepare", "relevance"])
def test_a_failure_halfway_leaves_the_copy_usable(monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    attribution_copy = AttributionCopy(randomised(), MEAN, STD, None, None)

    def heatmap() -> Tensor:
        with attribution_copy.graph(image()) as graph:
            return graph.heatmaps(graph.features, graph.initial_signal(torch.ones(1, NEURONS).double()), chunk=1)

    def fail(*_: object) -> None:
        raise KeyboardInterrupt

    expected = heatmap()
    with monkeypatch.context() as patch:
        patch.setattr(attribution_copy.hooks[10], moment, fail)
        with pytest.raises(KeyboardInterrupt):
            heatmap()
    assert not any(hook.stored_tensors for hook in attribution_copy.hooks)
    assert torch.equal(heatmap(), expected)


def test_weights_that_are_not_finite_are_an_error() -> None:
    model = randomised(dtype=torch.float32)
    model.layer2[0].conv1.weight[0] = torch.nan
    with pytest.raises(RelevanceError, match="finite feature map"):
        Attributor(model, MEAN, STD).heatmaps(image(), torch.ones(1, NEURONS))


def test_gradient_checkpointing_is_off_in_the_copy_only(engine: tuple[Attributor, Tensor]) -> None:
    attributor, r = engine
    model = randomised(dtype=torch.float32)
    model.set_grad_checkpointing(True)
    maps = Attributor(model, MEAN, STD).heatmaps(image(), r[None]).maps
    assert torch.equal(maps, attributor.heatmaps(image(), r[None]).maps) and model.grad_checkpointing


def test_an_unknown_composite_and_an_unknown_architecture_are_errors() -> None:
    with pytest.raises(RelevanceError, match=r"Expected a composite among .*Found 'gamma'"):
        Attributor(randomised(), MEAN, STD, composite="gamma")
    with pytest.raises(RelevanceError, match="No heatmap for this architecture"):
        Attributor(nn.Sequential(nn.Linear(2, 2)), MEAN, STD)


def test_conditions_keep_one_channel_a_row(engine: tuple[Attributor, Tensor]) -> None:
    _, r = engine
    rows = conditions(r, [4, 0])
    expected = torch.zeros(2, NEURONS)
    expected[0, 4], expected[1, 0] = r[4], r[0]
    assert torch.equal(rows, expected)
    with pytest.raises(RelevanceError, match=rf"channels in 0 … {NEURONS - 1}, found \[{NEURONS}\]"):
        conditions(r, [NEURONS])


@pytest.mark.parametrize(
    ("arch", "side", "options", "sigma"),
    [
        ("resnet10t", 224, {}, 12.0),
        ("resnet10t", 96, {}, 12.0),
        ("resnet18", 128, {"output_stride": 16}, 6.0),
        ("tf_efficientnet_lite0", 160, {}, 12.0),
        ("deit_tiny_patch16_224", 224, {}, 6.0),
        ("vit_tiny_patch16_224", 96, {"img_size": 96}, 6.0),
        ("test_vit", 64, {"img_size": 64, "patch_size": 32}, 12.0),
    ],
)
def test_the_blur_follows_the_grid_on_which_the_network_reads_the_image(
    arch: str, side: int, options: dict[str, int], sigma: float
) -> None:
    """Three eighths of the image's side over the number of positions that the last feature map, or its tokens, have."""
    model = timm.create_model(arch, num_classes=3, **options).eval()
    last = model.forward_features(torch.zeros(1, 3, side, side))
    positions = last.shape[-1] if last.ndim == 4 else (last.shape[1] - model.num_prefix_tokens) ** 0.5
    assert Attributor(model, MEAN, STD).sigma == 3 / 8 * side / positions == sigma
