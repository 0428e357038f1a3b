"""Off-policy estimators on a simulated slate bandit whose truth is known, and on real logs.

    OMP_NUM_THREADS=1 python -m tests.benchmarks.bench_offpolicy                     # simulated
    OMP_NUM_THREADS=1 python -m tests.benchmarks.bench_offpolicy --data shared/data  # real

Simulated: for each world and estimator the error at 100,000 lists, and over many logs its bias, its
standard deviation beside the standard error that it claims, and how often its 95 % intervals hold
the truth. Then how often a policy that is exactly as good as the log's is promoted, and a better
one.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter, defaultdict
from math import nan
from pathlib import Path

import numpy as np

from scoring.offpolicy.direct_method import direct_method
from scoring.offpolicy.doubly_robust import doubly_robust
from scoring.offpolicy.estimators import Estimate, with_records, without_records
from scoring.offpolicy.evaluation import N_DRAWS, evaluate_decided
from scoring.offpolicy.followed import Followed, follow
from scoring.offpolicy.intervals import (
    Interval,
    bootstrap,
    empirical_bernstein,
    percentiles,
    standard_error,
    t_interval,
    widest,
)
from scoring.offpolicy.report import report
from scoring.offpolicy.switch_dr import switch_dr
from scoring.offpolicy.target import Target
from scoring.offpolicy.terms import Terms
from scoring.offpolicy.verdict import Enough, verdict
from scoring.offpolicy.weights import effective_size
from scoring.slates.drawing import Drawing
from streams.cli.main import run
from tests.benchmarks.zozotown import Campaign
from tests.scoring.offpolicy.slate_bandit import Floats, SlateBandit

LOGGED = Drawing(3, "softmax", 0.2)
WORLDS = {
    "near: temperature .2 to .08": (SlateBandit(), Target({"temperature": 0.08})),
    "far: temperature .2 to the best but for 1 in 10": (
        SlateBandit(),
        Target({"draw": "best", "epsilon": 0.1}),
    ),
    "items do not matter to each other: .2 to .08": (
        SlateBandit(stays=1.0),
        Target({"temperature": 0.08}),
    ),
}


def estimates(bandit: SlateBandit, target: Target, n: int, seed: int) -> list[Estimate]:
    """All estimators on one log."""
    lists, batches = bandit.log(n, LOGGED, seed)
    known = Followed.empty(*lists.there.shape)
    for number, batch in enumerate(batches):
        follow(batch, target, known, N_DRAWS, seed=number)
    return with_records(lists, known)


def world(name: str, bandit: SlateBandit, target: Target, n: int, times: int, large: int) -> None:
    """One table."""
    truth = bandit.truth(target.drawing(LOGGED))
    own = bandit.truth(LOGGED)
    print(f"\n{name}: a list earns {own:.4f} in the log, {truth:.4f} under the target")
    at_once = {each.name: each.terms.value for each in estimates(bandit, target, large, 10_000)}
    said: dict[str, list[tuple[float, ...]]] = defaultdict(list)
    for seed in range(times):
        found = estimates(bandit, target, n, seed)
        samples = bootstrap([each.terms for each in found], seed=seed)
        for each, column in zip(found, samples.T, strict=True):
            value, error = each.terms.value, standard_error(each.terms)
            both = t_interval(each.terms), percentiles(column)
            wide = widest(both)
            holds = (float(part.low <= truth <= part.high) for part in (*both, wide))
            said[each.name].append((value, error, *holds, float(wide.low <= truth), each.effective))
            if each.name == "clipped-ips":
                values = each.terms.numerators[:, 0]
                bound = empirical_bernstein(values, 0.0, 3.0 * np.sqrt(n))
                said["clipped-ips, Bernstein"].append(
                    (
                        value,
                        error,
                        nan,
                        nan,
                        bound.low <= truth <= bound.high,
                        bound.low <= truth,
                        nan,
                    )
                )
    print(
        f"| estimator | error at {large:,} | bias | deviation | claimed | t | bootstrap | "
        "the wider | lower bound | worth lists |\n|---|---|---|---|---|---|---|---|---|---|"
    )
    for estimator, rows in said.items():
        table = np.array(rows)
        value, claimed, t, drawn, wide_holds, low, effective = table.mean(axis=0)
        shares = (f"{each:.3f}" if each == each else "" for each in (t, drawn, wide_holds, low))
        off = f"{at_once[estimator] / truth - 1:+.2%}" if estimator in at_once else ""
        print(
            f"| {estimator} | {off} | {value / truth - 1:+.2%} | {table[:, 0].std() / truth:.2%} | "
            f"{claimed / truth:.2%} | {' | '.join(shares)} | "
            f"{effective:,.0f} |".replace("nan |", "|")
        )


def equal_scores(bandit: SlateBandit) -> Floats:
    """Scores under which, drawn as the log's, a list earns exactly as much as in the log.

    Twice as sure of itself, and as much noise added as takes the gain away.
    """
    scores = bandit.world[0]
    noise = np.random.default_rng(7).normal(0, 0.15, scores.shape)
    low, high = 0.0, 8.0
    for _ in range(50):
        middle = (low + high) / 2
        gains = bandit.truth(LOGGED, scores=2 * scores + middle * noise) > bandit.truth(LOGGED)
        low, high = (middle, high) if gains else (low, middle)
    return 2 * scores + low * noise


def candidates(bandit: SlateBandit) -> dict[str, Floats]:
    """(X, C) scores of policies that ask to be promoted, all drawn as the log's."""
    scores = bandit.world[0]
    return {
        "as good": equal_scores(bandit),
        "better": 2 * scores,
        "worse": 0 * scores,
        "the log's own": scores,
    }


def gate(bandit: SlateBandit, name: str, scores: Floats, n: int, times: int) -> None:
    """How often a policy is promoted, beside what it is truly worth."""
    place = {row.tobytes(): at for at, row in enumerate(bandit.world[0])}
    counts = Counter[str]()
    for seed in range(times):
        lists, batches = bandit.log(n, LOGGED, 20_000 + seed)
        rows = {
            each: scores[place[row.tobytes()]]
            for batch in batches
            for each, row in zip(batch.ids, batch.field.scores, strict=True)
        }
        found = evaluate_decided(lists, batches, Target(scores=rows), Counter())
        counts["dr"] += verdict(found, found.row("cascade-dr")).promotes
        counts["ips"] += verdict(found, found.row("ips")).promotes
        counts["enough"] += not Enough().lacking(found, found.row("cascade-dr"))
    gain = bandit.truth(LOGGED, scores=scores) - bandit.truth(LOGGED)
    shares = (f"{counts[each] / times:.3f}" for each in ("dr", "ips", "enough"))
    print(f"| {name} | {gain:+.4f} | " + " | ".join(shares) + " |", flush=True)


def real(folder: Path) -> None:
    """Each policy of ZOZOTOWN from the log of the other, beside what it truly earned."""
    campaigns = {name: Campaign.read(folder, name) for name in ("random", "bts")}
    uniform = np.full((3, 34), 1 / 34)
    wanted = {"random": uniform, "bts": campaigns["bts"].shares}
    for logged, target in (("random", "bts"), ("bts", "random")):
        campaign = campaigns[logged]
        rows = np.arange(len(campaign.items))
        chances = wanted[target][campaign.positions]  # (n, A)
        p = chances[rows, campaign.items]
        lists = campaign.lists
        found = without_records(lists, p[:, None])[:3]
        model = campaign.model()
        predicted, expected = model[rows, campaign.items], (chances * model).sum(axis=1)
        weights = p / campaign.propensities
        limit = np.sqrt(len(rows))
        for name, terms in {
            "dm": direct_method(expected),
            "dr": doubly_robust(weights, campaign.clicks, predicted, expected),
            "switch-dr": switch_dr(weights, campaign.clicks, predicted, expected, limit),
        }.items():
            used = np.ones(len(rows)) if name == "dm" else weights
            found.append(Estimate(name, terms, used[:, None], effective_size(used)))
        unseen = np.bincount(campaign.items, minlength=34) == 0
        told = report(lists, found, excluded={})
        true = t_interval(Terms.mean(campaigns[target].clicks))
        middle = campaigns[target].clicks.mean()
        print(
            f"\n{logged} -> {target}: {told.n_rewarded} clicks in {told.n_lists:,} impressions, "
            f"{told.logged:.5f} ({_said(told.logged_interval)}); "
            f"truly {middle:.5f} ({_said(true)}); "
            f"{int(unseen.sum())} items never logged\n"
            "| estimator | clicks an impression | 95 % | worth impressions | worth clicks | "
            "mean weight |\n|---|---|---|---|---|---|"
        )
        for row in told.rows:
            print(
                f"| {row.name} | {row.value:.5f} | {_said(row.interval)} | {row.effective:,.0f} | "
                f"{row.effective_rewards:.0f} | {row.control.mean:.3f} |"
            )
        with tempfile.TemporaryDirectory() as place:
            log, other = Path(place) / "log.jsonl", Path(place) / "target.jsonl"
            campaign.write(log, other, wanted[target])
            sys.stdout.flush()
            run(["policy", "evaluate", str(log), "--probabilities", str(other)])


def _said(interval: Interval) -> str:
    return f"{interval.low:.5f} – {interval.high:.5f}"


def main() -> None:
    """Print the tables."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--data", type=Path, help="folder with obp_zozotown: the real logs instead")
    asked.add_argument("--lists", type=int, default=2_000, help="of each of many logs")
    asked.add_argument("--times", type=int, default=200, help="logs")
    asked.add_argument("--large", type=int, default=100_000, help="lists of the one large log")
    given = asked.parse_args()
    if given.data is not None:
        real(given.data)
        return
    for name, (bandit, target) in WORLDS.items():
        world(name, bandit, target, given.lists, given.times, given.large)
    print(
        "\n| candidate | true gain a list | promoted by cascade-dr | by ips | enough evidence |\n"
        "|---|---|---|---|---|"
    )
    bandit = SlateBandit()
    for name, scores in candidates(bandit).items():
        gate(bandit, name, scores, given.lists, given.times)


if __name__ == "__main__":
    main()
