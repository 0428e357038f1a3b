"""items topic -> item-vectors-<encoder version>.  Key: item_id.

More workers encode a large catalogue faster.
"""

import time
from collections.abc import Callable, Mapping, Sequence

from streams.errors import RejectedError
from streams.indexed import as_indexed
from streams.item_origin import Taken, origin_header
from streams.item_tower import ItemTower
from streams.items import Item, ItemDeleted, ItemVector, decode_item
from streams.metrics import StepMetrics
from streams.outbox import Letter, Outbox
from streams.records import encode
from streams.row import Source
from streams.runs import Claim, Run
from streams.step import letter

Noted = Callable[[], Mapping[tuple[str, int], tuple[int | None, str]]]
"""The group's position in each partition of the items topic, None at first, and its note."""


class EncodeItems:
    """A lane of its own: encoding takes milliseconds an item and must not hold up a shopper's list.

    The newest record of an id in a batch counts, since the topic keeps no other either.  A null
    value deletes the vector. `use` changes the encoder between two batches; what was taken with the
    encoder before stays as it is, and the notes beside the positions say so (`item_origin`).

    Attributes:
        outputs: The topics that vectors go to; one more with each new encoder.
    """

    def __init__(
        self,
        tower: ItemTower,
        topic_of: Callable[[str], str],
        noted: Noted,
        topic_id: str,
        *,
        max_bytes: int,
        metrics: StepMetrics,
    ) -> None:
        """Encode with this tower until another one comes.

        Args:
            tower: Items to vectors.
            topic_of: An encoder's version -> the topic of its vectors.
            noted: Asked once a claim.
            topic_id: Of the items topic.
            max_bytes: Longer records are rejected.
            metrics: Counts batches.
        """
        self._topic_of = topic_of
        self._noted = noted
        self._topic_id = topic_id
        self._max_bytes = max_bytes
        self._metrics = metrics
        self._claim: Claim | None = None
        self._positions: Mapping[tuple[str, int], tuple[int | None, str]] = {}
        self._since: dict[tuple[str, int], int] = {}
        self._changed: set[tuple[str, int]] = set()
        self.outputs: list[str] = []
        self._tower = tower
        self.use(tower)

    def use(self, tower: ItemTower) -> None:
        """Encode with another tower from the next batch on; called in the lane's thread."""
        self._tower = tower
        self._out = self._topic_of(tower.version)
        if self._out not in self.outputs:
            self.outputs.append(self._out)
        self._changed = set(self._since)

    def __call__(self, runs: Sequence[Run], claim: Claim) -> Outbox:
        """One batch; called in the lane's thread."""
        outbox, now_ms = Outbox.of(runs, claim), time.time_ns() // 1_000_000
        newest: dict[str, tuple[Item | ItemDeleted, Source]] = {}
        for run in runs:
            outbox.notes[run.source] = Taken(self._tower.version, self._begun(run)).note()
            key = f"{self._topic_id}:{run.partition}"
            for record in run.records:
                try:
                    item = decode_item(record.value, record.key, now_ms, max_bytes=self._max_bytes)
                except RejectedError as error:
                    outbox.letters.append(letter(record, run, error))
                else:
                    newest[item.item_id] = item, Source(key, record.offset)
        self._encode(newest, outbox)
        self._metrics.batch(runs, 0, 0)
        return outbox

    def _begun(self, run: Run) -> int:
        """Since which offset this tower has taken a partition's records without a gap."""
        if run.claim is not self._claim:
            self._positions = self._noted()
            self._claim = run.claim
            self._since.clear()
            self._changed.clear()
        source = run.source
        if source in self._changed:
            self._changed.discard(source)
            self._since[source] = run.begin
        elif source not in self._since:
            position, note = self._positions[source]
            taken = Taken.parse(note)
            if position is None or taken is None:  # nobody has noted another encoder yet
                self._since[source] = 0
            elif taken.encoder_version == self._tower.version:
                self._since[source] = taken.since
            else:
                self._since[source] = run.begin
        return self._since[source]

    def _encode(
        self, newest: Mapping[str, tuple[Item | ItemDeleted, Source]], outbox: Outbox
    ) -> None:
        items = [(item, at) for item, at in newest.values() if isinstance(item, Item)]
        texts = [self._tower.item_text(as_indexed(item)) for item, _ in items]
        for (item, at), vector in zip(items, self._tower.encode_items(texts), strict=True):
            raw = vector.astype("<f4").tobytes()
            body = ItemVector(item=item, encoder_version=self._tower.version, vector=raw)
            self._send(outbox, item.item_id, encode(body), at)
        for item_id, (change, at) in newest.items():
            if isinstance(change, ItemDeleted):
                self._send(outbox, item_id, None, at)

    def _send(self, outbox: Outbox, item_id: str, value: bytes | None, at: Source) -> None:
        outbox.marked.append(Letter(self._out, item_id.encode(), value, [origin_header(at)]))
