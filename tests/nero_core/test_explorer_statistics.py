"""The explorer's figures of channels and its maps, over a real bundle."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from nero_core import Explorer, Inspector
from nero_core.errors import BusyError, NeroError
from nero_core.relevance.head import neuron_relevance
from nero_core.types import Observation
from tests.umap_at_work import umap_at_work


@pytest.fixture(scope="module")
def explorer(tiny_inspector: Inspector) -> Explorer:
    return Explorer(tiny_inspector)


def test_the_statistics_hold_the_means_that_nero_measures_from(explorer: Explorer):
    statistics = explorer.statistics()
    torch.testing.assert_close(statistics.mean_relevance, explorer.inspector.nero().means.cpu())
    assert bool(((statistics.selectivity >= 0) & (statistics.selectivity <= 1)).all())
    assert bool(((statistics.ood_auroc >= 0) & (statistics.ood_auroc <= 1)).all())
    assert torch.equal(statistics.separation, 0.5 + (statistics.ood_auroc - 0.5).abs())


def test_a_summary_holds_the_relevance_of_every_ood_image(explorer: Explorer):
    bundle = explorer.inspector.bundle
    ood = bundle.ood
    assert ood is not None
    expected, _ = neuron_relevance(ood.features.double(), bundle.classifier.head, bundle.card.nero.epsilon)
    summary = explorer.summary(5)
    torch.testing.assert_close(torch.cat(summary.ood_relevance), expected[ood.labels.argsort(stable=True), 5])
    assert [len(values) for values in summary.ood_relevance] == ood.labels.bincount().tolist()


def test_without_an_ood_bank_the_separation_is_not_defined(explorer: Explorer):
    bundle = replace(explorer.inspector.bundle, ood=None)
    assert bool(Explorer(Inspector(bundle, torch.device("cpu"))).statistics().separation.isnan().all())


def test_the_map_holds_every_fit_image_once(explorer: Explorer):
    laid = explorer.relevance_map("pca")
    fit = explorer.inspector.bundle.fit
    assert laid.ids == fit.ids
    assert torch.equal(laid.labels, fit.labels)
    assert laid.coordinates.shape == (len(fit), 2)


def test_pca_in_neros_space_is_pca_of_the_relevance_itself(explorer: Explorer):
    relevance = explorer.inspector.fit_relevance()
    singular = torch.linalg.svdvals(relevance - relevance.mean(dim=0))[:2]
    torch.testing.assert_close(explorer.relevance_map("pca").coordinates.norm(dim=0), singular, rtol=1e-6, atol=0)


def test_a_fit_image_lies_on_its_own_point_and_is_its_own_nearest(explorer: Explorer):
    inspector = explorer.inspector
    fit = inspector.bundle.fit
    observation = inspector.observe(inspector.decode([inspector.thumbnail(fit.ids[5])]))
    known = replace(observation, features=fit.features[5:6], ids=(fit.ids[5],))
    place = explorer.place(known, "pca", neighbours=3)
    torch.testing.assert_close(place.here, explorer.relevance_map("pca").coordinates[5])
    assert place.nearest[0] == fit.ids[5]
    assert place.distances[0] == pytest.approx(0, abs=1e-9)
    assert list(place.distances) == sorted(place.distances)


def test_the_distance_to_the_nearest_is_that_of_neros_projected_space(explorer: Explorer, phantoms: Path):
    inspector = explorer.inspector
    observation = inspector.observe(inspector.decode([sorted((phantoms / "ood" / "polyps").iterdir())[0]]))
    place = explorer.place(observation, neighbours=1)
    components = inspector.nero().components
    assert components is not None
    here = inspector.channels(observation).relevance
    row = inspector.bundle.fit.ids.index(place.nearest[0])
    expected = (components.cpu() @ (here - inspector.fit_relevance()[row])).abs().sum()
    assert place.distances[0] == pytest.approx(float(expected))


def test_the_ood_images_lie_where_each_of_them_would_be_placed(explorer: Explorer):
    inspector, ood = explorer.inspector, explorer.inspector.bundle.ood
    assert ood is not None
    on_map = explorer.ood_on_map()
    assert on_map is not None and on_map.ids == ood.ids and torch.equal(on_map.labels, ood.labels)
    for row in (0, len(ood) - 1):
        one = Observation(ood.features[row : row + 1], inspector.bundle.classifier.head, ood.ids[row : row + 1])
        torch.testing.assert_close(on_map.coordinates[row], explorer.place(one).here)
    assert explorer.ood_on_map() is on_map


def test_without_an_ood_bank_there_is_none_on_the_map(explorer: Explorer):
    bundle = replace(explorer.inspector.bundle, ood=None)
    assert Explorer(Inspector(bundle, torch.device("cpu"))).ood_on_map() is None


def test_an_image_without_finite_relevance_is_a_sentence(explorer: Explorer):
    inspector = explorer.inspector
    observation = inspector.observe(inspector.decode([inspector.thumbnail(inspector.bundle.fit.ids[0])]))
    broken = replace(observation, features=torch.full_like(observation.features, torch.nan))
    with pytest.raises(NeroError, match="finite"):
        explorer.place(broken)


def test_threads_share_the_statistics_and_one_map(tiny_inspector: Inspector):
    explorer = Explorer(tiny_inspector)
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: explorer.statistics(), range(4)))
        maps = list(pool.map(lambda _: explorer.relevance_map("pca"), range(4)))
    assert all(each is made[0] for each in made)
    assert all(each.coordinates is maps[0].coordinates for each in maps)


def test_pca_does_not_wait_for_umap(tiny_inspector: Inspector):
    fresh = Explorer(tiny_inspector)
    with umap_at_work(lambda told: fresh.relevance_map("umap", told)), ThreadPoolExecutor(1) as pool:
        assert pool.submit(fresh.relevance_map, "pca").result(timeout=60).kind == "pca"
    assert fresh.has_map("pca")
    assert not fresh.has_map("umap")


def test_an_image_is_not_placed_while_somebody_else_has_its_map_laid_out(tiny_inspector: Inspector):
    fresh = Explorer(tiny_inspector)
    inspector = fresh.inspector
    observation = inspector.observe(inspector.decode([inspector.thumbnail(inspector.bundle.fit.ids[0])]))
    with umap_at_work(lambda told: fresh.relevance_map("umap", told)):
        with pytest.raises(BusyError, match="Look again"):
            fresh.place(observation, "umap", patience=0.01)
        assert fresh.place(observation, "pca", patience=0.01).here.shape == (2,)


def test_the_mean_relevance_counts_the_images_that_it_is_the_mean_of(
    explorer: Explorer, monkeypatch: pytest.MonkeyPatch
):
    bundle = explorer.inspector.bundle
    features = bundle.calibration.features.clone()
    features[0] = torch.inf
    broken = replace(bundle, calibration=replace(bundle.calibration, features=features))
    actual = Explorer(Inspector(broken, torch.device("cpu")))
    monkeypatch.setattr(actual.inspector, "nero", explorer.inspector.nero)  # its own refuses such a bank
    assert actual.mean_relevance().id_size == len(features) - 1
    assert actual.mean_relevance().ood_size == explorer.mean_relevance().ood_size == len(bundle.ood)
