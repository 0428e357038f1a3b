"""Rounds of lists drawn by thompson, each by what all rounds before it have taught (simulated).

    python -m tests.benchmarks.bench_believe

People whose weights of six terms differ from the policy's click through lists of four out of twelve
candidates. After each round `scoring.offpolicy.believing.believe` learns from all lists so far.
Beside it, the same people are given lists by the prior alone, by the policy's best items, and by
the true weights, which nobody knows. Mean and half a 95 % interval of Student's t over the seeds.
"""

from __future__ import annotations

import argparse
from collections import Counter
from dataclasses import replace

import numpy as np

from scoring.offpolicy.believing import believe
from scoring.offpolicy.logged_lists import LoggedLists
from scoring.slates.evidence import Evidence
from scoring.slates.last_layer import LastLayer
from tests.benchmarks.over_seeds import shown
from tests.scoring.offpolicy.thompson_log import DRAWING, TRUTH, thompson_log


def main() -> None:
    """Print clicks a list for each round."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--lists", type=int, default=400, help="a round")
    parser.add_argument("--seeds", type=int, default=5)
    given = parser.parse_args()
    true = LastLayer.around(TRUTH, 1e-3).beliefs
    found: dict[str, list[list[float]]] = {}
    for seed in range(given.seeds):
        lists: list[LoggedLists] = []
        records: list[Evidence] = []
        beliefs = None
        for number in range(given.rounds):
            asked = given.lists, 1_000 * seed + number
            drawings = {
                "thompson, all rounds before": replace(DRAWING, beliefs=beliefs),
                "thompson, the prior": DRAWING,
                "best by the policy's weights": replace(DRAWING, draw="best"),
                "thompson, true weights": replace(DRAWING, beliefs=true),
            }
            for name, drawing in drawings.items():
                made, drawn = thompson_log(*asked, drawing=drawing)
                rounds = found.setdefault(name, [[] for _ in range(given.rounds)])
                rounds[number].append(float(made.totals.mean()))
                if name == "thompson, all rounds before":
                    lists.append(made)
                    records += drawn
            deviation = DRAWING.weight_deviation
            layer = believe(_joined(lists), records, Counter(), deviation=deviation).layer
            beliefs = layer.beliefs
    print("clicks a list |", " | ".join(f"round {at + 1}" for at in range(given.rounds)))
    for name, rounds in found.items():
        print(name, "|", " | ".join(shown(each) for each in rounds))


def _joined(lists: list[LoggedLists]) -> LoggedLists:
    return LoggedLists(
        ids=np.concatenate([each.ids for each in lists]),
        users=np.concatenate([each.users for each in lists]),
        items=np.concatenate([each.items for each in lists]),
        there=np.concatenate([each.there for each in lists]),
        propensities=np.concatenate([each.propensities for each in lists]),
        rewards=np.concatenate([each.rewards for each in lists]),
        simulated=True,
    )


if __name__ == "__main__":
    main()
