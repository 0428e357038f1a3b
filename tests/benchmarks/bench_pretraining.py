"""What domain pretraining gains: relevance and clicks before and after it, by what was learned.

    OMP_NUM_THREADS=1 python -m tests.benchmarks.bench_pretraining --data DIR --work WORK

Pretrains by scoring/recipes/pretrain-shops.toml with both losses, with words alone and with pairs
alone; measures each, and the encoder as it comes, on two shops' questions that no arm has seen; and
fine-tunes each by scoring/recipes/home-depot.toml with few rows (`--rows`). All is kept in WORK:
what is there is not done again, so `--arm` and `--stage` may divide the work. `--catalogue` and
`--queries` make it smaller. Intervals are of 1,000 bootstrap samples of the test queries,
differences paired; they say nothing of other seeds.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from scoring import load_encoder
from scoring.measures import spearman
from scoring.pretraining.recipe import Weights, read_pretraining
from scoring.pretraining.run import pretrain
from scoring.pretraining.saved import read_gain
from scoring.tasks.choice import make_task
from scoring.tasks.contract import Example
from scoring.training.contracts import Progress
from scoring.training.recipe import Recipe, RelevanceSettings, read_recipe
from scoring.training.rows import Reading
from scoring.training.run import train
from scoring.training.split import place_of
from scoring.training.task_rows import TaskRows, read_task_rows
from tests.benchmarks.bench_relevance import by_encoder
from tests.benchmarks.paired_values import Floats, Statistic, Values
from tests.benchmarks.shop_texts import read_clicks, reciprocal_ranks, write_files

_RECIPES: Final = Path(__file__).parents[2] / "scoring" / "recipes"
ARMS: Final[Mapping[str, Weights | None]] = {
    "as it comes": None,
    "words": Weights(words=1.0, clicks=0.0, items=0.0),
    "pairs": Weights(words=0.0, clicks=1.0, items=1.0),
    "both": read_pretraining(_RECIPES / "pretrain-shops.toml").weights,
}
STAGES: Final = ("pretrain", "tune", "measure")
RELEVANCE: Final = "relevance"
CLICKS: Final = "clicks"


@dataclass(frozen=True, slots=True)
class Place:
    """Where an arm's files are."""

    work: Path
    arm: str

    @property
    def encoder(self) -> Path | None:
        """Its pretrained encoder; None = the one that comes along."""
        return None if ARMS[self.arm] is None else self.work / "models" / self.arm

    def tuned(self, n: int) -> Path:
        """Fine-tuned with so many rows."""
        return self.work / "models" / f"{self.arm.replace(' ', '-')}-tuned-{n}"

    def scores(self, what: str) -> Path:
        """Of the test rows."""
        return self.work / "scores" / f"{self.arm.replace(' ', '-')}-{what}.npy"


def _say(progress: Progress) -> None:
    if progress.step % 50 == 0:
        losses = " ".join(f"{name} {value:.3f}" for name, value in progress.losses.items())
        print(f"  {progress.step}/{progress.n_steps} {losses} {progress.left_s:.0f} s", flush=True)


def make_encoder(place: Place, n_catalogue: int | None) -> None:
    """Pretrain an arm, if it is one and is not there yet, with so many rows of each catalogue."""
    weights, out = ARMS[place.arm], place.encoder
    if weights is None or out is None or out.exists():
        return
    recipe = read_pretraining(_RECIPES / "pretrain-shops.toml")
    recipe = msgspec.structs.replace(recipe, name=place.arm, weights=weights)
    if n_catalogue is not None:
        catalogue = {
            name: msgspec.structs.replace(source, max_rows=n_catalogue)
            for name, source in recipe.catalogue.items()
        }
        recipe = msgspec.structs.replace(recipe, catalogue=catalogue)
    print(f"pretraining: {place.arm}", flush=True)
    pretrain(recipe, place.work, out, Reading(skip_bad=True), threads=1, progress=_say)


def tune(place: Place, rows: TaskRows, n: int) -> None:
    """Fine-tune an arm for relevance with n rows, if it is not there yet."""
    if place.tuned(n).exists():
        return
    file = place.work / "relevance.jsonl"
    with file.open("w", encoding="utf-8") as stream:
        for row in rows.train:
            said = {"query": row.texts[0], "title": row.texts[1], "score": row.target}
            stream.write(json.dumps(said) + "\n")
    recipe = _relevance()
    source = None if place.encoder is None else str(place.encoder)
    backbone = msgspec.structs.replace(recipe.backbone, source=source)
    # The rows are split already, and asked by `measure`: no second time here.
    task = RelevanceSettings(train=[file.name], validation=0.0, max_rows=n)
    recipe = msgspec.structs.replace(recipe, backbone=backbone, tasks={"relevance": task})
    print(f"fine-tuning: {place.arm}, {n} rows", flush=True)
    train(recipe, place.work, place.tuned(n), threads=1, progress=_say)


def _relevance() -> Recipe:
    return read_recipe(_RECIPES / "home-depot.toml")


def relevance_rows(data: Path) -> TaskRows:
    """As scoring/recipes/home-depot.toml splits them."""
    recipe = _relevance()
    settings = recipe.tasks["relevance"]
    reading = Reading(skip_bad=True)
    return read_task_rows("relevance", make_task(settings), settings, recipe, data, reading)


def kept(file: Path, make: Callable[[], Floats]) -> Floats:
    """An array from its file, or made now."""
    if not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        np.save(file, make())
    found: Floats = np.load(file)
    return found


def within(rows: Sequence[Example], scores: Floats) -> Floats:
    """Spearman's ρ of each query's pairs; nan where it says nothing."""
    members: dict[str, list[int]] = {}
    for place, row in enumerate(rows):
        members.setdefault(row.texts[0], []).append(place)
    grades = _grades(rows)
    return np.array([spearman(scores[some], grades[some]) for some in members.values()])


def columns(
    work: Path, arm: str, data: Path, rows: Sequence[Example], n: int
) -> Iterator[tuple[str, Values]]:
    """What was measured of an arm, by the name of its column; what is missing is left out."""
    place, base = Place(work, arm), Place(work, "as it comes")
    for what, name in ((RELEVANCE, "relevance"), (f"{RELEVANCE}-{n}", f"tuned with {n:,} rows")):
        if place.scores(what).exists() and base.scores(what).exists():
            ours, theirs = np.load(place.scores(what)), np.load(base.scores(what))
            queries = [row.texts[0] for row in rows]
            yield f"{name}: all pairs", Values(queries, ours, theirs, _order(_grades(rows)))
            ours, theirs = within(rows, ours), within(rows, theirs)
            known = ~np.isnan(ours) & ~np.isnan(theirs)
            each = [str(number) for number in range(int(known.sum()))]
            yield f"{name}: within a query", Values(each, ours[known], theirs[known], _mean)
    if place.scores(CLICKS).exists() and base.scores(CLICKS).exists():
        queries, _, new = read_clicks(data / "bestbuy_search").tested()
        ours, theirs = np.load(place.scores(CLICKS)), np.load(base.scores(CLICKS))
        yield "clicks: all", Values(queries, ours, theirs, _mean)
        unseen = [query for query, is_new in zip(queries, new, strict=True) if is_new]
        yield "clicks: new queries", Values(unseen, ours[new], theirs[new], _mean)


def _grades(rows: Sequence[Example]) -> Floats:
    return np.array([float(row.target or 0.0) for row in rows])


def _order(grades: Floats) -> Statistic:
    return lambda values, some: spearman(values[some], grades[some])


def _mean(values: Floats, some: NDArray[np.int64]) -> float:
    return float(values[some].mean())


def measure(place: Place, data: Path, rows: Sequence[Example], n: int) -> None:
    """Ask an arm everything, and its fine-tuned form where there is one."""
    kept(place.scores(RELEVANCE), lambda: by_encoder(place.encoder)(rows))
    if place.tuned(n).exists():
        kept(place.scores(f"{RELEVANCE}-{n}"), lambda: by_encoder(place.tuned(n))(rows))
    clicks = read_clicks(data / "bestbuy_search")
    kept(
        place.scores(CLICKS),
        lambda: reciprocal_ranks(load_encoder(place.encoder, threads=1), clicks),
    )


def print_tables(work: Path, data: Path, rows: Sequence[Example], n: int) -> None:
    """Held-out rows of pretraining, and the two shops' questions."""
    for arm in ARMS:
        encoder = Place(work, arm).encoder
        if encoder is not None and encoder.exists():
            gain = read_gain(encoder)
            said = (f"{name} {gain.before[name]:.3f} → {v:.3f}" for name, v in gain.after.items())
            print(f"{arm}: " + ", ".join(said))
    for arm in ARMS:
        for name, values in columns(work, arm, data, rows, n):
            print(f"| {arm} | {name} | {values.shown()} |", flush=True)


def main() -> None:
    """Do what is missing, and print what there is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True, help="keeps models and scores")
    parser.add_argument("--rows", type=int, default=4_000, help="to fine-tune with")
    parser.add_argument("--catalogue", type=int, help="rows of each to learn, for the recipe's")
    parser.add_argument("--queries", type=float, default=1.0, help="share of relevance's that ask")
    parser.add_argument("--arm", choices=ARMS, action="append")
    parser.add_argument("--stage", choices=STAGES, action="append")
    asked = parser.parse_args()
    if not (asked.work / "queries.jsonl").exists():
        write_files(asked.data, asked.work)
    split, stages = relevance_rows(asked.data), asked.stage or STAGES
    rows = [row for row in split.test if place_of(row.texts[0], "asked") < asked.queries]
    for arm in asked.arm or ARMS:
        place = Place(asked.work, arm)
        if "pretrain" in stages:
            make_encoder(place, asked.catalogue)
        if "tune" in stages:
            tune(place, split, asked.rows)
        if "measure" in stages:
            measure(place, asked.data, rows, asked.rows)
    print_tables(asked.work, asked.data, rows, asked.rows)


if __name__ == "__main__":
    main()
