"""Ours say what the `obp` package says; tests/benchmarks/obp_oracle.py wrote its figures down."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from scoring.offpolicy.direct_method import direct_method
from scoring.offpolicy.doubly_robust import doubly_robust
from scoring.offpolicy.iips import iips
from scoring.offpolicy.ips import ips
from scoring.offpolicy.rips import rips
from scoring.offpolicy.snips import snips
from scoring.offpolicy.switch_dr import switch_dr

SAID = json.loads((Path(__file__).parent / "obp_oracle.json").read_text())


def test_estimators_of_actions_agree_with_obp() -> None:
    said, most = SAID["actions"], SAID["most"]
    actions = np.array(said["actions"])
    rows = np.arange(len(actions))
    wanted, model = np.array(said["wanted"]), np.array(said["model"])
    weights = wanted[rows, actions] / np.array(said["propensities"])
    rewards = np.array(said["rewards"], float)
    predicted, expected = model[rows, actions], (wanted * model).sum(axis=1)
    assert (weights > most).any()
    found = {
        "ips": ips(weights, rewards),
        "snips": snips(weights, rewards),
        "dm": direct_method(expected),
        "dr": doubly_robust(weights, rewards, predicted, expected),
        "switch-dr": switch_dr(weights, rewards, predicted, expected, most),
    }
    assert {name: terms.value for name, terms in found.items()} == pytest.approx(said["found"])


def test_estimators_of_lists_agree_with_obp() -> None:
    said = SAID["lists"]
    logged, wanted = np.array(said["logged"]), np.array(said["wanted"])
    rewards = np.array(said["rewards"], float)
    at_rank = np.array(said["wanted_at_rank"]) / np.array(said["logged_at_rank"])
    found = {
        "ips": ips((wanted / logged).prod(axis=1), rewards.sum(axis=1)),
        "iips": iips(at_rank, rewards),
        "rips": rips(wanted / logged, rewards),
    }
    assert {name: terms.value for name, terms in found.items()} == pytest.approx(said["found"])
