"""Conversions, engagement and classes on top of a form of sharing."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest
import torch
from torch import Tensor

from scoring.behaviour.recipe import (
    BinarySettings,
    ClassesSettings,
    ConversionSettings,
    EngagementSettings,
)
from scoring.behaviour.tasks.choice import make_tasks
from scoring.behaviour.tasks.contract import BehaviourTask
from scoring.behaviour.tasks.engagement import EngagementScale
from scoring.errors import SharingError
from scoring.sharing import HardSharing

NAN = float("nan")


def learned(
    tasks: Mapping[str, BehaviourTask], x: Tensor, targets: Mapping[str, Tensor]
) -> HardSharing:
    torch.manual_seed(0)
    outputs = {name: n for task in tasks.values() for name, n in task.outputs.items()}
    sharing = HardSharing(x.shape[1], outputs, hidden=(8,), tower=(8,))
    optimiser = torch.optim.Adam(sharing.parameters(), lr=0.05)
    for _ in range(250):
        optimiser.zero_grad()
        logits = sharing(x)
        losses = [task.loss(logits, targets[name]) for name, task in tasks.items()]
        torch.autograd.backward(torch.stack(losses).sum())
        optimiser.step()
    return sharing


def test_a_conversion_rate_is_learned_for_items_that_are_rarely_clicked() -> None:
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
    tasks = make_tasks({"click": BinarySettings(), "sale": ConversionSettings(given="click")})
    targets = {"click": clicked[:, None], "sale": converted[:, None]}
    assert tasks["sale"].rates(targets) == {"sale": pytest.approx(11 / 70)}
    logits = learned(tasks, x, targets)(torch.tensor([[0.0, 1.0], [1.0, 0.0]]))
    assert tasks["click"].chances(logits).tolist() == pytest.approx([0.6, 0.1], abs=0.01)
    assert tasks["sale"].chances(logits).tolist() == pytest.approx([0.1, 0.5], abs=0.03)
    both = [row["sale"] for row in tasks["sale"].answers(logits)]
    assert both == pytest.approx([0.06, 0.05], abs=0.005)


def test_what_was_not_clicked_did_not_convert_and_what_converted_was_clicked() -> None:
    tasks = make_tasks({"seen": BinarySettings(), "sale": ConversionSettings(given="seen")})
    assert tasks["sale"].label({"seen": 0, "sale": None}) == (0.0,)
    assert tasks["sale"].label({"seen": "true", "sale": "1"}) == (1.0,)
    assert tasks["sale"].label({"seen": 1, "sale": ""}) == pytest.approx((NAN,), nan_ok=True)
    with pytest.raises(ValueError, match="what converts was clicked"):
        tasks["sale"].label({"seen": 0, "sale": 1})
    with pytest.raises(ValueError, match="0 or 1 is needed"):
        tasks["seen"].label({"seen": 2})


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
    tasks = make_tasks({"stay": EngagementSettings()})
    tasks["stay"].set_facts({"dwell_ms": 99_000.0, "depth": 4.0})
    targets = {"stay": tasks["stay"].targets(torch.stack([dwell, depth], dim=1).numpy())}
    logits = learned(tasks, x, targets)(x[:2])
    expected = [(0.5 + 0) / 2, (0 + 0.25) / 2]
    assert tasks["stay"].chances(logits).tolist() == pytest.approx(expected, abs=0.02)


def test_a_row_without_a_label_moves_nothing() -> None:
    tasks = make_tasks({"ad": BinarySettings(), "city": ClassesSettings()})
    cities = np.array([["Rome"], [None], ["Oslo"], ["Rome"]], object)
    tasks["city"].learn_facts(cities)
    targets = {
        "ad": torch.tensor([[1.0], [NAN], [0.0], [NAN]]),
        "city": tasks["city"].targets(np.array([["Rome"], [None], ["Nowhere"], ["Oslo"]], object)),
    }
    assert targets["city"][:, 0].tolist() == pytest.approx([1, NAN, NAN, 0], nan_ok=True)
    logits = {"ad": torch.zeros(4, requires_grad=True), "city": torch.zeros(4, 2)}
    loss = tasks["ad"].loss(logits, targets["ad"])
    assert loss.item() == pytest.approx(np.log(2))
    torch.autograd.backward(loss)
    assert logits["ad"].grad is not None
    assert logits["ad"].grad.tolist() == [-0.25, 0, 0.25, 0]
    assert tasks["city"].loss(logits, targets["city"]).item() == pytest.approx(np.log(2))
    assert tasks["city"].loss({"city": torch.zeros(2, 2)}, targets["city"][1:3]).item() == 0
