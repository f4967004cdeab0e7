"""Laws of pixel flipping, a replica by hand, and the real thing on the tiny bundle."""

import copy
import itertools
from pathlib import Path

import pytest
import torch
from torch import Tensor

from nero_core import Explorer, Inspector
from nero_core.errors import NeroError, RelevanceError
from nero_core.explain.class_output import class_outputs, logit_gradient
from nero_core.explain.faithfulness import MINIMUM_GAIN, SPREADS, measure_faithfulness
from nero_core.relevance.smoothing import GRID as GRID_SHOWN
from nero_core.relevance.smoothing import blurred_baseline
from nero_core.types import Faithfulness, FlippingCurves, Output

SIDE, GRID = 20, 4  # patches of 5 pixels


def weights() -> Tensor:
    """What each pixel is worth to the value below."""
    return torch.rand(SIDE, SIDE, generator=torch.Generator().manual_seed(3), dtype=torch.float64) ** 4


def linear(pixels: Tensor) -> Tensor:
    return (pixels.mean(dim=1).double() * weights()).sum(dim=(1, 2)) / weights().sum()


def values(pixels: Tensor) -> dict[Output, Tensor]:
    return {"probability": linear(pixels)}


def figures(heatmap: Tensor, seed: int = 0, chunk: int = 14, permutations: int = 5) -> Faithfulness:
    pixels = torch.ones(1, 3, SIDE, SIDE)
    return measure_faithfulness(
        values, pixels, {"it": heatmap}, torch.ones(SIDE, SIDE), 0,
        imputations=("blur",), baseline=torch.zeros_like(pixels),
        grid=GRID, seed=seed, chunk=chunk, permutations=permutations,
    )["it"]  # fmt: skip


def test_the_curves_are_those_of_the_definition() -> None:
    pixels = torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    heatmap = torch.randn(SIDE, SIDE, generator=torch.Generator().manual_seed(1))
    baseline = blurred_baseline(pixels, GRID)
    measured = measure_faithfulness(values, pixels, {"it": heatmap}, heatmap, 2, grid=GRID)["it"]
    tiles = [
        (slice(5 * row, 5 * row + 5), slice(5 * column, 5 * column + 5)) for row in range(4) for column in range(4)
    ]
    ranked = sorted(tiles, key=lambda tile: -float(heatmap[tile].double().sum()))
    deleted, inserted = pixels.clone(), baseline.clone()
    deletion, insertion = [float(linear(deleted))], [float(linear(inserted))]
    for step in range(4):
        for tile in ranked[4 * step : 4 * step + 4]:
            deleted[(..., *tile)] = baseline[(..., *tile)]
            inserted[(..., *tile)] = pixels[(..., *tile)]
        deletion.append(float(linear(deleted)))
        insertion.append(float(linear(inserted)))
    torch.testing.assert_close(measured.heatmap.deletion, torch.tensor(deletion, dtype=torch.float64))
    torch.testing.assert_close(measured.heatmap.insertion, torch.tensor(insertion, dtype=torch.float64))
    area = sum((a + b) / 2 for a, b in itertools.pairwise(deletion)) / 4
    assert measured.heatmap.deletion_area == pytest.approx(area)
    assert measured.explained_class == 2
    torch.testing.assert_close(measured.gradient.deletion, measured.heatmap.deletion)  # the same map was given for both


def test_the_true_order_gains_most_and_its_reverse_loses_as_much() -> None:
    best, worst = figures(weights()), figures(-weights())
    assert best.gain == pytest.approx(-worst.gain)
    assert best.gain > best.margin
    assert not best.is_weak
    assert worst.is_weak
    shuffled = weights().flatten()[torch.randperm(SIDE * SIDE, generator=torch.Generator().manual_seed(5))]
    assert figures(shuffled.reshape(SIDE, SIDE)).gain < best.gain


@pytest.mark.parametrize(("sign", "gain"), [(1, 0.75), (-1, -0.75)])
def test_the_gain_of_a_value_that_hangs_on_one_patch_is_known(sign: int, gain: float) -> None:
    """Its only patch first: D = 1, 0, 0, 0, 0 and I = 0, 1, 1, 1, 1, areas 1/8 and 7/8. Last: the other way round."""
    pixels = torch.ones(1, 3, SIDE, SIDE)
    heatmap = torch.rand(SIDE, SIDE, generator=torch.Generator().manual_seed(2))
    heatmap[5:10, 15:20] += sign * 10
    measured = measure_faithfulness(
        lambda batch: {"probability": batch[:, 0, 7, 17].double()}, pixels, {"it": heatmap}, heatmap.neg(), 0,
        grid=GRID, baseline=torch.zeros_like(pixels),
    )["it"]  # fmt: skip
    assert measured.gain == pytest.approx(gain)
    assert measured.gradient_gain == pytest.approx(-gain)


def test_random_orders_gain_nothing_and_their_spread_is_that_of_their_gains() -> None:
    measured = figures(weights(), permutations=40)
    assert measured.random.gain == pytest.approx(0, abs=1e-12)
    torch.testing.assert_close(measured.random.deletion, measured.random.insertion.flip(0))
    generator = torch.Generator().manual_seed(99)
    gains = [figures(torch.rand(SIDE, SIDE, generator=generator), permutations=1).gain for _ in range(60)]
    assert measured.spread == pytest.approx(float(torch.tensor(gains).std()), rel=0.4)
    assert measured.margin == max(SPREADS * measured.spread, MINIMUM_GAIN)


def test_the_seed_decides_and_the_chunk_does_not() -> None:
    first, again, other = figures(weights()), figures(weights(), chunk=3), figures(weights(), seed=1)
    assert first.spread == pytest.approx(again.spread, abs=1e-12)
    torch.testing.assert_close(first.random.deletion, again.random.deletion)
    assert first.spread != other.spread
    assert first.gain == pytest.approx(other.gain)


def test_several_heatmaps_share_the_passes_and_get_what_each_gets_alone() -> None:
    pixels, passed = torch.ones(1, 3, SIDE, SIDE), []
    maps = {"a": weights(), "b": weights().flip(0)}

    def counted(batch: Tensor) -> dict[Output, Tensor]:
        passed.append(len(batch))
        return values(batch)

    seen: list[tuple[int, int]] = []
    together = measure_faithfulness(
        counted, pixels, maps, torch.ones(SIDE, SIDE), 0, grid=GRID, baseline=0 * pixels, chunk=7,
        on_progress=lambda done, total: seen.append((done, total)),
    )  # fmt: skip
    assert sum(passed) == 2 * (2 + (2 + 1 + 5) * 2 * 3) == seen[-1][0] == seen[-1][1]
    assert max(passed) == 7
    assert [done for done, _ in seen[:2]] == [0, 7]
    assert seen == sorted(seen)
    for name, heatmap in maps.items():
        assert together[name].gain == pytest.approx(figures(heatmap).gain)
        assert together[name].composite == name


def test_the_baseline_keeps_colour_and_takes_detail() -> None:
    flat = torch.full((1, 3, 28, 28), 0.3)
    torch.testing.assert_close(blurred_baseline(flat), flat)
    noise = torch.rand(1, 3, 56, 70, generator=torch.Generator().manual_seed(0))
    blurred = blurred_baseline(noise)
    assert float(blurred.std()) < 0.2 * float(noise.std())
    assert float(blurred.mean()) == pytest.approx(float(noise.mean()), abs=0.02)


@pytest.mark.parametrize(
    ("heatmap", "says"), [(torch.zeros(SIDE, SIDE), "zeros"), (torch.full((SIDE, SIDE), torch.nan), "finite heatmap")]
)
def test_a_heatmap_that_ranks_nothing_is_refused(heatmap: Tensor, says: str) -> None:
    with pytest.raises(RelevanceError, match=says):
        figures(heatmap)


def test_an_output_that_is_not_finite_is_refused() -> None:
    with pytest.raises(RelevanceError, match="finite output"):
        measure_faithfulness(
            lambda batch: {"probability": linear(batch) / 0},
            torch.ones(1, 3, SIDE, SIDE),
            {"it": weights()},
            weights(),
            0,
            grid=GRID,
        )


@pytest.mark.parametrize("grid", [1, SIDE + 1])
def test_a_grid_that_does_not_fit_is_refused(grid: int) -> None:
    with pytest.raises(RelevanceError, match="patches a side"):
        measure_faithfulness(values, torch.ones(1, 3, SIDE, SIDE), {"it": weights()}, weights(), 0, grid=grid)


def test_weak_is_a_gain_within_the_margin() -> None:
    def with_gain(gain: float) -> Faithfulness:
        flat, curve = torch.zeros(3, dtype=torch.float64), torch.full((3,), gain, dtype=torch.float64)
        none = FlippingCurves(flat, flat)
        return Faithfulness(0, "it", torch.linspace(0, 1, 3), FlippingCurves(flat, curve), none, none, 0.1, 0.2, 5, 0)

    assert with_gain(0.19).is_weak
    assert with_gain(-0.5).is_weak
    assert not with_gain(0.21).is_weak


def test_the_explorer_measures_the_predicted_class_and_leaves_the_plain_model_alone(
    tiny_inspector: Inspector, phantoms: Path
) -> None:
    batch = tiny_inspector.decode([sorted((phantoms / "id" / "normal-cecum").iterdir())[0]])
    model = tiny_inspector.bundle.classifier.model
    before, logits = copy.deepcopy(model.state_dict()), tiny_inspector.observe(batch).logits
    measured = Explorer(tiny_inspector).faithfulness(batch, seed=4)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(tiny_inspector.observe(batch).logits, logits)
    for module in model.modules():
        assert not module._forward_hooks
        assert not module._forward_pre_hooks
        assert not module._backward_hooks
    assert all(parameter.grad is None for parameter in model.parameters())
    assert measured.composite == tiny_inspector.composites[0]
    assert measured.seed == 4
    assert measured.explained_class == int(logits.argmax())
    assert float(measured.heatmap.deletion[0]) == pytest.approx(float(logits.softmax(dim=1).max()), abs=1e-5)
    heatmap, step = tiny_inspector.explain(batch, concepts=0).heatmap.double(), GRID_SHOWN
    row = torch.arange(len(heatmap)) * step // len(heatmap)
    patches = row[:, None] * step + row
    sums = torch.stack([heatmap[patches == patch].sum() for patch in range(step * step)])
    goes = torch.isin(patches, sums.argsort(descending=True, stable=True)[:step])  # one row's number of them
    changed = batch.pixels.where(~goes, blurred_baseline(batch.pixels))
    expected = float(
        class_outputs(tiny_inspector.bundle.classifier, measured.explained_class)(changed)["probability"][0]
    )
    assert float(measured.heatmap.deletion[1]) == pytest.approx(expected, abs=1e-5)
    assert measured.gain == pytest.approx(
        float(torch.trapezoid(measured.heatmap.insertion - measured.heatmap.deletion)) / step
    )
    for name in tiny_inspector.composites[1:]:
        other = Explorer(tiny_inspector).faithfulness(batch, composite=name, seed=4)
        torch.testing.assert_close(other.random.deletion, measured.random.deletion)
        assert other.composite == name


def test_the_explorer_refuses_an_image_that_is_not_there(tiny_inspector: Inspector, phantoms: Path) -> None:
    batch = tiny_inspector.decode([sorted((phantoms / "id" / "normal-cecum").iterdir())[0]])
    with pytest.raises(NeroError, match="index from 0 to 0"):
        Explorer(tiny_inspector).faithfulness(batch, index=1)


def test_the_plain_gradient_is_that_of_finite_differences(tiny_bundle: Path, phantoms: Path) -> None:
    inspector = Inspector.load(tiny_bundle, "cpu")
    classifier = inspector.bundle.classifier
    pixels = inspector.decode([sorted((phantoms / "id" / "normal-cecum").iterdir())[0]]).pixels
    classifier.model.double()
    pixels = pixels.double()
    gradient = logit_gradient(classifier, pixels, 1)
    step, row, column = 1e-6, 31, 40
    total = 0.0
    for colour in range(3):
        moved = [pixels.clone(), pixels.clone()]
        moved[0][0, colour, row, column] += step
        moved[1][0, colour, row, column] -= step
        up, down = (classifier.head.logits(classifier.features(image))[0, 1] for image in moved)
        total += abs(float(up - down)) / (2 * step)
    assert float(gradient[row, column]) == pytest.approx(total, rel=1e-3)
    assert bool((gradient >= 0).all())


def test_the_values_followed_are_the_softmax_output_and_the_logit(tiny_inspector: Inspector, phantoms: Path) -> None:
    batch = tiny_inspector.decode(sorted((phantoms / "id" / "normal-cecum").iterdir())[:3])
    followed = class_outputs(tiny_inspector.bundle.classifier, 2)(batch.pixels)
    torch.testing.assert_close(followed["probability"], tiny_inspector.observe(batch).probabilities[:, 2])
    torch.testing.assert_close(followed["logit"], tiny_inspector.observe(batch).logits[:, 2])


def test_probability_and_logit_are_followed_by_both_imputations(tiny_inspector: Inspector, phantoms: Path) -> None:
    batch = tiny_inspector.decode([sorted((phantoms / "id" / "normal-cecum").iterdir())[0]])
    measured = Explorer(tiny_inspector).faithfulness(batch)
    kinds = {(each.output, each.imputation): each for each in (measured, *measured.others)}
    assert list(kinds) == [
        ("probability", "blur"),
        ("logit", "blur"),
        ("probability", "linear"),
        ("logit", "linear"),
    ]
    logits = tiny_inspector.observe(batch).logits[0]
    for (output, imputation), figures in kinds.items():
        assert measured.figures(output, imputation) is figures
        assert figures.random.gain == pytest.approx(0, abs=1e-9)
        whole = float(logits.max() if output == "logit" else logits.softmax(dim=0).max())
        assert float(figures.heatmap.deletion[0]) == pytest.approx(whole, abs=1e-4)
        least = MINIMUM_GAIN if output == "probability" else 0.0
        assert figures.margin == max(SPREADS * figures.spread, least)
    blurred, filled = (kinds["logit", imputation].heatmap for imputation in ("blur", "linear"))
    assert not torch.allclose(blurred.deletion[1:], filled.deletion[1:], atol=1e-3)
    with pytest.raises(RelevanceError, match=r"one of: logit by blur\. Found probability by linear"):
        kinds["logit", "blur"].figures("probability", "linear")


def test_fewer_steps_are_some_of_the_curves_points() -> None:
    pixels = torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    every, some = (
        measure_faithfulness(values, pixels, {"it": weights()}, weights(), 0, grid=GRID, steps=steps)["it"]
        for steps in (4, 2)
    )
    torch.testing.assert_close(some.heatmap.deletion, every.heatmap.deletion[::2])
    torch.testing.assert_close(some.heatmap.insertion, every.heatmap.insertion[::2])
    assert some.share.tolist() == [0, 0.5, 1]
    with pytest.raises(RelevanceError, match="divides 16 patches"):
        measure_faithfulness(values, pixels, {"it": weights()}, weights(), 0, grid=GRID, steps=3)
