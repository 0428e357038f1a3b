"""A learner's state as rows of its changelog: parts of less than a message, and what they are."""

from __future__ import annotations

from typing import Final

import msgspec

from streams.errors import RowFormatError
from streams.step import Rows

PARTITION: Final = 0
"""Of all rows: one learner learns, whatever partitions it reads."""

_FORMAT: Final = 1
_FACTS: Final = b"facts"
_PART_BYTES: Final = 800_000


class Checkpoint(msgspec.Struct, frozen=True, kw_only=True):
    """How far a course had come.

    Attributes:
        learned_to_ms: See `streams.learning.course.Course`.
        shown_to_ms: Likewise; None in those of versions before.
        encoder_version: Likewise.
        n_parts: In which the learner's state lies.
    """

    format: int = _FORMAT
    learned_to_ms: int
    shown_to_ms: int | None = None
    encoder_version: str
    n_parts: int


def rows_of(
    learned_to_ms: int, shown_to_ms: int, encoder_version: str, state: bytes
) -> dict[bytes, bytes]:
    """Rows to write, together."""
    parts = [state[at : at + _PART_BYTES] for at in range(0, len(state), _PART_BYTES)]
    facts = Checkpoint(
        learned_to_ms=learned_to_ms,
        shown_to_ms=shown_to_ms,
        encoder_version=encoder_version,
        n_parts=len(parts),
    )
    rows = {_name(number): part for number, part in enumerate(parts)}
    return rows | {_FACTS: msgspec.json.encode(facts)}


def read(rows: Rows) -> tuple[Checkpoint, bytes] | None:
    """The newest checkpoint and the learner's state in it; None where there is none.

    Raises:
        RowFormatError: It is damaged, or of a newer version.
    """
    (raw,) = rows.get_many(PARTITION, [_FACTS])
    if raw is None:
        return None
    try:
        facts = msgspec.json.decode(raw, type=Checkpoint)
    except ValueError as error:  # msgspec's are such, and of bytes that are no text
        raise RowFormatError(f"the learner's checkpoint cannot be read: {error}") from None
    parts = rows.get_many(PARTITION, [_name(number) for number in range(facts.n_parts)])
    if facts.format != _FORMAT or None in parts:
        raise RowFormatError(
            f"the learner's checkpoint has format {facts.format} and "
            f"{sum(part is not None for part in parts)} of {facts.n_parts} parts, this version "
            f"reads format {_FORMAT}: delete the learner's changelog and state folder to begin anew"
        )
    return facts, b"".join(part for part in parts if part is not None)


def _name(number: int) -> bytes:
    return b"state-%d" % number
