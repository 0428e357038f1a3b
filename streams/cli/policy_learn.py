"""`rillstream policy learn`: a slate policy trained by reinforcement, on simulators or a log."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from streams.cli.named import must_be_there
from streams.cli.options import Json, Seed, SkipBad, Threads, examples
from streams.cli.printing import print_json, print_table, remark

if TYPE_CHECKING:
    from scoring.ranker.heads import Heads
    from scoring.ranker.network import HeadsNetwork
    from scoring.reinforcement.recipe import PolicyRecipe
    from streams.cli.progress import Bars


@dataclass(frozen=True, slots=True)
class _Learned:
    """What came of a training: heads, and measures as rows."""

    heads: "Heads"
    rows: Sequence[Mapping[str, Any]]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "learn",
        epilog=examples(
            "rillstream policy learn slates.toml --seed 1",
            "rillstream policy learn log.jsonl --ranker models/shop --out models/slates --json",
        ),
    )(learn)


def learn(
    source: Annotated[
        list[Path],
        typer.Argument(help='A recipe (kind = "slate-policy"), or files of a joined log.'),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", help="Where the result goes: the policy's folder.", show_default="models/NAME"
        ),
    ] = None,
    ranker: Annotated[
        Path | None,
        typer.Option(help="Folder of a ranker: its knowledge goes along, then workers serve it."),
    ] = None,
    seed: Seed = 0,
    skip_bad: SkipBad = False,
    threads: Threads = 1,
    as_json: Json = False,
) -> None:
    """Train a slate policy for long-term reward.

    It learns on simulated shoppers, or on a joined log whose lists were drawn, and is saved as
    heads. The folder has policy.toml beside them: lists are to be drawn by their softmax. Minutes;
    Ctrl-C leaves nothing behind.
    """
    must_be_there(source, ranker)
    import torch

    from scoring.reinforcement.recipe import PolicyRecipe, read_policy_recipe
    from scoring.reinforcement.saved import save_policy
    from streams.cli.progress import Bars

    torch.set_num_threads(threads)
    if len(source) == 1 and source[0].suffix == ".toml":
        recipe = read_policy_recipe(source[0])
        files = [source[0].parent / each for each in recipe.log]
    else:
        recipe, files = PolicyRecipe(log=tuple(map(str, source))), source
    place = out or Path("models") / recipe.name
    with Bars() as bars:
        learned = (
            _from_log(files, recipe, seed, bars, skip_bad=skip_bad)
            if files
            else _from_simulators(recipe, seed, bars)
        )
    measures = {"seed": seed, "rows": list(learned.rows)}
    save_policy(place, learned.heads, recipe, measures, ranker=ranker)
    if as_json:
        for row in learned.rows:
            print_json(row)
        print_json({"heads_version": learned.heads.version, "saved": str(place)})
        return
    names = list(learned.rows[0])
    print_table(names, [tuple(_said(row[name]) for name in names) for row in learned.rows])
    remark(f"saved {learned.heads.version} in {place}")
    if ranker is not None:
        remark(f"to serve it: RILLSTREAM_POLICY={place}/policy.toml, or an arm of an experiment")


def _from_simulators(recipe: "PolicyRecipe", seed: int, bars: "Bars") -> _Learned:
    """Train, and measure on people whom the training has not met."""
    import copy

    from scoring.reinforcement.from_simulators import (
        begun,
        compared,
        first_logs,
        learn_from,
        recorded,
    )
    from scoring.reinforcement.policy import heads_of
    from scoring.reinforcement.stretched import stretched
    from scoring.simulation import MODELS, Wares

    settings = recipe.learning
    wares = Wares.invented(recipe.items, seed)
    people = [MODELS[each](wares, n_candidates=recipe.candidates) for each in recipe.simulators]
    shoppers = recorded(people, settings, seed)
    network = begun(first_logs(shoppers, settings, seed), settings, seed)
    first = copy.deepcopy(network)
    for each in learn_from(shoppers, network, settings, seed):
        bars.report("learning", each.number, settings.rounds)
    network = stretched(first, network, settings.stretch)
    rows = [compared(each, first, network, settings, seed) for each in shoppers]
    return _Learned(heads_of(network, shoppers[0].features), [each.row() for each in rows])


def _from_log(
    files: list[Path], recipe: "PolicyRecipe", seed: int, bars: "Bars", *, skip_bad: bool
) -> _Learned:
    from scoring.joined_log_file import read_joined_log
    from scoring.reinforcement.from_log import begun_on, learn_on
    from scoring.reinforcement.logged import LoggedLists
    from scoring.reinforcement.policy import heads_of
    from scoring.training.rows import Reading

    reading = Reading(skip_bad)
    log = read_joined_log(files, reading=reading)
    if said := reading.summary():
        remark(said)
    lists = LoggedLists.of(log, recipe.learning.discount, recipe.learning.pause_s)
    network: HeadsNetwork = begun_on(lists, recipe.learning, seed)
    row: dict[str, Any] = {}
    for each in learn_on(lists, network, recipe.learning, seed):
        bars.report("learning", each.number, recipe.learning.rounds)
        row = {
            "lists": len(lists),
            "simulated": bool(log.simulated.any()),
            "effective": each.effective,
        }
    return _Learned(heads_of(network, log.feature_names), [row])


def _said(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
