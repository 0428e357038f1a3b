"""model-versions topic: the heads that workers should score with. One partition, key: `heads`.

The value is the heads themselves; the headers say what they are and up to where was learned.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from streams.errors import RejectedError
from streams.outbox import Letter
from streams.positions import Source

if TYPE_CHECKING:
    from scoring.ranker.heads import Heads

KEY: Final = b"heads"
PARTITION: Final = 0


@dataclass(frozen=True, slots=True)
class HeadsVersion:
    """What the headers of a record say.

    Attributes:
        version: Of the heads.
        base_version: Of the heads that learning began with.
        features_version: What their columns are.
        encoder_version: Of the lists that were learned from; '' = they had none.
        learned_to_ms: Event time up to which was learned.
        offsets: "<topic>:<partition>" -> the offset up to which was read.
    """

    version: str
    base_version: str
    features_version: str
    encoder_version: str
    learned_to_ms: int
    offsets: Mapping[str, int]


def heads_record(
    topic: str,
    heads: Heads,
    base: Heads,
    encoder_version: str,
    learned_to_ms: int,
    ends: Mapping[Source, int],
) -> Letter:
    """The record of new heads."""
    offsets = {f"{name}:{partition}": end for (name, partition), end in sorted(ends.items())}
    headers = {
        "version": heads.version,
        "base_version": base.version,
        "features_version": heads.features_version,
        "encoder_version": encoder_version,
        "learned_to_ms": str(learned_to_ms),
        "offsets": json.dumps(offsets),
    }
    raw = [(name, said.encode()) for name, said in headers.items()]
    return Letter(topic, KEY, heads.to_bytes(), raw)


def read_headers(headers: Sequence[tuple[str, bytes | None]] | None) -> HeadsVersion:
    """What a record's headers say.

    Raises:
        RejectedError: They say less, or something else.
    """
    said = {name: (raw or b"").decode(errors="replace") for name, raw in headers or ()}
    try:
        return HeadsVersion(
            version=said["version"],
            base_version=said["base_version"],
            features_version=said["features_version"],
            encoder_version=said["encoder_version"],
            learned_to_ms=int(said["learned_to_ms"]),
            offsets=dict(json.loads(said["offsets"])),
        )
    except (KeyError, ValueError, TypeError) as error:
        raise RejectedError(f"no heads: bad headers ({error!r})") from None
