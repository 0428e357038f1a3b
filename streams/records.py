"""Wire records: JSON <-> typed, bounded, frozen structs. Decoded once, at the edge, from raw bytes.

What all of them share is here; they are in `events`, `items`, `outputs` and `index_versions`.
Unknown fields are ignored and missing optional ones are null; a change only ever adds optional
fields, so version 1 of each record is still read by every later one.
"""

from __future__ import annotations

from typing import Final, TypeVar

import msgspec

from streams.errors import RejectedError

MAX_BYTES: Final = 65_536
MAX_AHEAD_MS: Final = 5 * 60 * 1000
"""How far a clock may be ahead of ours before its events are refused."""


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Anything that travels as one message."""


R = TypeVar("R", bound=Record)

_encoder = msgspec.json.Encoder()


def encode(record: Record) -> bytes:
    """JSON, UTF-8, one object."""
    return _encoder.encode(record)


def decode_with(decoder: msgspec.json.Decoder[R], raw: bytes | None, max_bytes: int) -> R:
    """A message's value as what this decoder makes of it.

    Raises:
        RejectedError: It is empty, too long, no JSON, or no such record.
    """
    if not raw:
        raise RejectedError("the value is empty", "empty")
    if len(raw) > max_bytes:
        raise RejectedError(f"{len(raw)} bytes, at most {max_bytes} are allowed", "oversize")
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError as error:
        raise RejectedError(str(error)) from None
    except msgspec.DecodeError as error:
        raise RejectedError(str(error), "malformed") from None
    except UnicodeDecodeError as error:  # not a DecodeError of msgspec's
        raise RejectedError(f"not UTF-8: {error.reason}", "malformed") from None
    except RecursionError:  # 30,000 nested brackets in an unknown field are enough
        raise RejectedError("nested too deeply", "malformed") from None


def check_key(key: bytes | None, expected: str) -> None:
    """Refuse a message whose key is not the id in its value: it may sit in a foreign partition.

    Raises:
        RejectedError: There is no key, or another one.
    """
    if key is None:
        raise RejectedError(f"the message has no key, expected {expected!r}", "missing_key")
    if key != expected.encode():
        found = key[:130].decode(errors="replace")
        raise RejectedError(f"the key is {found!r}, the value says {expected!r}", "key_mismatch")


def check_clock(at_ms: int, now_ms: int) -> None:
    """Refuse what happens more than `MAX_AHEAD_MS` from now.

    Raises:
        RejectedError: It does.
    """
    if at_ms > now_ms + MAX_AHEAD_MS:
        ahead_s = (at_ms - now_ms) // 1000
        raise RejectedError(f"at_ms is {ahead_s} s in the future", "future")
