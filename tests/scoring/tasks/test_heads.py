"""Heads: class means, honest confidence, and when to abstain."""

from __future__ import annotations

import pytest
import torch

from scoring.heads.cosine_classes import CosineClasses, class_means, fit_temperature
from scoring.tasks.classification import calibration_error


def test_a_head_that_begins_at_class_means_knows_its_classes() -> None:
    draw = torch.Generator().manual_seed(0)
    centres = torch.randn(4, 16, generator=draw)
    labels = torch.arange(4).repeat(10)
    vectors = 3 * (centres[labels] + 0.3 * torch.randn(40, 16, generator=draw))
    head = CosineClasses(16, 4)
    head.set_directions(vectors, labels)
    assert torch.equal(head(vectors).argmax(dim=1), labels)
    head.calibrate(vectors, labels)
    stranger = torch.randn(200, 16, generator=draw)
    assert head.nearness(vectors).min() > head.nearness(stranger).median()


def test_class_means_are_of_unit_vectors() -> None:
    vectors = torch.tensor([[10.0, 0], [0, 1], [0, -3]])
    means = class_means(vectors, torch.tensor([0, 0, 2]), 3)
    half = 0.5**0.5
    torch.testing.assert_close(means, torch.tensor([[half, half], [0, 0], [0, -1.0]]))


@pytest.mark.parametrize("true", [0.5, 1.0, 3.0])
def test_the_temperature_that_made_labels_is_found_again(true: float) -> None:
    draw = torch.Generator().manual_seed(1)
    logits = 4 * torch.randn(20_000, 3, generator=draw)
    labels = torch.multinomial((logits / true).softmax(dim=1), 1, generator=draw)[:, 0]
    assert fit_temperature(logits, labels) == pytest.approx(true, rel=0.05)


def test_calibration_error_by_hand() -> None:
    confidence = torch.tensor([0.9, 0.9, 0.9, 0.9, 0.5])
    right = torch.tensor([1.0, 1, 1, 0, 1])
    # four at .9 are right three times, one at .5 is right
    assert calibration_error(confidence, right) == pytest.approx((4 * 0.15 + 0.5) / 5)


def test_few_rows_that_are_all_right_or_wrong_make_no_head_sure_or_unsure() -> None:
    """By likelihood alone the divisors would be .05 and 20, the ends of what is tried."""
    logits = torch.tensor([[2.0, 0.0], [0.0, 2.0], [1.5, 0.0]])
    right = torch.tensor([0, 1, 0])
    assert 0.5 < fit_temperature(logits, right) < 1
    assert 1 < fit_temperature(logits, 1 - right) < 8
    assert fit_temperature(logits.repeat(1000, 1), right.repeat(1000)) < 0.2  # many are believed
