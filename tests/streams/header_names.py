"""Batches of records with header names that no client of ours can write."""

from collections.abc import Sequence

from aiokafka.record.default_records import _DefaultRecordBatchBuilderPy


class Name(str):
    """A header's name that is written as these bytes."""

    raw: bytes

    def __new__(cls, raw: bytes) -> "Name":
        """A name."""
        made = super().__new__(cls, "a name")
        made.raw = raw
        return made

    def encode(self, *_: object) -> bytes:
        """The bytes."""
        return self.raw


def batch(
    names: Sequence[bytes],
    first: int = 0,
    compression: int = 0,
    transactional: bool = False,
    records: Sequence[tuple[bytes, bytes]] | None = None,
) -> bytes:
    """A record for each name, with offsets from `first` on; keys and values as given."""
    builder = _DefaultRecordBatchBuilderPy(
        magic=2,
        compression_type=compression,
        is_transactional=transactional,
        producer_id=7 if transactional else -1,
        producer_epoch=0 if transactional else -1,
        base_sequence=0 if transactional else -1,
        batch_size=1 << 20,
    )
    records = records or [(b"k%d" % at, b"v%d" % at) for at in range(len(names))]
    for at, (name, (key, value)) in enumerate(zip(names, records, strict=True)):
        builder.append(at, timestamp=at, key=key, value=value, headers=[(Name(name), b"1")])
    raw = bytearray(builder.build())
    raw[:8] = first.to_bytes(8, "big")  # the checksum begins behind it
    return bytes(raw)
