"""Figures of the `obp` package for tests/scoring/offpolicy/test_obp.py to compare ours with.

`obp` is no dependency. It runs in an environment of its own, and what it says is kept in a file:

    uv venv /tmp/obp && uv pip install --python /tmp/obp/bin/python obp==0.4.1
    /tmp/obp/bin/python tests/benchmarks/obp_oracle.py tests/scoring/offpolicy/obp_oracle.json
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

N, ACTIONS, RANKS, MOST = 60, 4, 3, 1.5


def of_actions(rng: np.random.Generator) -> dict[str, Any]:
    """One action a context, five estimators; this version has no clipping."""
    ope: Any = import_module("obp.ope")
    logged = rng.dirichlet(np.ones(ACTIONS) * 2, N)
    wanted = rng.dirichlet(np.ones(ACTIONS) * 2, N)
    model = rng.random((N, ACTIONS))
    actions = np.array([rng.choice(ACTIONS, p=row) for row in logged])
    rewards = rng.binomial(1, 0.2 + 0.5 * model[np.arange(N), actions])
    given = {
        "reward": rewards,
        "action": actions,
        "position": np.zeros(N, int),
        "pscore": logged[np.arange(N), actions],
        "action_dist": wanted[:, :, None],
        "estimated_rewards_by_reg_model": model[:, :, None],
    }
    estimators = {
        "ips": ope.InverseProbabilityWeighting(),
        "snips": ope.SelfNormalizedInverseProbabilityWeighting(),
        "dm": ope.DirectMethod(),
        "dr": ope.DoublyRobust(),
        "switch-dr": ope.SwitchDoublyRobust(tau=MOST),
    }
    return {
        "propensities": given["pscore"].tolist(),
        "wanted": wanted.tolist(),
        "model": model.tolist(),
        "actions": actions.tolist(),
        "rewards": rewards.tolist(),
        "found": {
            name: float(each.estimate_policy_value(**given)) for name, each in estimators.items()
        },
    }


def of_lists(rng: np.random.Generator) -> dict[str, Any]:
    """Lists, three estimators; item k of a list given those above it."""
    ope: Any = import_module("obp.ope")
    logged, wanted, at_rank, wanted_at_rank = (rng.uniform(0.2, 0.8, (N, RANKS)) for _ in range(4))
    rewards = rng.binomial(1, 0.4, (N, RANKS))
    ids = np.repeat(np.arange(N), RANKS)
    place = {"slate_id": ids, "reward": rewards.ravel(), "position": np.tile(np.arange(RANKS), N)}
    whole = {
        "pscore": np.repeat(logged.prod(axis=1), RANKS),
        "evaluation_policy_pscore": np.repeat(wanted.prod(axis=1), RANKS),
    }
    alone = {
        "pscore_item_position": at_rank.ravel(),
        "evaluation_policy_pscore_item_position": wanted_at_rank.ravel(),
    }
    cascade = {
        "pscore_cascade": logged.cumprod(axis=1).ravel(),
        "evaluation_policy_pscore_cascade": wanted.cumprod(axis=1).ravel(),
    }
    size = {"len_list": RANKS}
    found = {
        "ips": ope.SlateStandardIPS(**size).estimate_policy_value(**place, **whole),
        "iips": ope.SlateIndependentIPS(**size).estimate_policy_value(**place, **alone),
        "rips": ope.SlateRewardInteractionIPS(**size).estimate_policy_value(**place, **cascade),
    }
    return {
        "logged": logged.tolist(),
        "wanted": wanted.tolist(),
        "logged_at_rank": at_rank.tolist(),
        "wanted_at_rank": wanted_at_rank.tolist(),
        "rewards": rewards.tolist(),
        "found": {name: float(value) for name, value in found.items()},
    }


def main() -> None:
    """Write the file."""
    rng = np.random.default_rng(20_261_122)
    said = {"obp": version("obp"), "most": MOST, "actions": of_actions(rng), "lists": of_lists(rng)}
    Path(sys.argv[1]).write_text(json.dumps(said) + "\n")


if __name__ == "__main__":
    main()
