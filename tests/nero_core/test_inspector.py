"""The one object of the screen and the command line: one way for data, two models, one lock."""

import itertools
import math
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import pytest
import torch

from nero_core import DETECTORS, Inspector, NeroError
from nero_core.calibration import calibrate
from nero_core.calibration.feature_bank import second_pass_scores
from nero_core.data.decode import decode_image
from nero_core.errors import CalibrationError, RelevanceError
from nero_core.models import ModelCard, create_classifier, save_checkpoint
from nero_core.phantom.drawing import ID_CLASSES
from nero_core.relevance.heatmap import Attributor, Heatmaps
from nero_core.relevance.smoothing import blurred_baseline
from nero_core.types import Detection, Explanation, ImageBatch

TINY = 64  # pixels


@pytest.fixture(scope="module")
def inspector(tiny_inspector: Inspector) -> Inspector:
    return tiny_inspector


@pytest.fixture(scope="module")
def batch(inspector: Inspector, phantoms: Path) -> ImageBatch:
    return inspector.decode(sorted((phantoms / "ood").rglob("*.jpg"))[:4])


REFUSED = {"vim": "span", "she": "No correct predictions"}  # 27 fit images and a network that was never trained


@pytest.mark.parametrize(("method", "reason"), REFUSED.items())
def test_a_method_that_cannot_fit_the_bundle_says_why(
    inspector: Inspector, batch: ImageBatch, method: str, reason: str
) -> None:
    with pytest.raises(CalibrationError, match=reason):
        inspector.detect(batch, (method,))


@pytest.mark.parametrize("method", [name for name in DETECTORS if name not in REFUSED])
def test_every_method_answers_for_every_image(inspector: Inspector, batch: ImageBatch, method: str) -> None:
    detection = inspector.detect(batch, methods=(method,))[method]
    assert detection.detector == method
    assert len(detection) == len(batch)
    assert bool(detection.score.isfinite().all())
    assert torch.equal(detection.is_ood, detection.score > detection.threshold)
    assert bool(((detection.p_value >= 1 / 22) & (detection.p_value <= 1)).all())


def test_nero_terms_make_its_score_and_contributions_its_distance(inspector: Inspector, batch: ImageBatch) -> None:
    detection = inspector.detect(batch)["nero"]
    terms = detection.terms
    torch.testing.assert_close((terms["distance"] + terms["bias"]) * terms["scale"], detection.score)
    torch.testing.assert_close(terms["share"].sum(dim=1), terms["distance"], rtol=1e-9, atol=1e-12)


def test_an_observation_saves_the_forward_pass_and_changes_nothing(inspector: Inspector, batch: ImageBatch) -> None:
    direct = inspector.detect(batch)["nero"]
    cached = inspector.detect(inspector.observe(batch))["nero"]
    assert torch.equal(direct.score, cached.score)


def test_pictures_that_are_decoded_already_give_the_same_images(inspector: Inspector, phantoms: Path) -> None:
    files = sorted((phantoms / "ood").rglob("*.jpg"))[:3]
    expected = inspector.decode(files)
    actual = inspector.decode([decode_image(files[0]), files[1].read_bytes(), files[2]], expected.names)
    assert torch.equal(actual.pixels, expected.pixels)
    assert (actual.ids, actual.names, actual.notes) == (expected.ids, expected.names, expected.notes)
    assert inspector.decode([decode_image(files[0])], ["folder/other.png"]).names == ("other.png",)


@pytest.mark.parametrize("kind", ["inspector", "transformer"])
def test_an_explanation_of_an_observation_is_the_same_and_saves_the_forward_pass(
    kind: str, request: pytest.FixtureRequest, phantoms: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model: Inspector = request.getfixturevalue(kind)
    images = model.decode(sorted((phantoms / "ood").rglob("*.jpg"))[:1])
    observation = model.observe(images)
    expected, blocks = model.explain(images, concepts=3), model.blocks(images)
    passes = count_passes(model, monkeypatch)
    actual = model.explain(observation, concepts=3)
    assert model.blocks(observation) == blocks
    assert passes == []
    assert actual.id == expected.id == images.ids[0]
    assert torch.equal(actual.heatmap, expected.heatmap) and torch.equal(actual.nero_evidence, expected.nero_evidence)
    for first, other in zip(actual.concepts, expected.concepts, strict=True):
        assert first.channel == other.channel and torch.equal(first.heatmap, other.heatmap)
    model.explain(images, concepts=3)
    assert len(passes) == 1


def test_any_image_of_an_observation_can_be_explained(inspector: Inspector, batch: ImageBatch) -> None:
    actual, expected = inspector.explain(inspector.observe(batch), index=2), inspector.explain(batch, index=2)
    assert actual.id == expected.id == batch.ids[2]
    assert [concept.channel for concept in actual.concepts] == [concept.channel for concept in expected.concepts]
    torch.testing.assert_close(actual.heatmap, expected.heatmap, rtol=1e-3, atol=1e-6)
    with pytest.raises(NeroError, match="from 0 to 3"):
        inspector.explain(inspector.observe(batch), index=4)


def test_an_observation_without_its_images_has_no_heatmap_and_says_why(inspector: Inspector, batch: ImageBatch) -> None:
    features = replace(inspector.observe(batch), images=None)
    for ask in (inspector.explain, inspector.blocks):
        with pytest.raises(NeroError, match="Expected images, or an observation that keeps them"):
            ask(features)


def count_passes(inspector: Inspector, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Gets the number of images of each pass of the plain model from here on."""
    passes: list[int] = []
    plain = inspector.bundle.classifier.model
    forward = type(plain).forward_intermediates

    def count(self: torch.nn.Module, pixels: torch.Tensor, **options: object) -> object:
        if self is plain:  # the attribution copies make passes of their own
            passes.append(len(pixels))
        return forward(self, pixels, **options)

    monkeypatch.setattr(type(plain), "forward_intermediates", count)
    return passes


def test_a_smaller_tpr_lowers_the_threshold(inspector: Inspector, batch: ImageBatch) -> None:
    strict = inspector.detect(batch, tpr=0.8)["nero"]
    loose = inspector.detect(batch, tpr=0.95)["nero"]
    assert strict.threshold < loose.threshold
    assert torch.equal(strict.score, loose.score)


def test_a_tpr_that_needs_more_images_is_refused(inspector: Inspector, batch: ImageBatch) -> None:
    with pytest.raises(CalibrationError, match="at least 99"):
        inspector.detect(batch, tpr=0.99)


def test_verdicts_follow_threshold_and_p_value() -> None:
    detection = Detection(
        detector="nero",
        score=torch.tensor([1.0, 2.0, 3.0]),
        threshold=2.5,
        is_ood=torch.tensor([False, False, True]),
        p_value=torch.tensor([0.5, 0.08, 0.01]),
        predicted=torch.zeros(3, dtype=torch.int64),
        confidence=torch.ones(3),
        calibration_size=300,
        tpr=0.95,
    )
    assert [detection.verdict(index) for index in range(3)] == ["like", "borderline", "unlike"]


def test_explanation_picks_the_largest_contributions(inspector: Inspector, batch: ImageBatch) -> None:
    why = inspector.explain(batch, index=1, concepts=5)
    order = why.channels.contribution.argsort(descending=True, stable=True)[:5].tolist()
    assert [concept.channel for concept in why.concepts] == order
    for concept in why.concepts:
        assert concept.contribution == float(why.channels.contribution[concept.channel])
        assert concept.over_used == (concept.relevance > concept.centroid)


def test_explanation_by_relevance_picks_the_largest_relevance(inspector: Inspector, batch: ImageBatch) -> None:
    why = inspector.explain(batch, concepts=3, by="relevance")
    order = why.channels.relevance.argsort(descending=True, stable=True)[:3].tolist()
    assert [concept.channel for concept in why.concepts] == order


def test_contributions_of_the_explanation_sum_to_the_distance_of_the_detection(
    inspector: Inspector, batch: ImageBatch
) -> None:
    detection = inspector.detect(batch)["nero"]
    why = inspector.explain(batch, index=2)
    assert float(why.channels.contribution.sum()) == pytest.approx(float(detection.terms["distance"][2]), rel=1e-4)
    assert why.channels.nearest == int(detection.terms["nearest"][2])


def test_conditional_heatmaps_sum_to_the_relevance_of_their_channel(inspector: Inspector, batch: ImageBatch) -> None:
    why = inspector.explain(batch, concepts=6, composite="epsilon_plus")
    for concept in why.concepts:
        total, size = float(concept.heatmap.double().sum()), float(concept.heatmap.double().abs().sum())
        assert total == pytest.approx(concept.relevance, rel=0.01, abs=1e-7)
        assert concept.conservation == pytest.approx(total / concept.relevance, rel=1e-4)
        assert concept.cancellation == pytest.approx(size / abs(concept.relevance), rel=1e-4)
    assert why.conservation == pytest.approx(1, abs=0.01)
    assert why.concept_conservation == pytest.approx(1, abs=0.01)


def test_what_concepts_keep_is_counted_with_the_sign_of_their_relevance(
    inspector: Inspector, batch: ImageBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    relevance = inspector.channels(batch).relevance
    largest, smallest = int(relevance.argmax()), int(relevance.argmin())
    assert relevance[largest] > 0 > relevance[smallest]
    plain = Attributor.heatmaps

    def turned(self: Attributor, *args: object, **more: object) -> Heatmaps:
        """The negative concept's map with the wrong sign."""
        heatmaps = plain(self, *args, **more)  # type: ignore[arg-type]
        heatmaps.maps[-1] *= -1
        return heatmaps

    conservation = inspector.explain(batch, channels=(largest, smallest)).concept_conservation
    assert conservation == pytest.approx(1, abs=0.01)
    monkeypatch.setattr(Attributor, "heatmaps", turned)
    wrong = inspector.explain(batch, channels=(largest, smallest)).concept_conservation
    plus, minus = float(relevance[largest]), float(-relevance[smallest])
    assert wrong == pytest.approx((plus - minus) / (plus + minus), abs=0.02)


@pytest.mark.parametrize(
    ("composite", "done"), [("epsilon_plus", (16, 32, 42)), ("integrated_gradients", (17, 33, 42))]
)
def test_an_explanation_tells_how_many_heatmaps_are_done(
    inspector: Inspector, batch: ImageBatch, composite: str, done: tuple[int, ...]
) -> None:
    heard: list[tuple[int, int]] = []
    why = inspector.explain(
        batch, channels=range(40), composite=composite, on_progress=lambda *told: heard.append(told)
    )
    assert len(why.concepts) == 40
    assert heard == [(each, 42) for each in done]


def test_integrated_gradients_make_the_class_heatmap_and_leave_the_other_maps_as_they_were(
    inspector: Inspector, batch: ImageBatch
) -> None:
    why = inspector.explain(batch, concepts=3)
    rules = inspector.explain(batch, concepts=3, composite=inspector.concept_composites[0])
    assert (why.composite, why.concept_composite) == ("integrated_gradients", "epsilon_plus")
    assert (rules.composite, rules.concept_composite) == ("epsilon_plus", "epsilon_plus")
    assert torch.equal(why.evidence, rules.evidence) and why.evidence_conservation == rules.evidence_conservation
    for first, second in zip(why.concepts, rules.concepts, strict=True):
        assert first.channel == second.channel and torch.equal(first.heatmap, second.heatmap)
    assert why.concept_conservation == rules.concept_conservation
    assert rules.path is None and why.path is not None
    target = why.explained_class
    baseline = replace(batch, pixels=blurred_baseline(batch.pixels[:1]))
    logits = [float(inspector.observe(each).logits[0, target]) for each in (baseline, batch)]
    assert (why.path.blurred, why.path.image) == pytest.approx(logits, abs=1e-4)
    assert float(why.heatmap.double().sum()) == pytest.approx(why.conservation * why.path.change, rel=1e-4)
    other = inspector.explain(batch, concepts=0, explained_class=(target + 1) % 3)
    assert other.path is not None and not torch.allclose(other.heatmap, why.heatmap)
    assert other.path.image == pytest.approx(float(inspector.observe(batch).logits[0, (target + 1) % 3]), abs=1e-4)


def test_integrated_gradients_make_no_concept_map(inspector: Inspector, batch: ImageBatch) -> None:
    with pytest.raises(RelevanceError, match="makes class heatmaps alone"):
        inspector.attributor("integrated_gradients")
    with pytest.raises(RelevanceError, match="Expected a composite among epsilon_plus"):
        inspector.blocks(batch, composite="integrated_gradients")


def test_an_attribution_copy_is_made_while_scoring_goes_on(
    tiny_bundle: Path, batch: ImageBatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    fresh = Inspector.load(tiny_bundle, device="cpu")
    started, go_on = threading.Event(), threading.Event()
    plain = Attributor.__init__

    def slow(self: Attributor, *args: object) -> None:
        started.set()
        assert go_on.wait(180)
        plain(self, *args)  # type: ignore[arg-type]

    monkeypatch.setattr(Attributor, "__init__", slow)
    with ThreadPoolExecutor(2) as pool:
        copying = pool.submit(fresh.attributor)
        assert started.wait(180)
        scoring = pool.submit(lambda: (fresh.detect(batch), fresh.fit_relevance()))
        try:
            assert "nero" in scoring.result(timeout=60)[0]
        finally:
            go_on.set()
        assert copying.result().composite == fresh.concept_composites[0]


def test_evidence_is_positive_and_sums_to_the_over_used_contributions(inspector: Inspector, batch: ImageBatch) -> None:
    why = inspector.explain(batch)
    channels = why.channels
    features = inspector.observe(batch).features[0]
    shown = (channels.relevance > channels.centroid) & (features != 0)
    expected = float(channels.contribution[shown].clamp_min(0).sum())
    assert float(why.nero_evidence.double().sum()) == pytest.approx(expected, rel=0.01)
    assert float(why.nero_evidence.min()) >= -1e-6 * float(why.nero_evidence.max())


def test_the_explained_class_can_be_chosen(inspector: Inspector, batch: ImageBatch) -> None:
    maps = [inspector.explain(batch, concepts=0, explained_class=index) for index in range(3)]
    assert [explanation.explained_class for explanation in maps] == [0, 1, 2]
    assert not torch.equal(maps[0].heatmap, maps[1].heatmap)


def test_references_are_the_fit_images_that_use_the_channel_most(inspector: Inspector, batch: ImageBatch) -> None:
    concept = inspector.explain(batch, concepts=1, by="relevance").concepts[0]
    assert min(concept.reference_relevance) > 0
    assert list(concept.reference_relevance) == sorted(concept.reference_relevance, reverse=True)
    assert set(concept.references) <= set(inspector.bundle.fit.ids)
    assert inspector.thumbnail(concept.references[0])[8:12] == b"WEBP"
    assert inspector.reference_class(concept.references[0]) in inspector.bundle.card.class_names


def test_chosen_channels_are_explained_in_the_order_asked_for(inspector: Inspector, batch: ImageBatch) -> None:
    why = inspector.explain(batch, channels=(7, 3))
    assert [concept.channel for concept in why.concepts] == [7, 3]


@pytest.mark.parametrize(
    "wrong", [{"index": 9}, {"concepts": 97}, {"channels": (96,)}, {"explained_class": 3}, {"by": "size"}]
)
@pytest.mark.usefixtures("shapes_unchecked")
def test_numbers_outside_the_model_are_refused(inspector: Inspector, batch: ImageBatch, wrong: dict) -> None:
    with pytest.raises(NeroError, match=r"[Ff]ound"):
        inspector.explain(batch, **wrong)


def test_reference_scores_hold_the_banks(inspector: Inspector) -> None:
    reference = inspector.reference_scores()
    assert (len(reference.calibration), len(reference.calibration_labels)) == (21, 21)
    assert reference.ood is not None and len(reference.ood) == 8
    assert reference.threshold == inspector.bundle.card.thresholds["nero"]


def test_an_unknown_reference_is_refused(inspector: Inspector) -> None:
    with pytest.raises(NeroError, match="Reload"):
        inspector.reference_class("f" * 64)


def bundle_of(arch: str, folder: Path, phantoms: Path) -> Inspector:
    torch.manual_seed(0)
    classifier = create_classifier(arch, ID_CLASSES, (TINY, TINY))
    card = ModelCard(arch=arch, classes=ID_CLASSES, input_size=(TINY, TINY))
    save_checkpoint(folder / "checkpoint", classifier.model, card)
    calibrate(
        folder / "checkpoint",
        phantoms / "id",
        folder / "bundle",
        allow_reduced_rank=True,
        references=0,
        patches=0,
        device="cpu",
    )
    return Inspector.load(folder / "bundle", device="cpu")


def test_an_architecture_without_heatmaps_still_scores_and_says_why(tmp_path: Path, phantoms: Path) -> None:
    convnext = bundle_of("test_convnext", tmp_path, phantoms)
    images = convnext.decode(sorted((phantoms / "ood").rglob("*.jpg"))[:2])
    assert bool(convnext.detect(images)["nero"].score.isfinite().all())
    assert math.isfinite(float(convnext.channels(images, 1).contribution.sum()))
    assert convnext.composites == ()
    reason = "No heatmap for this architecture, because there are no canonizers for ConvNeXt"
    assert convnext.no_heatmap_because.startswith(reason)
    with pytest.raises(RelevanceError, match=reason):
        convnext.explain(images)


@pytest.fixture(scope="module")
def transformer(tmp_path_factory: pytest.TempPathFactory, phantoms: Path) -> Inspector:
    return bundle_of("test_vit", tmp_path_factory.mktemp("vit"), phantoms)


def test_a_transformer_is_explained_and_accounts_for_its_relevance(transformer: Inspector, phantoms: Path) -> None:
    images = transformer.decode(sorted((phantoms / "ood").rglob("*.jpg"))[:2])
    why = transformer.explain(images, index=1, concepts=3, composite="epsilon")
    assert transformer.composites == ("integrated_gradients", "epsilon", "gradient_times_input")
    assert transformer.concept_composites == ("epsilon", "gradient_times_input")
    assert transformer.no_heatmap_because == "" and transformer.explain(images).composite == "integrated_gradients"
    assert why.composite == "epsilon" and why.heatmap.shape == (TINY, TINY) and len(why.concepts) == 3
    assert bool(why.heatmap.any()) and bool(why.heatmap.isfinite().all())
    blocks = transformer.blocks(images, index=1)
    assert [block.ratio for block in blocks] == pytest.approx([1.0] * len(blocks), abs=0.05)
    assert blocks[-1].name == "pixels"
    assert blocks[-1].relevance == pytest.approx(float(why.heatmap.double().sum()), rel=1e-3, abs=1e-7)


def test_a_composite_that_does_not_suit_is_refused(transformer: Inspector, phantoms: Path) -> None:
    images = transformer.decode(sorted((phantoms / "ood").rglob("*.jpg"))[:1])
    with pytest.raises(RelevanceError, match="Found 'epsilon_plus'"):
        transformer.explain(images, composite="epsilon_plus")


def test_each_composite_explains_and_the_default_comes_first(inspector: Inspector, batch: ImageBatch) -> None:
    names = inspector.composites
    rules = ("epsilon_plus", "epsilon_gamma_box", "epsilon_alpha2_beta1_flat", "gradient_times_input")
    assert names == ("integrated_gradients", *rules) and inspector.concept_composites == rules
    explanations = {name: inspector.explain(batch, concepts=2, composite=name) for name in names}
    assert [why.composite for why in explanations.values()] == list(names)
    assert torch.equal(explanations["integrated_gradients"].heatmap, inspector.explain(batch, concepts=2).heatmap)
    assert inspector.attributor("epsilon_plus") is inspector.attributor()
    for explanation, other in itertools.combinations(explanations.values(), 2):
        assert not torch.allclose(explanation.heatmap, other.heatmap, rtol=1e-3)
    for name in rules[:3]:
        assert [block.ratio for block in inspector.blocks(batch, composite=name)] == pytest.approx([1.0] * 5, abs=0.02)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_the_gpu_agrees_with_the_cpu(tiny_bundle: Path, inspector: Inspector, batch: ImageBatch) -> None:
    there = Inspector.load(tiny_bundle, device="cuda")
    torch.testing.assert_close(
        there.detect(batch)["nero"].score, inspector.detect(batch)["nero"].score, rtol=1e-3, atol=0
    )
    explanation, wanted = there.explain(batch), inspector.explain(batch)
    torch.testing.assert_close(explanation.heatmap, wanted.heatmap, rtol=1e-2, atol=1e-6)


def test_threads_get_the_serial_result_and_the_plain_model_is_untouched(tiny_bundle: Path, batch: ImageBatch) -> None:
    serial, shared = Inspector.load(tiny_bundle, device="cpu"), Inspector.load(tiny_bundle, device="cpu")
    before = shared.observe(batch).logits.clone()

    def call(inspector: Inspector, number: int) -> Detection | Explanation:
        if number % 2:
            return inspector.explain(batch, index=number % len(batch), concepts=3)
        return inspector.detect(batch, methods=("nero",))["nero"]

    expected = [call(serial, number) for number in range(6)]
    with ThreadPoolExecutor(4) as pool:
        runs = list(pool.map(lambda _: [call(shared, number) for number in range(6)], range(4)))
    for run in runs:
        for answer, wanted in zip(run, expected, strict=True):
            if isinstance(answer, Detection) and isinstance(wanted, Detection):
                assert torch.equal(answer.score, wanted.score)
            elif isinstance(answer, Explanation) and isinstance(wanted, Explanation):
                torch.testing.assert_close(answer.heatmap, wanted.heatmap)
                torch.testing.assert_close(answer.nero_evidence, wanted.nero_evidence)
                for concept, other in zip(answer.concepts, wanted.concepts, strict=True):
                    torch.testing.assert_close(concept.heatmap, other.heatmap)
            else:
                pytest.fail("a call answered with the record of another")
    assert torch.equal(shared.observe(batch).logits, before)
    hooks = [module for module in shared.bundle.classifier.model.modules() if module._forward_hooks]
    assert hooks == []


def test_an_image_of_one_colour_is_explained(inspector: Inspector) -> None:
    black = ImageBatch(torch.zeros(1, 3, 64, 64), ("0" * 64,), ("black.png",))
    why = inspector.explain(black)
    assert bool(why.heatmap.isfinite().all()) and bool(why.nero_evidence.isfinite().all())


def test_a_method_that_needs_the_image_scores_it_as_calibration_did(inspector: Inspector, batch: ImageBatch) -> None:
    classifier = inspector.bundle.classifier
    expected = second_pass_scores(classifier)["odin"](classifier, batch)
    detection = inspector.detect(batch, ("odin",))["odin"]
    torch.testing.assert_close(detection.score, expected.cpu().double())
    assert inspector.reference_scores("odin").calibration.shape == (21,)


def test_a_method_that_needs_the_image_refuses_features(inspector: Inspector, batch: ImageBatch) -> None:
    with pytest.raises(NeroError, match="Expected images for odin"):
        inspector.detect(replace(inspector.observe(batch), images=None), ("odin",))
    with_images = inspector.detect(inspector.observe(batch), ("odin",))["odin"]
    assert torch.equal(with_images.score, inspector.detect(batch, ("odin",))["odin"].score)


def test_a_bundle_without_scores_of_such_a_method_says_so(inspector: Inspector, batch: ImageBatch) -> None:
    bundle = inspector.bundle
    calibration = replace(bundle.calibration, scores=MappingProxyType({}))
    with pytest.raises(CalibrationError, match="Expected scores of odin"):
        Inspector(replace(bundle, calibration=calibration), inspector.device).detect(batch, ("odin",))


def test_the_contributions_of_nero_plus_sum_to_its_score(inspector: Inspector, batch: ImageBatch) -> None:
    detection = inspector.detect(batch, ("nero_plus",))["nero_plus"]
    torch.testing.assert_close(detection.terms["share"].sum(dim=1), detection.score)
