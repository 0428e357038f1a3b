"""When there is evidence enough, and when a policy may be promoted: rules, in plain words."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from scoring.offpolicy.evaluation import NO_SHADOW
from scoring.offpolicy.keeping import DUPLICATE, MADE_UP, REAL
from scoring.offpolicy.report import Report, Row

NO_FLAWS: Final = frozenset((DUPLICATE, MADE_UP, REAL, NO_SHADOW))
"""Reasons that make what is left no other sample: rows that were kept once, lists that were not
asked about, users for whom a shadow does not score."""


NO_WEIGHT: Final = "the target does nothing of what was logged"


@dataclass(frozen=True, slots=True)
class Enough:
    """What a log must have before its estimate counts as evidence.

    Attributes:
        rewarded: Lists that earned anything. With 100 the log's own mean is known to about
            ± 20 %; below that an interval of counts is not to be trusted either.
        effective: Lists that the weights are worth.
        effective_rewards: Rewarded lists that carry the estimate.
        half_width: Half the interval, over what the log earned.
        unsupported: Share of the target on what the log's policy could not do.
        excluded: Share of lists that were left out for a flaw.
    """

    rewarded: int = 100
    effective: float = 100.0
    effective_rewards: float = 30.0
    half_width: float = 0.5
    unsupported: float = 0.01
    excluded: float = 0.05

    def lacking(self, report: Report, row: Row) -> list[str]:
        """What is lacking, in sentences; none = there is evidence enough."""
        found = []
        if report.n_rewarded < self.rewarded:
            found.append(
                f"only {report.n_rewarded} lists earned anything, {self.rewarded} are needed"
            )
        if row.effective < self.effective:
            found.append(
                f"the weights make {report.n_lists:,} lists worth {row.effective:.0f}, "
                f"{self.effective:.0f} are needed: the target is too unlike the policy of the log"
            )
        if row.effective_rewards < self.effective_rewards:
            found.append(
                f"{row.effective_rewards:.0f} rewarded lists carry the estimate, "
                f"{self.effective_rewards:.0f} are needed"
            )
        half = row.interval.width / 2
        if math.isnan(half):
            found.append(f"{row.name} gives no estimate: at some rank, {NO_WEIGHT}")
        elif half > self.half_width * report.logged:
            found.append(
                f"the interval is ± {half:.4g}, more than {self.half_width:.0%} of what the log "
                f"earned ({report.logged:.4g})"
            )
        if report.unsupported is not None and report.unsupported > self.unsupported:
            found.append(
                f"{report.unsupported:.1%} of what the target does the log's policy could not do: "
                "of that the log knows nothing"
            )
        if not row.control.holds:
            found.append(
                f"weights have a mean of {row.control.mean:.3f} and not of 1: the logged "
                "propensities are wrong, or the target does what was never logged"
            )
        n_out = sum(n for reason, n in report.excluded.items() if reason not in NO_FLAWS)
        if n_out > self.excluded * (n_out + report.n_lists):
            found.append(
                f"{n_out} of {n_out + report.n_lists} lists were left out as flawed, more than "
                f"{self.excluded:.0%}: what is left may not be like them"
            )
        return found


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a policy may replace that of the log.

    Attributes:
        promotes: Whether it may.
        reasons: In sentences; why not, or why.
    """

    promotes: bool
    reasons: tuple[str, ...]


def verdict(report: Report, row: Row, margin: float = 0.0, enough: Enough | None = None) -> Verdict:
    """Promote only when there is evidence enough and the gain's lower bound is above the margin.

    Args:
        report: Of the candidate.
        row: Of the estimator that was chosen beforehand; choosing the best of many after they are
            known is no evidence.
        margin: Reward of a list.
        enough: The rule; None = as it comes.
    """
    if row.name == "dm":
        return Verdict(False, ("dm trusts its model, whose error no interval of it knows",))
    lacking = (enough or Enough()).lacking(report, row)
    if lacking:
        return Verdict(False, ("not enough evidence", *lacking))
    low = row.gain_interval.low
    if not low > margin:
        return Verdict(
            False,
            (
                f"the gain by {row.name} may be as low as {low:+.4g} a list (estimate "
                f"{row.gain:+.4g}), it must be above {margin:.4g}",
            ),
        )
    return Verdict(
        True,
        (f"the gain by {row.name} is at least {low:+.4g} a list (estimate {row.gain:+.4g})",),
    )
