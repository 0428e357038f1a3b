"""The work that both sides of the throughput benchmark do for each event.

JSON in, a row of 1.5 KB read, guarded by its offset and written, a 64 x 384 by 384 x 10,000 product
with top-10 for every 64 events, a list of 2 KB of JSON out.  It is the work of the measurements in
docs/benchmarks.md, so that the figures can be compared with them; `--work shop` runs the product's
own step instead.
"""

import struct
from collections.abc import Sequence
from typing import Protocol

import msgspec
import numpy as np

from streams.outbox import Outbox
from streams.runs import Claim, Run

DIM, K, GROUP, ROW_BYTES = 384, 10, 64, 1_500
_HEAD = struct.Struct("<q32sq")


class Event(msgspec.Struct):
    """The fields of an event that the reference work looks at."""

    event_id: str
    user_id: str
    at_ms: int
    item_id: str | None = None


class Rows(Protocol):
    """Where rows are read."""

    def get_many(self, partition: int, keys: Sequence[bytes]) -> list[bytes | None]: ...


class ReferenceWork:
    """Runs -> outbox, the same function for the worker and for the plain loop."""

    def __init__(self, rows: Rows, out: str, n_items: int = 10_000) -> None:
        generator = np.random.default_rng(7)
        self._items = generator.standard_normal((DIM, n_items)).astype(np.float32)
        self._users = generator.standard_normal((GROUP, DIM)).astype(np.float32)
        self._rows = rows
        self._out = out
        self._decode = msgspec.json.Decoder(Event).decode
        self._encode = msgspec.json.Encoder().encode
        self._pad = b"r" * (ROW_BYTES - _HEAD.size)

    def __call__(self, runs: Sequence[Run], claim: Claim) -> Outbox:
        outbox = Outbox.of(runs, claim)
        events = []
        for run in runs:
            keys = [record.key or b"" for record in run.records]
            changed = outbox.rows.setdefault(run.partition, {})
            stored = dict(zip(keys, self._rows.get_many(run.partition, keys), strict=True))
            source = f"{run.topic}:{run.partition}".encode()[:32]
            for record, key in zip(run.records, keys, strict=True):
                event = self._decode(record.value or b"")
                row = changed.get(key) or stored[key]
                count, _, last = _HEAD.unpack_from(row) if row else (0, b"", -1)
                if record.offset > last:
                    count, last = count + 1, record.offset
                changed[key] = _HEAD.pack(count, source, last) + self._pad
                events.append((key, event, run, record.offset, count))
        for first in range(0, len(events), GROUP):
            self._rank(events[first : first + GROUP], outbox)
        return outbox

    def _rank(self, events: list[tuple[bytes, Event, Run, int, int]], outbox: Outbox) -> None:
        scores = self._users[: len(events)] @ self._items
        top = np.argpartition(scores, -K, axis=1)[:, -K:]
        best = np.take_along_axis(scores, top, axis=1)
        for (key, event, run, offset, count), items, values in zip(
            events, top.tolist(), best.tolist(), strict=True
        ):
            body = {
                "recommendation_id": f"{run.topic}-{run.partition}-{offset}",
                "user_id": event.user_id,
                "at_ms": event.at_ms,
                "count": count,
                "items": [
                    {
                        "item_id": f"item-{item:08d}",
                        "score": value,
                        "reason": "because you looked at something very much like it a moment ago, "
                        "and others who did so went on to this one",
                    }
                    for item, value in zip(items, values, strict=True)
                ],
            }
            outbox.send(self._out, key, self._encode(body))
