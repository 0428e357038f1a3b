"""A recipe and files of events -> a saved tower, measured on what was held out."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import msgspec
import torch

from scoring.balancing import FixedWeights
from scoring.errors import SequenceError
from scoring.saved.facts import write_facts
from scoring.saved.whole_folder import whole_folder, work_folder
from scoring.sequence.event_rows import Users, number_events, read_events
from scoring.sequence.full_ranking import measures, ranks, tower_scorer
from scoring.sequence.item_vectors import ItemVectors
from scoring.sequence.next_item import NextItem
from scoring.sequence.recipe import SequenceRecipe
from scoring.sequence.saved import SavedTower, save_tower
from scoring.sequence.sequences import Question, leave_one_out
from scoring.sequence.tower import SequenceTower
from scoring.training.contracts import Progress, Writer
from scoring.training.loop import fit
from scoring.training.rows import Reading


@dataclass(frozen=True, slots=True)
class Learned:
    """What came of a training.

    Attributes:
        measures: HR@10 and NDCG@10 of the last event of each user, over all items.
        n_users: Who had two events at least.
        n_items: Of the catalogue.
        n_events: Of the files.
    """

    measures: dict[str, float]
    n_users: int
    n_items: int
    n_events: int


def learn(
    recipe: SequenceRecipe,
    folder: Path,
    out: Path,
    reading: Reading,
    *,
    restart: bool = False,
    progress: Callable[[Progress], None] | None = None,
    writer: Writer | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Learned:
    """Train a tower on all but the last two events of each user and save it.

    Interrupted, it goes on from ``out/../.NAME.training`` when it is called again.

    Args:
        recipe: What and how.
        folder: Of its files.
        out: Folder of the model, where nothing is yet.
        reading: Notes bad rows.
        restart: Forget an interrupted training.
        progress: As in `fit`.
        writer: As in `fit`.
        stop: As in `fit`.

    Raises:
        ModelError: There is something at `out`.
        SequenceError: There is nothing to learn from.
        RowsError: A bad row, where they are not skipped, or no such file.
        Interrupted: As asked by `stop`.
    """
    work = work_folder(out, restart=restart)
    events = read_events([folder / name for name in recipe.events], recipe.columns, reading)
    users = number_events(events)
    asked, split, n_items = _test(users), leave_one_out(users.sequences), len(users.item_ids)
    torch.manual_seed(recipe.training.seed)
    tower = SequenceTower(recipe.tower, ItemVectors(n_items, recipe.tower.width, None, None))
    task = NextItem(tower, split.train, split.validation, recipe.task)
    fit(
        task,
        recipe.training,
        FixedWeights(["next"]),
        folder=work,
        identity={"recipe": msgspec.json.encode(recipe).decode(), "events": users.digest()},
        progress=progress,
        writer=writer,
        stop=stop,
    )
    found = dict(measures(ranks(tower_scorer(tower), asked)))
    learned = Learned(found, users.sequences.n_users, n_items, len(events))
    with whole_folder(out) as part:
        save_tower(SavedTower(tower=tower, item_ids=users.item_ids), part)
        write_facts(part, recipe, found)
    shutil.rmtree(work, ignore_errors=True)
    return learned


def measure(saved: SavedTower, recipe: SequenceRecipe, folder: Path, reading: Reading) -> Learned:
    """A saved tower on the last event of each user in files of events, as `learn` measures it.

    Raises:
        RowsError: A bad row, where they are not skipped, or no such file.
        SequenceError: No user has three events about items that the tower knows.
    """
    events = read_events([folder / name for name in recipe.events], recipe.columns, reading)
    users = number_events(events, saved.item_ids)
    found = dict(measures(ranks(tower_scorer(saved.tower), _test(users))))
    return Learned(found, users.sequences.n_users, len(saved.item_ids), len(events))


def _test(users: Users) -> Question:
    asked = leave_one_out(users.sequences).test
    if not len(asked.targets):
        raise SequenceError(
            f"none of {len(users.user_ids)} users has three events to be asked with"
        )
    return asked
