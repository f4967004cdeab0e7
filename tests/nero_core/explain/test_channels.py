"""Channels, evidence and references on small made-up numbers."""

import pytest
import torch

from nero_core.errors import RelevanceError
from nero_core.explain.channels import compare_channels, top_channels
from nero_core.explain.concepts import joint_conservation
from nero_core.explain.evidence import initial_evidence_relevance
from nero_core.explain.references import most_relevant
from nero_core.types import Channels


@pytest.fixture
def channels() -> Channels:
    relevance = torch.tensor([0.5, 0.1, 0.0, 0.3]).double()
    centroids = torch.tensor([[0.1, 0.4, 0.2, 0.3], [9.0, 9.0, 9.0, 9.0]]).double()
    contribution = torch.tensor([0.4, 0.3, 0.2, -0.1]).double()
    return compare_channels(relevance, centroids, 0, contribution)


def test_top_channels_go_by_contribution_or_by_relevance(channels: Channels) -> None:
    assert top_channels(channels, 2, "contribution") == (0, 1)
    assert top_channels(channels, 2, "share") == (0, 1)  # its former name
    assert top_channels(channels, 2, "relevance") == (0, 3)


def test_the_contribution_answers_by_its_former_name(channels: Channels) -> None:
    assert channels.share is channels.contribution


def test_evidence_starts_from_over_used_channels_only(channels: Channels) -> None:
    initial_relevance = initial_evidence_relevance(channels, torch.ones(4))
    assert initial_relevance.tolist() == [pytest.approx(0.4), 0.0, 0.0, 0.0]


def test_a_channel_without_activation_starts_no_evidence(channels: Channels) -> None:
    assert float(initial_evidence_relevance(channels, torch.tensor([0.0, 1.0, 1.0, 1.0])).sum()) == 0.0


def test_relevance_that_is_not_finite_is_refused() -> None:
    with pytest.raises(RelevanceError, match="finite"):
        compare_channels(torch.tensor([torch.nan]), torch.ones(1, 1), 0, torch.ones(1))


def test_references_are_sorted_by_relevance() -> None:
    ids, values = most_relevant(torch.tensor([0.1, 0.9, 0.5]), ("a", "b", "c"), 2)
    assert ids == ("b", "c")
    assert values == pytest.approx((0.9, 0.5))


def test_an_image_that_does_not_use_a_channel_is_no_reference() -> None:
    assert most_relevant(torch.tensor([-0.1, 0.2, 0.0]), ("a", "b", "c"), 3) == (("b",), (pytest.approx(0.2),))
    assert most_relevant(torch.zeros(3), ("a", "b", "c"), 3) == ((), ())


def test_what_one_concept_loses_no_other_of_the_other_sign_makes_up_for() -> None:
    initial_relevance = torch.tensor([[2.0, 0.0], [0.0, -1.0]])
    whole = torch.zeros(2, 4, 4)
    whole[0, 0, 0], whole[1, 1, 1] = 2.0, -1.0
    assert joint_conservation(initial_relevance, whole) == pytest.approx(1.0)
    whole[0, 0, 0], whole[1, 1, 1] = 1.0, 0.0  # the plain sums would still agree: 1 of 1
    assert joint_conservation(initial_relevance, whole) == pytest.approx(1 / 3)
    assert torch.tensor(joint_conservation(torch.zeros(1, 2), torch.zeros(1, 4, 4))).isnan()
