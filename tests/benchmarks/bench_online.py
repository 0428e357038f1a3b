"""Heads that learn online beside heads trained once, on a simulated shop that drifts.

    OMP_NUM_THREADS=1 python -m tests.benchmarks.bench_online --minutes 7 --results runs.jsonl

Three days to train on, then two days that are served: each shown item is scored with the heads of
the last sync, then learned from. AUC of what was served; ± is half a 95 % interval of Student's t
over five seeds, differences are paired by seed. Heads trained once have the best of three rates,
online ones the best of three rates and two distances, by AUC on another seed. Runs are kept in the
results file: the same command goes on where `--minutes` ended it.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cache
from itertools import product
from pathlib import Path
from typing import Final

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits

from scoring.measures import auc
from scoring.online.learner import OnlineLearner
from scoring.online.settings import OnlineSettings
from scoring.ranker.heads import Heads
from scoring.ranker.network import HeadsNetwork
from tests.benchmarks.drifting_shop import DAY_S, FEATURES, N_ITEMS, DriftingShop, Shown, joined
from tests.benchmarks.kept_runs import KeptRuns
from tests.benchmarks.over_seeds import shown as cell

SEEDS: Final = (0, 1, 2, 3, 4)
TUNING_SEED: Final = 100
INTERVALS_S: Final = {"5 h": 18_000, "1 h": 3_600, "30 min": 1_800, "5 min": 300}
_PER_S: Final = 0.3
_DRIFT_S: Final = 3.0 * DAY_S
_END_S: Final = 5.0 * DAY_S


@dataclass(frozen=True, slots=True)
class Once:
    """How heads are trained before anything is served."""

    rate: float = 3e-3


@dataclass(frozen=True, slots=True)
class Plan:
    """One run.

    Attributes:
        once: How the heads are trained that everything begins with.
        every_s: From one sync to the next; 0 = what was trained once is served to the end.
        anew: At each sync heads are trained anew on the three days before; nothing learns online.
        rate: Of the learner; so are the next three.
    """

    once: Once
    every_s: int = 0
    anew: bool = False
    rate: float = 3e-3
    batch: int = 64
    replay: int = 16_384
    distance: float = 0.1


@dataclass(frozen=True, slots=True)
class Outcome:
    """AUC of what was served; of the true chances on the same rows; on what was seen before."""

    served: float
    truth: float
    frozen_before: float
    frozen_after: float
    n_rollbacks: int


def train(shown: Shown, once: Once, seed: int) -> Heads:
    """Epochs until the last tenth of the time is predicted worse; the best epoch is kept."""
    torch.manual_seed(seed)
    network = HeadsNetwork(len(FEATURES), 1, width=32, n_codes=N_ITEMS, item_width=8)
    fit, held = shown.part(shown.at_s < _cut(shown)), shown.part(shown.at_s >= _cut(shown))
    network.mean.copy_(torch.from_numpy(fit.rows.features.mean(0)))
    network.deviation.copy_(torch.from_numpy(fit.rows.features.std(0) + 1e-6))
    torch.nn.init.normal_(network.items, 0, 0.1)
    optimizer = torch.optim.AdamW(network.parameters(), lr=once.rate)
    rng, best, found, n_worse = np.random.default_rng(seed), 0.0, Heads.of(*_names(), network), 0
    while n_worse < 2:
        network.train()
        for places in np.array_split(rng.permutation(len(fit.rows)), len(fit.rows) // 512):
            part = fit.rows.part(places)
            logits = network(torch.from_numpy(part.features), torch.from_numpy(part.codes))
            loss = binary_cross_entropy_with_logits(logits, torch.from_numpy(part.targets))
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
        heads = Heads.of(*_names(), network)
        area = area_of(heads, held)
        n_worse = 0 if area > best else n_worse + 1
        if area > best:
            best, found = area, heads
    return found


def _cut(shown: Shown) -> float:
    return float(shown.at_s[0] + 0.9 * (shown.at_s[-1] - shown.at_s[0]))


def _names() -> tuple[tuple[str, ...], tuple[str, ...]]:
    return FEATURES, ("ctr",)


def area_of(heads: Heads, shown: Shown) -> float:
    """AUC of heads."""
    return auc(heads.score(shown.rows.features, shown.rows.codes)[:, 0], shown.rows.targets[:, 0])


def run(plan: Plan, seed: int) -> Outcome:
    """Train, serve, learn."""
    shop = DriftingShop(_END_S / DAY_S, _DRIFT_S, seed)
    before = shop.shown(0, _DRIFT_S, _PER_S)
    after = shop.shown(_DRIFT_S, _END_S, _PER_S)
    frozen = shop.shown(0, _DRIFT_S, 0.2, salt=1)
    frozen = frozen.part(frozen.rows.features[:, -1] > 0)  # what the season's end does not change
    first = heads = trained(plan.once, seed)
    chances = np.empty(len(after.rows), np.float32)
    settings = OnlineSettings(
        rate=plan.rate, batch=plan.batch, replay=plan.replay, distance=plan.distance
    )
    learner = OnlineLearner(heads, settings)
    learner.replay.add(before.rows)
    for from_s in np.arange(_DRIFT_S, _END_S, plan.every_s or _END_S):
        until_s = from_s + (plan.every_s or _END_S)
        places = np.flatnonzero((after.at_s >= from_s) & (after.at_s < until_s))
        rows = after.rows.part(places)
        chances[places] = heads.score(rows.features, rows.codes)[:, 0]
        if plan.anew:
            window = [
                shop.shown(t, t + DAY_S, _PER_S) for t in until_s - DAY_S * np.arange(3, 0, -1)
            ]
            heads = train(joined(window), plan.once, seed)
        elif plan.every_s:
            learner.learn(rows)
            heads = learner.heads
    clicked = after.rows.targets[:, 0]
    return Outcome(
        auc(chances, clicked),
        auc(after.chances, clicked),
        area_of(first, frozen),
        area_of(heads, frozen),
        learner.n_rollbacks,
    )


@cache
def trained(once: Once, seed: int) -> Heads:
    """Heads for the three days before."""
    shop = DriftingShop(_END_S / DAY_S, _DRIFT_S, seed)
    return train(shop.shown(0, _DRIFT_S, _PER_S), once, seed)


class Runs:
    """Runs by plan and seed, kept in a file."""

    def __init__(self, path: Path | None, minutes: float) -> None:
        self._kept = KeptRuns(Outcome, path, minutes)

    def of(self, plan: Plan, seed: int) -> Outcome:
        """From the file, or run now."""
        return self._kept.of(asdict(plan), seed, lambda: run(plan, seed))

    def seeds(self, plan: Plan) -> list[Outcome]:
        """One of each seed."""
        return [self.of(plan, seed) for seed in SEEDS]

    def best(self, plans: Sequence[Plan]) -> Plan:
        """By AUC of what was served, on a seed of its own."""
        return max(plans, key=lambda plan: self.of(plan, TUNING_SEED).served)


def _sync_row(name: str, outcomes: Sequence[Outcome], base: Sequence[Outcome]) -> str:
    gains = [100 * (a.served - b.served) for a, b in zip(outcomes, base, strict=True)]
    return f"| {name} | {cell([each.served for each in outcomes])} | {cell(gains, '+')} |"


def _guard_row(name: str, outcomes: Sequence[Outcome], base: Sequence[Outcome]) -> str:
    gains = [100 * (a.served - b.served) for a, b in zip(outcomes, base, strict=True)]
    lost = [100 * (each.frozen_before - each.frozen_after) for each in outcomes]
    return (
        f"| {name} | {cell(gains, '+')} | {cell(lost, '+')} | {max(lost):.2f} | "
        f"{sum(each.n_rollbacks for each in outcomes)} |"
    )


def main() -> None:
    """Print three tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, help="runs that are done, JSON Lines")
    parser.add_argument("--minutes", type=float, default=60.0)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    runs = Runs(asked.results, asked.minutes)
    once = runs.best([Plan(Once(rate)) for rate in (1e-3, 3e-3, 1e-2)]).once
    half = INTERVALS_S["30 min"]
    tried = product((1e-3, 3e-3, 1e-2), (0.0, 1.0))
    online = runs.best([Plan(once, half, rate=rate, distance=pull) for rate, pull in tried])
    base = runs.seeds(Plan(once))
    print(f"trained once: {once}; online: {online}\n")
    print("| sync | AUC served | AUC points above trained once |\n|---|---|---|")
    print(_sync_row("never (trained once)", base, base))
    for name, every_s in INTERVALS_S.items():
        print(_sync_row(f"{name}, online", runs.seeds(replace(online, every_s=every_s)), base))
    print(f"| the true chances | {cell([each.truth for each in base])} | |\n")
    print(
        "| guards (sync 30 min) | AUC points above trained once | points lost on the frozen set | "
        "worst seed | rollbacks |\n|---|---|---|---|---|"
    )
    for name, changes in (
        ("none", {"replay": 0, "distance": 0.0}),
        ("distance", {"replay": 0, "distance": 1.0}),
        *((f"replay of {n:,}", {"replay": n, "distance": 0.0}) for n in (4_096, 32_768)),
        *(
            (f"replay of {n:,} and distance", {"replay": n, "distance": 1.0})
            for n in (4_096, 8_192, 16_384, 32_768)
        ),
    ):
        plan = replace(online, **changes)  # type: ignore[arg-type]
        print(_guard_row(name, runs.seeds(plan), base))
    anew = runs.seeds(Plan(once, int(DAY_S), anew=True))
    print("\n| sync | AUC served | AUC points above trained once |\n|---|---|---|")
    print(_sync_row("24 h, all trained anew", anew, base))


if __name__ == "__main__":
    main()
