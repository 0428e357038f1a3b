"""`rillstream policy positions`: how likely each rank is to be looked at, by drawn lists."""

import json
from typing import TYPE_CHECKING, Any

import typer

from streams.cli.named import must_be_there
from streams.cli.options import Json, SkipBad, examples
from streams.cli.printing import print_json, print_table, remark
from streams.cli.weighing import Log, Simulated

if TYPE_CHECKING:
    from scoring.joined_log import JoinedLog

_LEAST = 0.001
"""What is not above 0 is no setting of the learner."""
_ROWS_EACH = 10
"""Below so many rows an item the intervals miss the truth: see docs/benchmarks-learning.md."""


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "positions",
        epilog=examples(
            "rillstream policy positions exported/joined.parquet",
            "rillstream policy positions exported/joined.parquet exported/plain.parquet --json",
        ),
    )(positions)


def positions(
    log: Log, simulated: Simulated = False, skip_bad: SkipBad = False, as_json: Json = False
) -> None:
    """Estimate how likely a rank is to be looked at.

    By how much less the same items were clicked where they stood lower: what stands high is also
    better, so the rate of clicks alone misleads. Lists must have been drawn (RILLSTREAM_DRAW,
    RILLSTREAM_EPSILON). The last lines are for rillstream learn and for the recipe of a ranker.
    """
    must_be_there(log)
    import numpy as np

    from scoring.joined_log_file import read_joined_log
    from scoring.slates.examination import examination, examination_errors
    from scoring.training.rows import Reading
    from streams.cli.progress import Bars

    reading = Reading(skip_bad)
    rows = _evidence(read_joined_log(log, reading=reading), simulated=simulated)
    if said := reading.summary():
        remark(said)
    groups = np.unique(rows.item_id.astype(str), return_inverse=True)[1]
    users = np.unique(rows.user_id.astype(str), return_inverse=True)[1]
    found = examination(groups, rows.rank, rows.clicked).by_rank
    with Bars() as bars:
        errors = examination_errors(
            groups,
            rows.rank,
            rows.clicked,
            users,
            told=lambda done, total: bars.report("other users", done, total),
        )
    shown = np.bincount(rows.rank - 1, minlength=len(found))
    clicks = np.bincount(rows.rank - 1, rows.clicked, minlength=len(found))
    table: list[dict[str, Any]] = [
        {
            "rank": at + 1,
            "shown": int(shown[at]),
            "clicked": int(clicks[at]),
            "looked": float(found[at]),
            "looked_low": float(found[at] - 1.96 * errors[at]),
            "looked_high": float(found[at] + 1.96 * errors[at]),
        }
        for at in range(len(found))
    ]
    setting = [round(min(max(each["looked"], _LEAST), 1.0), 3) for each in table]
    if as_json:
        for each in table:
            print_json(each)
        print_json({"learn_looked": setting})
        return
    print_table(
        ("rank", "shown", "clicked", "looked at", "95 %"),
        [
            (
                each["rank"],
                f"{each['shown']:,}",
                f"{each['clicked']:,}",
                f"{each['looked']:.3f}",
                f"{each['looked_low']:.3f} – {each['looked_high']:.3f}",
            )
            for each in table
        ],
    )
    print(f"RILLSTREAM_LEARN_LOOKED={json.dumps(setting)}")
    print(f"looked = {json.dumps(setting)}")


def _evidence(log: "JoinedLog", *, simulated: bool) -> "JoinedLog":
    """Rows that tell of ranks: what was shown, of lists that were drawn.

    Raises:
        EvidenceError: There is none, or nothing was clicked.
    """
    from scoring.errors import EvidenceError

    rows = log.part(log.examined)
    if rows.simulated.any() and not rows.simulated.all():
        rows = rows.part(rows.simulated == simulated)
    n_items = len(set(rows.item_id.tolist()))
    if not rows.clicked.any():
        raise EvidenceError(f"of {len(rows):,} rows that were shown none was clicked")
    if (rows.propensity == 1).all():
        raise EvidenceError(
            "every item of this log was certain at its rank, so what stands lower is only what is "
            "worse: log with RILLSTREAM_DRAW=softmax"
        )
    if len(rows) < _ROWS_EACH * n_items:
        raise EvidenceError(
            f"items were shown {len(rows) / n_items:.1f} times each, {_ROWS_EACH} are needed: too "
            "few to tell an item that is not wanted from a rank that is not looked at"
        )
    return rows
