"""Anyone's files of events -> users in order, and the items they have met."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from scoring.errors import SequenceError
from scoring.rings import TYPES
from scoring.sequence.sequences import Sequences
from scoring.training.rows import Columns, Fields, Reading, read_examples

_DEFAULT_TYPE: Final = "click"
_LAST_MS: Final = 2**53  # a float has no whole numbers beyond
_PLACES: Final = {name: place for place, name in enumerate(TYPES)}


@dataclass(frozen=True, slots=True)
class Event:
    """One row.

    Attributes:
        user_id: Who.
        item_id: What.
        action: Place in `scoring.rings.TYPES`.
        at_ms: When.
    """

    user_id: str
    item_id: str
    action: int
    at_ms: int


def read_events(
    files: Iterable[Path], columns: Columns, reading: Reading, *, or_documented: bool = False
) -> list[Event]:
    """Events with an item, in the order of the files; visits have none and are left out.

    Columns are ``user_id``, ``item_id``, ``type`` (click where it is empty, or where nobody has
    named it and it is not there) and ``at_ms``: the records of `rillstream publish`.

    Args:
        files: Of rows.
        columns: How the documented names are called in them.
        reading: Notes bad rows.
        or_documented: Whether a file without these columns may have the documented ones.

    Raises:
        RowsError: A bad row, where they are not skipped, or no such file.
    """

    def make(fields: Fields) -> Event | None:
        return _event(fields.as_documented() if or_documented else fields)

    return read_examples(files, columns, make, reading)


def _event(fields: Fields) -> Event | None:
    action = _PLACES.get(kind := fields.text_or_nothing("type") or _DEFAULT_TYPE)
    if kind == "search" or action == _PLACES["visit"]:
        return None
    if action is None:
        raise ValueError(f"type is {kind!r}; known are {', '.join(TYPES)}")
    at_ms = fields.number("at_ms")
    if not 0 <= at_ms <= _LAST_MS or at_ms != int(at_ms):
        raise ValueError(f"at_ms is {at_ms}: it must be whole milliseconds since 1970")
    return Event(fields.text("user_id"), fields.text("item_id"), action, int(at_ms))


@dataclass(frozen=True, slots=True)
class Users:
    """Events as numbers, and what the numbers mean.

    Attributes:
        user_ids: (U,) of the sequences, in their order.
        item_ids: (N,) by catalogue row.
        sequences: U users.
    """

    user_ids: list[str]
    item_ids: list[str]
    sequences: Sequences

    def digest(self) -> str:
        """Hash of who did what when: 12 hex digits."""
        content = hashlib.sha256("\n".join((*self.user_ids, "", *self.item_ids)).encode())
        columns = self.sequences
        for column in (columns.starts, columns.items, columns.actions, columns.at_ms):
            content.update(column.tobytes())
        return content.hexdigest()[:12]


def number_events(events: Sequence[Event], item_ids: Sequence[str] | None = None) -> Users:
    """Group events by user.

    Args:
        events: In any order; those of one moment stay in the order given.
        item_ids: The catalogue; events with other items are left out. None = all items met.

    Raises:
        SequenceError: No event is left.
    """
    known = sorted({event.item_id for event in events}) if item_ids is None else list(item_ids)
    rows = {item_id: row for row, item_id in enumerate(known)}
    kept = [event for event in events if event.item_id in rows]
    if not kept:
        raise SequenceError(f"none of {len(events)} events is about an item that is known")
    user_ids = sorted({event.user_id for event in kept})
    users = {user_id: place for place, user_id in enumerate(user_ids)}
    sequences = Sequences.of(
        np.array([users[event.user_id] for event in kept], np.int64),
        np.array([rows[event.item_id] for event in kept], np.int64),
        np.array([event.action for event in kept], np.int64),
        np.array([event.at_ms for event in kept], np.int64),
    )
    return Users(user_ids, known, sequences)
