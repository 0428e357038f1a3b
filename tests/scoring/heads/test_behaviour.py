"""ESMM and engagement on top of a form of sharing."""

from __future__ import annotations

import math

import pytest
import torch

from scoring.errors import SharingError
from scoring.heads.engagement import EngagementHead, EngagementScale
from scoring.heads.esmm import EsmmHead
from scoring.sharing import HardSharing

NAN = float("nan")


def test_esmm_learns_the_conversion_rate_of_items_that_are_rarely_clicked() -> None:
    """Simulated: 60 % and 10 % of two kinds are clicked; after a click a tenth and a half convert.

    So 5 % of all that was shown of the second kind is sold, and 50 % of what was clicked.
    """
    kinds = [(60, 6, 40), (10, 5, 90)]  # clicked, of these converted, not clicked
    rows = [
        (float(kind), clicked, converted)
        for kind, (n_clicked, n_converted, n_rest) in enumerate(kinds)
        for clicked, converted, n in (
            (1.0, 1.0, n_converted),
            (1.0, 0.0, n_clicked - n_converted),
            (0.0, 0.0, n_rest),
        )
        for _ in range(n)
    ]
    kind, clicked, converted = torch.tensor(rows).unbind(1)
    x = torch.stack([kind, 1 - kind], dim=1)
    torch.manual_seed(0)
    head = EsmmHead(HardSharing(2, {"click": 1, "conversion": 1}, hidden=(8,), tower=(8,)))
    optimiser = torch.optim.Adam(head.parameters(), lr=0.05)
    for _ in range(250):
        optimiser.zero_grad()
        torch.autograd.backward(sum(head.losses(x, clicked, converted).values(), torch.zeros(())))
        optimiser.step()
    chances = head(torch.tensor([[0.0, 1.0], [1.0, 0.0]]))
    assert chances.click.tolist() == pytest.approx([0.6, 0.1], abs=0.01)
    assert chances.conversion.tolist() == pytest.approx([0.1, 0.5], abs=0.03)
    assert torch.equal(chances.sale, chances.click * chances.conversion)


def test_engagement_shares_by_hand() -> None:
    scale = EngagementScale(dwell_ms=99_000, depth=4.0)
    dwell, depth = scale.shares(
        torch.tensor([0.0, 9_000.0, 99_000.0, 1e9, NAN]), torch.tensor([0.0, 1.0, 4.0, NAN, 9.0])
    )
    assert dwell.tolist() == pytest.approx([0, 0.5, 1, 1, NAN], nan_ok=True)  # log 10 / log 100
    assert depth.tolist() == pytest.approx([0, 0.25, 1, NAN, 1], nan_ok=True)


def test_a_scale_is_the_95th_percentile_of_what_was_seen() -> None:
    dwell = torch.cat([torch.arange(0, 101) * 1000.0, torch.tensor([NAN, NAN])])
    bounces = torch.cat([torch.zeros(99), torch.tensor([3.0])])
    assert EngagementScale.of(dwell, bounces) == EngagementScale(95_000.0, 3.0)
    with pytest.raises(SharingError, match="depth is nowhere above 0"):
        EngagementScale.of(dwell, torch.zeros(5))
    with pytest.raises(SharingError, match="above 0"):
        EngagementScale(0, 1)


def test_engagement_is_learned_from_whatever_was_observed() -> None:
    """Kind 0: a dwell share of .5 and no depth ever. Kind 1: depth .25, the dwell unknown half."""
    n = 200
    kind = torch.arange(n) % 2
    x = torch.stack([kind, 1 - kind], dim=1).float()
    dwell = torch.where(kind == 0, 9_000.0, torch.where(torch.arange(n) % 4 == 1, NAN, 0.0))
    depth = torch.where(kind == 0, 0.0, 1.0)
    torch.manual_seed(0)
    sharing = HardSharing(2, {"dwell": 1, "depth": 1}, hidden=(8,), tower=(8,))
    head = EngagementHead(sharing, EngagementScale(dwell_ms=99_000, depth=4.0))
    optimiser = torch.optim.Adam(head.parameters(), lr=0.03)
    for _ in range(300):
        optimiser.zero_grad()
        torch.autograd.backward(sum(head.losses(x, dwell, depth).values(), torch.zeros(())))
        optimiser.step()
    expected = [(0.5 + 0) / 2, (0 + 0.25) / 2]
    assert head(x[:2]).tolist() == pytest.approx(expected, abs=0.02)


def test_a_head_names_the_task_that_it_misses() -> None:
    sharing = HardSharing(2, {"click": 1, "dwell": 2})
    with pytest.raises(SharingError, match="conversion"):
        EsmmHead(sharing)
    with pytest.raises(SharingError, match="dwell"):
        EngagementHead(sharing, EngagementScale(math.e, 1))
