"""What the learner takes from a topic, and what it refuses."""

import time

import pytest

from streams.errors import RejectedError
from streams.events import Click, Impression
from streams.learning.reading import decode_joinable
from streams.records import encode

NOW_MS = time.time_ns() // 1_000_000
CLICK = Click(event_id="e1", user_id="ann", type="click", item_id="i1", at_ms=NOW_MS)
SHOWN = Impression(user_id="ann", recommendation_id="r1", item_ids=("i1",), at_ms=NOW_MS)


@pytest.mark.parametrize(("kind", "record"), [("clicks", CLICK), ("impressions", SHOWN)])
@pytest.mark.parametrize(
    ("key", "reason"), [(None, "missing_key"), (b"bob", "key_mismatch"), (b"", "key_mismatch")]
)
def test_what_another_users_key_brings_is_refused(
    kind: str, record: Click | Impression, key: bytes | None, reason: str
) -> None:
    """A worker refuses it, too: nobody's row knows of it."""
    assert decode_joinable(kind, b"ann", encode(record), max_bytes=1_000) == record
    with pytest.raises(RejectedError) as refused:
        decode_joinable(kind, key, encode(record), max_bytes=1_000)
    assert refused.value.kind == reason
