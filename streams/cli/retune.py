"""`rillstream retune`: log -> encoder -> index, as one command that a schedule can call."""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
import typer

from streams.cli.asked import TrainingAsked
from streams.cli.named import must_be_there
from streams.cli.options import (
    Broker,
    Data,
    IndexDir,
    IndexUrl,
    Json,
    Keep,
    RecipeSeed,
    Restart,
    Threads,
    Window,
    examples,
    settings_from,
)
from streams.cli.printing import print_json, remark
from streams.cli.progress import Bars
from streams.cli.waiting import tell_if_awaited

if TYPE_CHECKING:
    from index import IndexStore, Manifest
    from scoring.finding import Gain
    from scoring.training.recipe import Recipe
    from streams.learning.retuning import Retuning
    from streams.learning.searched import SearchedRow
    from streams.settings import Settings

OWN_RECIPE: Final = Path(__file__).parents[2] / "scoring/recipes/retune.toml"
_AMONG: Final = 10_000
_FEWEST: Final = 2
"""Rows with which a training begins."""
_DAY_MS: Final = 24 * 3_600_000


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "retune",
        epilog=examples(
            "rillstream retune --work /var/lib/rillstream/retune",
            "rillstream retune shop.toml --data ~/data --days 28 --json",
        ),
    )(retune)


def retune(
    recipe: Annotated[
        Path | None,
        typer.Argument(
            help="In TOML; a task of it learns from searched.parquet.",
            show_default="the one that comes along: docs/retuning.md",
        ),
    ] = None,
    work: Annotated[
        Path, typer.Option(help="Folder of rows and model; what a killed run has left goes on.")
    ] = Path("retune"),
    data: Data = None,
    days: Annotated[
        float | None,
        typer.Option(min=0.01, help="Of the log, the newest.", show_default="all that is kept"),
    ] = None,
    window: Window = None,
    held_out: Annotated[
        float, typer.Option(min=0.01, max=0.9, help="Share of the rows that is tested: the newest.")
    ] = 0.2,
    least: Annotated[
        int, typer.Option(min=2, help="Tested rows below which nothing is decided.")
    ] = 200,
    least_gain: Annotated[
        float, typer.Option(min=0, help="Of the mean reciprocal rank, for certain: more than this.")
    ] = 0.0,
    simulated: Annotated[
        bool, typer.Option("--simulated", help="Of a mixed log, learn from simulated searches too.")
    ] = False,
    seed: RecipeSeed = None,
    threads: Threads = 1,
    restart: Restart = False,
    broker: Broker = None,
    index_dir: IndexDir = None,
    index_url: IndexUrl = None,
    keep: Keep = None,
    as_json: Json = False,
) -> None:
    """Retrain the encoder on searches; serve it if it is better.

    Exports what the topics hold, trains by the recipe, and compares the encoder with the one in
    service on the newest searches, from which it has not learned. Only if it surely finds sooner
    what users wanted there, its index is built, and the workers are told of the pair. Else all
    stays as it is: that is no error. Killed, it goes on where it was.
    """
    config = OWN_RECIPE if recipe is None else recipe
    must_be_there(config)
    settings = settings_from(
        bootstrap_servers=broker,
        index_dir=index_dir,
        index_url=index_url,
        learn_window_s=window,
        index_keep=keep,
    )
    from streams.cli import texts
    from streams.index_folder import index_store
    from streams.learning.retuning import retuning

    place = data or config.parent
    asked = Request(
        config=config,
        data=place,
        recipe=_with_rows(texts.read_recipe(config, seed), config, place, work),
        days=days,
        window_s=settings.learn_window_s,
        held_out=held_out,
        simulated=simulated,
        seed=seed,
        least=least,
        least_gain=least_gain,
        threads=threads,
    )
    tell_if_awaited(settings.bootstrap_servers, quiet=as_json)
    store = index_store(settings)
    with retuning(work, asked.decides(settings)) as run:
        run.begin(restart=restart, say=remark)
        if not run.rows.exists():
            run.keep_rows(_exported(asked, settings, store), held_out)
        result = _decided(asked, run, settings, store)
        run.finish(result)
    if as_json:
        print_json(result)
    else:
        _show(result)


@dataclass(frozen=True, slots=True)
class Request:
    """One call; attributes as the options of the command, and the recipe as it is trained by."""

    config: Path
    data: Path
    recipe: "Recipe"
    days: float | None
    window_s: float
    held_out: float
    simulated: bool
    seed: int | None
    least: int
    least_gain: float
    threads: int

    def decides(self, settings: "Settings") -> dict[str, Any]:
        """What rows and model depend on: a killed run of another request is begun anew."""
        return {
            "recipe": self.config.read_text("utf-8"),
            "data": str(self.data.resolve()),
            "broker": settings.bootstrap_servers,
            "topics": [settings.topic("searches"), settings.topic("clicks")],
            "index": settings.index_url or str(settings.index_dir.resolve()),
            **{
                name: getattr(self, name)
                for name in ("days", "window_s", "held_out", "simulated", "seed")
            },
        }


def _exported(asked: Request, settings: "Settings", store: "IndexStore") -> "list[SearchedRow]":
    from streams.learning.searched import searched

    days = asked.days
    with Bars() as bars:
        found = searched(
            settings,
            store,
            window_ms=round(asked.window_s * 1000),
            since_ms=0 if days is None else round(time.time() * 1000 - days * _DAY_MS),
            progress=bars.report,
        )
    rows = [row for row in found.rows if asked.simulated or not row.simulated]
    counts = dict(found.counts) | {"simulated": len(found.rows) - len(rows)}
    said = ", ".join(f"{name} {n:,}" for name, n in sorted(counts.items()) if n)
    remark(f"{len(rows):,} rows of query and title; {said}")
    return rows


def _decided(
    asked: Request, run: "Retuning", settings: "Settings", store: "IndexStore"
) -> dict[str, Any]:
    """Train, compare, and serve what is better."""
    from scoring.encoder import identify
    from streams.cli.rebuilding import rebuild_from_topic
    from streams.cli.release import release

    tested = run.held_out()
    if len(tested) < asked.least:
        why = f"{len(tested):,} rows to test it on, of at least {asked.least:,}"
        return _result(store.manifest(), why)
    if (n_learned := run.n_learned()) < _FEWEST:
        why = f"{n_learned:,} rows to learn from, of at least {_FEWEST}"
        return _result(store.manifest(), why)
    if not run.model.exists():
        _train(asked, run)
    version = identify(run.model)[0]
    seen, current = store.pointer(), store.manifest()
    if current.encoder_version == version:  # killed before everybody was told
        release(settings, store, current.version, announce=True, seen=seen)
        return _result(current, "it was current already", candidate=version, released=True)
    found, fresh = _compared(run, settings, store, tested)
    if not found.low > asked.least_gain:
        why = f"the other is not surely better by more than {asked.least_gain:g}"
        return _result(current, why, found, fresh, version)
    manifest = rebuild_from_topic(settings, encoder=str(run.model))
    return _result(manifest, "better", found, fresh, version, released=True)


def _train(asked: Request, run: "Retuning") -> None:
    from scoring.training.processes import ALONE
    from scoring.training.rows import Reading
    from streams.cli import texts

    training = TrainingAsked(
        config=asked.config,
        data=asked.data,
        out=run.model,
        seed=asked.seed,
        reading=Reading(False),
        restart=False,
        tensorboard=None,
        twins=False,
        seeds=1,
        threads=asked.threads,
        processes=ALONE,
    )
    texts.follow(training, asked.recipe, run.model)


def _with_rows(recipe: "Recipe", config: Path, data: Path, work: Path) -> "Recipe":
    """The recipe, learning from this run's file where it names one of that name.

    Raises:
        RecipeError: No task does, or there is no encoder that could learn.
    """
    from scoring.errors import RecipeError
    from streams.learning.retuning import LEARNED, ROWS

    # Resolved: behind a link, `..` is beside what it leads to.
    file = os.path.relpath((work / ROWS / LEARNED).resolve(), data.resolve())
    tasks = {
        name: msgspec.structs.replace(
            task, train=[file if each == LEARNED else each for each in task.train]
        )
        for name, task in recipe.tasks.items()
    }
    if recipe.words is not None or tasks == recipe.tasks:
        raise RecipeError(
            f'{config}: an encoder must learn from train = ["{LEARNED}"] in one of its tasks '
            f"(see {OWN_RECIPE.name})"
        )
    return msgspec.structs.replace(recipe, tasks=tasks)


def _compared(
    run: "Retuning", settings: "Settings", store: "IndexStore", tested: "list[SearchedRow]"
) -> "tuple[Gain, Gain]":
    """On all tested rows, and on those whose query was not learned."""
    from scoring import load_encoder
    from scoring.finding import gain, reciprocal_ranks_of_wanted
    from streams.encoders import Encoders
    from streams.learning.searched import read_queries, some_texts

    manifest = store.manifest()
    titles = [row.title for row in tested]
    share = _AMONG / max(manifest.count, 1)
    texts = list(dict.fromkeys([*titles, *some_texts(store, manifest.version, share)]))
    present = Encoders(settings).load(manifest.encoder_version)
    other = load_encoder(run.model, threads=settings.torch_threads, device=settings.torch_device)
    queries = [row.query for row in tested]
    with Bars() as bars:
        bars.report("comparing", 0, 2)
        before = reciprocal_ranks_of_wanted(present, queries, titles, texts)
        bars.report("comparing", 1, 2)
        after = reciprocal_ranks_of_wanted(other, queries, titles, texts)
        bars.report("comparing", 2, 2)
    learned = read_queries(run.learned)
    new = [place for place, query in enumerate(queries) if query not in learned]
    users = [row.user_id for row in tested]
    return gain(before, after, users), gain(before[new], after[new], [users[at] for at in new])


def _result(
    manifest: "Manifest",
    reason: str,
    found: "Gain | None" = None,
    fresh: "Gain | None" = None,
    candidate: str | None = None,
    *,
    released: bool = False,
) -> dict[str, Any]:
    """What is said of a run."""
    compared = {
        name: {
            "n": each.n,
            "users": each.difference.n_users,
            "mrr_before": each.before,
            "mrr_after": each.after,
            "gain": each.difference.value,
            "gain_low": each.difference.interval[0],
            "gain_high": each.difference.interval[1],
        }
        for name, each in (("tested", found), ("new_queries", fresh))
        if each is not None
    }
    return {
        "released": released,
        "reason": reason,
        "candidate": candidate,
        "index_version": manifest.version,
        "encoder_version": manifest.encoder_version,
        **compared,
    }


def _show(result: Mapping[str, Any]) -> None:
    for name, about in (("tested", "tested rows"), ("new_queries", "of them with new queries")):
        if (one := result.get(name)) is not None and one["n"]:
            print(
                f"{one['n']:,} {about}: mean reciprocal rank {one['mrr_before']:.4f} -> "
                f"{one['mrr_after']:.4f}, {one['gain']:+.4f} "
                f"(95 %: {one['gain_low']:+.4f} to {one['gain_high']:+.4f})"
            )
    if result["released"]:
        print(f"{result['encoder_version']} is in service with {result['index_version']}")
    else:
        print(f"{result['encoder_version']} stays in service: {result['reason']}")
