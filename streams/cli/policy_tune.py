"""`rillstream policy tune`: weights that would have served yesterday's users best."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli.named import must_be_there, wrong_use
from streams.cli.occasions import (
    EventFiles,
    PopularityDays,
    Sample,
    Since,
    Size,
    Until,
    open_past,
    said_estimate,
)
from streams.cli.options import IndexDir, IndexUrl, Json, Seed, examples, settings_from
from streams.cli.printing import print_json, print_table, remark

if TYPE_CHECKING:
    from scoring import Policy
    from streams.occasions.asking import Hindsight
    from streams.occasions.tuning import Outcome
    from streams.settings import Settings


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "tune",
        epilog=examples(
            "rillstream policy tune events.jsonl --since 2026-10-01 --until 2026-11-01 --out tuned",
            "rillstream policy tune events.jsonl --since 2026-10-01 --until 2026-11-01 --out tuned "
            "--objective purchases --objective new --at-least new=0.04 --json",
        ),
    )(tune)


def tune(
    files: EventFiles,
    start: Since,
    until: Until,
    out: Annotated[
        Path,
        typer.Option(help="Where the result goes: the search's folder; the same goes on with it."),
    ],
    objective: Annotated[
        list[str] | None,
        typer.Option(
            help="A measure, the most important first: purchases, new, clicks, unlike, tail.",
            show_default="purchases, new, tail; clicks where nothing is bought",
        ),
    ] = None,
    number: Annotated[
        list[str] | None,
        typer.Option(
            "--number",
            help="A number to look for, such as weight_repeat.",
            show_default="every weight and half-life that can act",
        ),
    ] = None,
    trials: Annotated[int, typer.Option(min=2, help="Policies to try.")] = 150,
    spread: Annotated[
        int, typer.Option(min=1, help="Of these, so many all over the ranges; then near the best.")
    ] = 48,
    at_least: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="What the choice must have of an objective, such as new=0.04.",
        ),
    ] = None,
    choose: Annotated[
        int | None, typer.Option(min=0, help="Write this trial's policy, of a finished search.")
    ] = None,
    size: Size = None,
    index_dir: IndexDir = None,
    index_url: IndexUrl = None,
    sample: Sample = None,
    popularity_days: PopularityDays = 28,
    seed: Seed = 0,
    as_json: Json = False,
) -> None:
    """Look for the weights that predict past sessions best.

    Events are replayed through the product's own rows and ranking, without Kafka. A list is made at
    the start of a session and at each search, from what was known then. In the folder are then
    policy.toml (for RILLSTREAM_POLICY), front.json, front.svg and trials.jsonl.
    """
    must_be_there(files)
    if choose is not None and choose >= trials:
        raise typer.BadParameter(f"--choose {choose}: trials are 0 to {trials - 1}")
    from scoring.errors import PolicyError
    from scoring.tuning.search import Search
    from scoring.tuning.space import Space
    from scoring.tuning.trials import Trials
    from streams.cli.progress import Bars
    from streams.occasions.tuning import decide, tune
    from streams.policy_file import policy_of

    with wrong_use("--number", PolicyError):
        space = None if number is None else Space(number)
    wanted = dict(map(_minimum, at_least or []))
    settings = settings_from(index_dir=index_dir, index_url=index_url, slate_size=size)
    policy = policy_of(settings)
    with Bars() as bars:
        hindsight = open_past(
            settings, files, start, until, popularity_days, sample, seed, bars=bars
        )
        objectives = _objectives(hindsight, objective)
        if unknown := [name for name in wanted if name not in objectives]:
            raise typer.BadParameter(
                f"--at-least {unknown[0]}: objectives are {', '.join(objectives)}"
            )
        space = space or Space(_numbers(hindsight, policy, settings))
        search = Search(space, trials, min(spread, trials - 1), seed)
        kept = Trials(
            out / "trials.jsonl",
            {
                "events": [_stamp(file) for file in files],
                "from": f"{start:%F}",
                "until": f"{until:%F}",
                "popularity_days": popularity_days,
                "n_occasions": len(hindsight.occasions),
                "index": hindsight.index_version,
                "rules": hindsight.rules_version,
                "policy": policy.version,
                "related": None if settings.related is None else str(settings.related),
                "ranker": None if settings.ranker is None else str(settings.ranker),
                "shop_counts": settings.shop_counts,
                "objectives": objectives,
                "numbers": list(space.names),
                "trials": trials,
                "spread": spread,
                "seed": seed,
            },
        )
        if kept.made:
            remark(f"{len(kept.made)} trials were made before, and are not made again")
        tune(
            hindsight,
            policy,
            search,
            objectives,
            kept,
            lambda done, total: bars.report("trying policies", done, total),
        )
    with wrong_use("--at-least", PolicyError):
        outcome = decide(kept.made, objectives, wanted, choose)
    _write(out, outcome, objectives, policy, f"{start:%F} to {until:%F}")
    _say(hindsight, outcome, objectives, policy, out, as_json=as_json)


def _minimum(said: str) -> tuple[str, float]:
    name, _, value = said.partition("=")
    try:
        return name, float(value)
    except ValueError:
        raise typer.BadParameter(f"{said!r} is not NAME=VALUE, such as new=0.04") from None


def _objectives(hindsight: "Hindsight", asked: list[str] | None) -> list[str]:
    there = hindsight.measures()
    if asked is None:
        first: list[str] = [name for name in ("purchases", "new") if name in there] or ["clicks"]
        return [*first, "tail"]
    if unknown := [name for name in asked if name not in there]:
        raise typer.BadParameter(f"{unknown[0]}: these events have {', '.join(there)}")
    if len(set(asked)) < 2:
        raise typer.BadParameter("two objectives at least: a front has two sides")
    return list(dict.fromkeys(asked))


def _numbers(hindsight: "Hindsight", policy: "Policy", settings: "Settings") -> list[str]:
    """Those that can change a list of these occasions."""
    searches = any(each.kind == "search" for each in hindsight.occasions)
    if settings.ranker is not None:
        found = ["weight_ctr", "weight_engagement", "weight_cvr"]
        return [*found, "weight_relevance"] if searches else found
    found = ["weight_short_term", "weight_long_term", "weight_popularity", "weight_repeat"]
    found += ["weight_search"] if searches else []
    found += ["weight_related"] if settings.related is not None else []
    found += ["short_half_life_ms", "long_half_life_ms"]
    return found + (["relevance_share"] if policy.drawing.is_diverse else [])


def _said(name: str, value: float) -> str:
    """A number of a policy for people: nobody reads 2.23e+09 ms."""
    if not name.endswith("_ms"):
        return f"{value:.3g}"
    hours = value / 3_600_000
    return f"{hours:.3g} h" if hours < 48 else f"{hours / 24:.3g} d"


def _stamp(file: Path) -> str:
    return f"{file}, {file.stat().st_size} bytes"


def _write(
    out: Path, outcome: "Outcome", objectives: list[str], policy: "Policy", when: str
) -> None:
    from scoring.policy_file import with_numbers, write_numbers
    from scoring.strict_json import strict_json
    from scoring.tuning.picture import picture

    chosen = outcome.trials[outcome.chosen]
    version = with_numbers(policy, chosen.numbers, "the choice").version
    figures = ", ".join(
        f"{name} {value:.4f} (before: {before:.4f})"
        for name, value, before in zip(
            objectives, chosen.values, outcome.trials[0].values, strict=True
        )
    )
    write_numbers(
        out / "policy.toml",
        chosen.numbers,
        f"rillstream policy tune, occasions of {when}: trial {chosen.number}\n{figures}\n"
        f"{version} with slate_size = {policy.slate_size} and the other settings as they were",
    )
    rows = [_row(outcome, number, objectives) for number in _shown(outcome)]
    (out / "front.json").write_text(strict_json(rows, indent=1) + "\n", encoding="utf-8")
    drawn = picture(objectives, outcome.values, outcome.on_front, outcome.chosen)
    (out / "front.svg").write_text(drawn, encoding="utf-8")


def _shown(outcome: "Outcome") -> list[int]:
    """The front by its first objective, what was there before, the choice."""
    numbers = {0, outcome.chosen, *outcome.on_front.nonzero()[0].tolist()}
    return sorted(numbers, key=lambda number: outcome.trials[number].values, reverse=True)


def _row(outcome: "Outcome", number: int, objectives: list[str]) -> Mapping[str, Any]:
    trial = outcome.trials[number]
    return {
        "trial": number,
        **dict(zip(objectives, trial.values, strict=True)),
        "on_front": bool(outcome.on_front[number]),
        "before": number == 0,
        "chosen": number == outcome.chosen,
        "numbers": trial.numbers,
    }


def _say(
    hindsight: "Hindsight",
    outcome: "Outcome",
    objectives: list[str],
    policy: "Policy",
    out: Path,
    *,
    as_json: bool,
) -> None:
    from scoring.policy_file import with_numbers

    rows = [_row(outcome, number, objectives) for number in _shown(outcome)]
    if as_json:
        for row in rows:
            print_json(row)
    else:
        names = list(outcome.trials[0].numbers)
        marks = {(True, False): "before", (False, True): "chosen", (True, True): "before, chosen"}
        print_table(
            ["trial", *objectives, *names, ""],
            [
                [
                    row["trial"],
                    *(f"{row[name]:.4f}" for name in objectives),
                    *(_said(name, row["numbers"][name]) for name in names),
                    marks.get((row["before"], row["chosen"]), ""),
                ]
                for row in rows
            ],
        )
    chosen = with_numbers(policy, outcome.trials[outcome.chosen].numbers, "the choice")
    before, after = hindsight.ask(policy), hindsight.ask(chosen)
    for name in objectives:
        gain = hindsight.gain(after, before, name)
        remark(f"{name}: {before.mean(name):.4f} -> {after.mean(name):.4f}, {said_estimate(gain)}")
    remark(
        f"{out / 'policy.toml'} has trial {outcome.chosen}. These are the occasions that it was "
        "chosen by: measure it on later ones with rillstream policy replay"
    )
