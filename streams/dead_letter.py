"""A dead letter: a message that could not be read, raw, with where it was, why, and how often.

One that is sent back to its topic and cannot be read again becomes a letter like the first: the
same key and value, nothing wrapped around them. Two headers travel with it: how many attempts there
were, and where the first was.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from streams.errors import Reason
from streams.topics import DEAD_LETTER_BYTES, DEAD_LETTERS, dead_letter_topic

if TYPE_CHECKING:
    from confluent_kafka import Message

HEADER_TOPIC: Final = "rillstream.topic"
HEADER_PARTITION: Final = "rillstream.partition"
HEADER_OFFSET: Final = "rillstream.offset"
HEADER_REASON: Final = "rillstream.reason"
HEADER_KIND: Final = "rillstream.kind"
HEADER_ATTEMPTS: Final = "rillstream.attempts"
HEADER_FIRST: Final = "rillstream.first"
HEADER_CUT: Final = "rillstream.cut"
MAX_REASON_BYTES: Final = 1_024
MAX_LETTER_BYTES: Final = DEAD_LETTER_BYTES - 10_000
"""Of key and value: what is left beside headers and the record's own frame."""

MAX_KEY_BYTES: Final = 100_000
_MAX_DIGITS: Final = 18
_MAX_PLACE_BYTES: Final = 64

Headers = list[tuple[str, bytes]]


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One message that could not be applied.

    Attributes:
        topic: Where it was read, and whose dead letters it lies among; so are `partition` and
            `offset`, as its headers say.
        key: Its key, as it was.
        raw: Its value, untouched.
        kind: Why, in one word.
        reason: Why, in one line.
        at_ms: When it was put aside.
        letter_offset: Its own offset among the dead letters.
        attempts: How often it was read in vain: once, and once more for each time it was sent back.
        first: `<partition>:<offset>` of the first attempt: the same in all letters of a message.
        is_cut: It was too long for a letter, and has only the beginning.
    """

    topic: str
    partition: int
    offset: int
    key: bytes | None
    raw: bytes | None
    kind: str
    reason: str
    at_ms: int
    letter_offset: int
    attempts: int
    first: str
    is_cut: bool

    @property
    def back_headers(self) -> Headers:
        """What goes back with it to its topic."""
        return [
            (HEADER_ATTEMPTS, str(self.attempts).encode()),
            (HEADER_FIRST, self.first.encode(errors="replace")),
        ]


def dead_letter_record(
    raw: bytes | None,
    topic: str,
    partition: int,
    offset: int,
    key: bytes | None,
    reason: str,
    kind: Reason = "invalid",
    *,
    headers: Sequence[tuple[str, object]] = (),
) -> tuple[str, bytes | None, bytes | None, Headers]:
    """What to send for a message that was rejected: topic, key, value, headers.

    Key and value are as they were, but for the end of what no dead letter can hold: a topic may
    allow longer messages than ours do, and one that the broker refuses would stop the worker.
    `headers` are the message's own: those of a letter that was sent back say how often.
    """
    cut: Headers = []
    n_bytes = len(key or b"") + len(raw or b"")
    if n_bytes > MAX_LETTER_BYTES:
        key = None if key is None else key[:MAX_KEY_BYTES]
        raw = None if raw is None else raw[: MAX_LETTER_BYTES - len(key or b"")]
        reason = f"cut, for key and value have {n_bytes} bytes: {reason}"
        cut = [(HEADER_CUT, str(n_bytes).encode())]
    text = _texts(dict(headers))
    first = text.get(HEADER_FIRST, "")[:_MAX_PLACE_BYTES] or f"{partition}:{offset}"
    put = [
        (HEADER_TOPIC, topic.encode()),
        (HEADER_PARTITION, str(partition).encode()),
        (HEADER_OFFSET, str(offset).encode()),
        (HEADER_KIND, kind.encode()),
        (HEADER_REASON, reason.encode(errors="replace")[:MAX_REASON_BYTES]),
        (HEADER_ATTEMPTS, str(_number(text, HEADER_ATTEMPTS, 0) + 1).encode()),
        (HEADER_FIRST, first.encode(errors="replace")[:_MAX_PLACE_BYTES]),
    ]
    return dead_letter_topic(topic), key, raw, put + cut


def letter_of(message: Message) -> DeadLetter:
    """Headers are read leniently: a dead letter of another program must still be listed.

    None says where it is sent back to: that is the topic whose dead letters it lies among.
    """
    text = _texts(dict(message.headers() or ()))
    letters = message.topic() or ""
    partition, offset = _number(text, HEADER_PARTITION, -1), _number(text, HEADER_OFFSET, -1)
    own = f"{letters}:{message.partition()}:{message.offset()}"  # of one without a place
    return DeadLetter(
        topic=letters.removesuffix(DEAD_LETTERS),
        partition=partition,
        offset=offset,
        key=message.key(),
        raw=message.value(),
        kind=text.get(HEADER_KIND, "unknown"),
        reason=text.get(HEADER_REASON, ""),
        at_ms=message.timestamp()[1],
        letter_offset=message.offset() or 0,
        attempts=_number(text, HEADER_ATTEMPTS, 1),
        first=text.get(HEADER_FIRST) or (f"{partition}:{offset}" if offset >= 0 else own),
        is_cut=HEADER_CUT in text,
    )


def _texts(headers: Mapping[str, object]) -> dict[str, str]:
    return {
        name: value.decode(errors="replace")
        for name, value in headers.items()
        if isinstance(value, bytes)
    }


def _number(text: dict[str, str], name: str, otherwise: int) -> int:
    value = text.get(name, "")
    is_one = value.isascii() and value.isdecimal()
    return int(value) if is_one and len(value) <= _MAX_DIGITS else otherwise
