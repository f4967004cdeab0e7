"""Where the distance comes from, and what is missing."""

import math
from pathlib import Path

import pytest
import torch

from nero_core import Explorer, Inspector
from nero_core.explain.evidence import describe_missing, initial_evidence_relevance
from nero_core.figures.wording import channel_use
from nero_core.types import Channels, MissingConcept


@pytest.fixture
def compared() -> Channels:
    """Five channels: over-used, under-used with a positive contribution, under-used with a negative one, as much,
    unused."""
    return Channels(
        relevance=torch.tensor([0.5, 0.1, 0.0, 0.2, 0.3], dtype=torch.float64),
        centroids=torch.tensor([[0.2, 0.3, 0.4, 0.2, 0.1], [0.0] * 5], dtype=torch.float64),
        nearest=0,
        contribution=torch.tensor([0.4, 0.1, -0.2, 0.3, 0.5], dtype=torch.float64),
    )


def test_evidence_starts_from_positive_contributions_of_over_used_channels_that_are_active(compared: Channels) -> None:
    initial_relevance = initial_evidence_relevance(compared, torch.tensor([1.0, 1.0, 1.0, 1.0, 0.0]))
    assert initial_relevance.tolist() == [0.4, 0, 0, 0, 0]


def test_missing_are_under_used_channels_that_add_to_the_distance(compared: Channels) -> None:
    bank = torch.arange(15, dtype=torch.float64).reshape(3, 5)
    (concept,) = describe_missing(compared, bank, ("a", "b", "c"), references=2)
    assert (concept.channel, concept.relevance, concept.centroid, concept.contribution) == (1, 0.1, 0.3, 0.1)
    assert concept.references == ("c", "b")
    assert concept.reference_relevance == (11.0, 6.0)


@pytest.mark.parametrize(
    ("relevance", "centroid", "counters"),
    [(-0.0197, -0.00115, True), (-0.1, 0.1, True), (-0.1, 0.0, True), (0.04, 0.1, False), (0.0, 0.1, False),
     (-0.004, 0.1, False)],
)  # fmt: skip
def test_what_speaks_against_is_told_from_what_is_missing(relevance: float, centroid: float, counters: bool) -> None:
    concept = MissingConcept(1, relevance, centroid, 0.1, (), ())
    assert concept.is_counter_evidence == counters
    assert (
        channel_use(relevance, centroid) in ("argues against this class", "argues against this class here")
    ) == counters  # one tongue


def test_the_shares_of_the_distance_sum_to_one_over_the_kinds_that_are_listed() -> None:
    channels = Channels(  # more, missing, missing but pulls nearer, as much, speaks against
        relevance=torch.tensor([0.5, 0.1, 0.0, 0.2, -0.3], dtype=torch.float64),
        centroids=torch.tensor([[0.2, 0.3, 0.4, 0.2, 0.1]], dtype=torch.float64),
        nearest=0,
        contribution=torch.tensor([0.4, 0.5, -0.2, 0.0, 0.3], dtype=torch.float64),
    )
    shares = channels.distance_shares
    assert (shares.more, shares.missing, shares.counter) == pytest.approx((0.4, 0.3, 0.3))
    assert shares.more + shares.missing + shares.counter == pytest.approx(1)
    for concept in describe_missing(channels, torch.zeros(2, 5, dtype=torch.float64), ("a", "b")):
        assert concept.is_counter_evidence == (concept.channel == 4)


def test_a_distance_of_zero_has_no_shares(compared: Channels) -> None:
    shares = Channels(compared.centroid, compared.centroids, 0, torch.zeros(5, dtype=torch.float64)).distance_shares
    assert all(math.isnan(share) for share in (shares.more, shares.missing, shares.counter))


def test_the_shares_of_an_image_sum_to_one(tiny_inspector: Inspector, phantoms: Path) -> None:
    observation = tiny_inspector.observe(tiny_inspector.decode([sorted((phantoms / "ood" / "polyps").iterdir())[0]]))
    channels = tiny_inspector.channels(observation)
    shares = channels.distance_shares
    assert shares.more + shares.missing + shares.counter == pytest.approx(1)
    listed = describe_missing(channels, tiny_inspector.fit_relevance(), tiny_inspector.bundle.fit.ids, count=10_000)
    positive = sum(missing.contribution for missing in listed)
    taken = float(channels.contribution[channels.relevance < channels.centroid].clamp_max(0).sum())
    less = (shares.missing + shares.counter) * float(channels.contribution.sum())
    assert positive + taken == pytest.approx(less)


def test_the_count_bounds_the_missing(compared: Channels) -> None:
    none = Channels(compared.relevance, compared.centroids, 1, compared.contribution)
    bank = torch.zeros(2, 5, dtype=torch.float64)
    assert describe_missing(none, bank, ("a", "b")) == ()
    assert describe_missing(compared, bank, ("a", "b"), count=0) == ()


def test_the_explorer_lists_missing_evidence_by_contribution(tiny_inspector: Inspector, phantoms: Path) -> None:
    observation = tiny_inspector.observe(tiny_inspector.decode([sorted((phantoms / "ood" / "polyps").iterdir())[0]]))
    channels = tiny_inspector.channels(observation)
    actual = Explorer(tiny_inspector).missing_evidence(observation, count=6)
    contributions = [missing.contribution for missing in actual]
    assert len(actual) == 6
    assert contributions == sorted(contributions, reverse=True)
    lacking = channels.contribution[channels.relevance < channels.centroid]
    assert contributions == lacking.sort(descending=True).values[:6].tolist()
    relevance = tiny_inspector.fit_relevance()
    for missing in actual:
        rows = [tiny_inspector.bundle.fit.ids.index(reference) for reference in missing.references]
        assert relevance[rows, missing.channel].tolist() == list(missing.reference_relevance)
        assert missing.reference_relevance[0] == float(relevance[:, missing.channel].max())
