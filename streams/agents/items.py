"""items topic -> item-vectors-<encoder version>.  Key: item_id.

More workers encode a large catalogue faster.
"""

import time
from collections.abc import Mapping, Sequence

from streams.errors import RejectedError
from streams.indexed import as_indexed
from streams.item_tower import ItemTower
from streams.items import Item, ItemDeleted, ItemVector, decode_item
from streams.metrics import StepMetrics
from streams.outbox import Outbox
from streams.records import encode
from streams.runs import Claim, Run
from streams.step import letter


class EncodeItems:
    """A lane of its own: encoding takes milliseconds an item and must not hold up a shopper's list.

    The newest record of an id in a batch counts, since the topic keeps no other either.  A null
    value deletes the vector.
    """

    def __init__(self, tower: ItemTower, out: str, *, max_bytes: int, metrics: StepMetrics) -> None:
        self._tower = tower
        self._out = out
        self._max_bytes = max_bytes
        self._metrics = metrics

    def __call__(self, runs: Sequence[Run], claim: Claim) -> Outbox:
        """One batch; called in the lane's thread."""
        outbox, now_ms = Outbox.of(runs, claim), time.time_ns() // 1_000_000
        newest: dict[str, Item | ItemDeleted] = {}
        for run in runs:
            for record in run.records:
                try:
                    item = decode_item(record.value, record.key, now_ms, max_bytes=self._max_bytes)
                except RejectedError as error:
                    outbox.letters.append(letter(record, run, error))
                else:
                    newest[item.item_id] = item
        self._encode(newest, outbox)
        self._metrics.batch(runs, 0, len(outbox.letters), 0)
        return outbox

    def _encode(self, newest: Mapping[str, Item | ItemDeleted], outbox: Outbox) -> None:
        items = [item for item in newest.values() if isinstance(item, Item)]
        texts = [self._tower.item_text(as_indexed(item)) for item in items]
        for item, vector in zip(items, self._tower.encode_items(texts), strict=True):
            raw = vector.astype("<f4").tobytes()
            body = ItemVector(item=item, encoder_version=self._tower.version, vector=raw)
            outbox.send(self._out, item.item_id.encode(), encode(body))
        for item_id, change in newest.items():
            if isinstance(change, ItemDeleted):
                outbox.send(self._out, item_id.encode(), None)
