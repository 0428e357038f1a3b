"""`rillstream policy believe`: what a log says of the weights that a thompson draw varies."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli.named import must_be_there
from streams.cli.options import Json, examples, settings_from
from streams.cli.printing import print_json, print_table
from streams.cli.weighing import Log, RequiredDecisions, Reward, Simulated, look, read_lists

if TYPE_CHECKING:
    from scoring.offpolicy.believing import Believed


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "believe",
        epilog=examples(
            "rillstream policy believe log.jsonl --decisions decisions.jsonl --out believed.toml",
            "rillstream policy believe older.parquet newer.parquet --decisions older.jsonl "
            "--decisions newer.jsonl --reward worth --json",
        ),
    )(believe)


def believe(
    log: Log,
    decisions: RequiredDecisions,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Where the result goes: a policy file.", show_default="none"),
    ] = None,
    reward: Reward = "clicked",
    deviation: Annotated[
        float,
        typer.Option(min=1e-3, max=1e3, help="Of a weight before anything was learned, about 1."),
    ] = 0.2,
    simulated: Simulated = False,
    as_json: Json = False,
) -> None:
    """Learn from a log the weights that thompson draws.

    Before, a thompson draw takes each term's weight as 1 ± weight_deviation; with the file that
    this writes, as what the log has taught, and the surer it is, the less is left to chance. Give
    all logs that still hold: what is learned begins anew each time. Ranks count as
    RILLSTREAM_LEARN_LOOKED says (rillstream policy positions estimates it).
    """
    must_be_there(log, decisions)
    from scoring.errors import EvidenceError
    from scoring.offpolicy.believing import believe as learned_from
    from scoring.policy import LEARNED_TERMS, SUM_TERMS
    from scoring.policy_file import write_numbers
    from streams.cli.progress import Bars
    from streams.policy_candidate import Decisions

    looked = settings_from().learn_looked
    lists, lost = read_lists(log, reward, simulated=simulated)
    records = Decisions(decisions, frozenset(lists.ids.tolist()))
    with Bars() as bars:
        look(records)
        found = learned_from(
            lists,
            records,
            lost,
            deviation=deviation,
            looked=looked,
            told=lambda done, total: bars.report("following lists", done, total),
        )
    known = {len(terms): terms for terms in (SUM_TERMS, LEARNED_TERMS)}
    if (n_terms := len(found.layer.shift)) not in known:
        raise EvidenceError(
            f"scores of this log have {n_terms} terms, those of this version "
            f"{' or '.join(map(str, known))}: another version of rillstream made them"
        )
    names = known[n_terms]
    if out is not None:
        about = (
            f"rillstream policy believe: {reward} of {found.n_lists} lists; terms: "
            f"{', '.join(names)}; to be proven by others"
        )
        write_numbers(out, {"draw": "thompson", "beliefs": found.layer.beliefs}, about)
    if as_json:
        print_json(_record(found, names))
    else:
        _show(found, names, deviation)


def _show(found: "Believed", names: tuple[str, ...], deviation: float) -> None:
    print(
        f"{found.n_lists:,} lists of {found.n_users:,} users; one more of the score came with "
        f"{found.slope:.4g} ± {1.96 * found.slope_error:.2g} of the reward"
    )
    for reason, count in found.excluded.items():
        print(f"left out: {count:,} · {reason}")
    print_table(
        ("term", "weight before", "weight now"),
        [
            (name, f"1 ± {1.96 * deviation:.2g}", f"{mean:.3f} ± {1.96 * each:.2g}")
            for name, mean, each in zip(
                names, found.layer.mean.tolist(), found.deviations.tolist(), strict=True
            )
        ],
    )


def _record(found: "Believed", names: tuple[str, ...]) -> dict[str, Any]:
    return {
        "lists": found.n_lists,
        "users": found.n_users,
        "slope": found.slope,
        "slope_error": found.slope_error,
        "excluded": dict(found.excluded),
        "weights": dict(zip(names, found.layer.mean.tolist(), strict=True)),
        "deviations": dict(zip(names, found.deviations.tolist(), strict=True)),
    }
