"""A recipe and files of events -> a saved table of related items, measured on what was held out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from scipy.sparse import csr_array
from torch import Tensor

from scoring.errors import SequenceError
from scoring.policy import Policy
from scoring.related.neighbours import neighbours
from scoring.related.recipe import RelatedRecipe
from scoring.related.source import LATEST, NEAREST
from scoring.related.table import RelatedItems
from scoring.rings import type_weights
from scoring.saved.facts import write_facts
from scoring.saved.whole_folder import must_be_new, whole_folder
from scoring.sequence.event_rows import Users, number_events, read_events
from scoring.sequence.full_ranking import Scorer, measures, ranks
from scoring.sequence.sequences import Question, Sequences, leave_one_out
from scoring.training.rows import Reading


@dataclass(frozen=True, slots=True)
class Counted:
    """What came of counting.

    Attributes:
        measures: HR@10 and NDCG@10 of the last event of each user, over all items that they had
            not; of a table that was counted without each user's last two events. Empty where no
            user has three.
        n_users: Of the files.
        n_items: Of the table.
        n_events: Of the files.
    """

    measures: dict[str, float]
    n_users: int
    n_items: int
    n_events: int


def learn(
    recipe: RelatedRecipe,
    folder: Path,
    out: Path,
    reading: Reading,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> Counted:
    """Count a table over all events and save it.

    Args:
        recipe: What and how.
        folder: Of its files.
        out: Folder of the table, where nothing is yet.
        reading: Notes bad rows.
        progress: Called with (users measured, of how many).

    Raises:
        ModelError: There is something at `out`.
        SequenceError: There is nothing to count.
        RowsError: A bad row, where they are not skipped, or no such file.
    """
    must_be_new(out)
    users = _users(recipe, folder, reading)
    split = leave_one_out(users.sequences)
    found: dict[str, float] = {}
    if len(split.test.targets):
        found = _measured(_table(split.train, users.item_ids, recipe), split.test, progress)
    table = _table(users.sequences, users.item_ids, recipe)
    with whole_folder(out) as part:
        table.save(part)
        write_facts(part, recipe, found)
    return Counted(found, len(users.user_ids), len(users.item_ids), len(users.sequences.items))


def measure(table: RelatedItems, recipe: RelatedRecipe, folder: Path, reading: Reading) -> Counted:
    """A saved table on the last event of each user in files of events.

    It has been counted with these events where the files are those of its recipe: other files, or
    the figures that `learn` gave, tell more.

    Raises:
        RowsError: A bad row, where they are not skipped, or no such file.
        SequenceError: No user has three events about items that the table knows.
    """
    events = read_events([folder / name for name in recipe.events], recipe.columns, reading)
    users = number_events(events, table.item_ids)
    asked = leave_one_out(users.sequences).test
    if not len(asked.targets):
        raise SequenceError(
            f"none of {len(users.user_ids)} users has three events to be asked with"
        )
    found = _measured(table, asked, None)
    return Counted(found, len(users.user_ids), len(table.item_ids), len(events))


def table_scorer(table: RelatedItems) -> Scorer:
    """Scores as lists have them: the latest events, each weighed as for long-term interest."""
    n, k = table.neighbours.shape
    k = min(k, NEAREST)
    there = table.neighbours[:, :k] >= 0
    rows = np.repeat(np.arange(n), there.sum(axis=1))
    shape = (n, n)
    together = csr_array(
        (table.strengths[:, :k][there], (rows, table.neighbours[:, :k][there])), shape=shape
    )
    policy = Policy()
    half_life_ms = policy.long_half_life_ms
    of_type = np.maximum(type_weights(policy), 0.0)  # returned things do not speak

    def score(pasts: Sequences) -> Tensor:
        latest = pasts.last(LATEST)
        owners = np.repeat(np.arange(latest.n_users), latest.lengths)
        newest = np.zeros(latest.n_users, np.int64)
        np.maximum.at(newest, owners, latest.at_ms)
        ages_ms = (newest[owners] - latest.at_ms).astype(np.float64)
        weights = of_type[latest.actions] * np.exp2(-ages_ms / half_life_ms).astype(np.float32)
        said = csr_array((weights, (owners, latest.items)), shape=(latest.n_users, n))
        return torch.from_numpy((said @ together).toarray())  # (b, N)

    return score


def _users(recipe: RelatedRecipe, folder: Path, reading: Reading) -> Users:
    events = read_events([folder / name for name in recipe.events], recipe.columns, reading)
    return number_events(events)


def _table(events: Sequences, item_ids: list[str], recipe: RelatedRecipe) -> RelatedItems:
    return RelatedItems(item_ids, *neighbours(events, len(item_ids), recipe.related))


def _measured(
    table: RelatedItems, asked: Question, progress: Callable[[int, int], None] | None
) -> dict[str, float]:
    return dict(measures(ranks(table_scorer(table), asked, progress=progress)))
