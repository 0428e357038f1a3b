"""Announcing an index version: one key, the newest counts, no doubt about whether it was stored."""

from __future__ import annotations

import time

import msgspec
import pytest

from index import Manifest
from streams.errors import BrokerUnavailableError, RejectedError
from streams.index_versions import KEY, PARTITION, IndexVersion, announce, decode
from streams.settings import Settings, load_settings
from streams.topics import all_topics
from tests.streams.reading import messages

MANIFEST = Manifest(
    version="20260101T000000.000Z-00000000",
    encoder_version="mini-1",
    engine="exact",
    parameters={},
    dim=4,
    count=0,
    created_at_ms=0,
    files={},
    recall_at_10=None,
    recall_at_100=None,
    build_s=0.0,
)


def test_an_announcement_is_one_record_under_one_key(embedded: Settings) -> None:
    older = announce(embedded, MANIFEST)
    newer = announce(embedded, msgspec.structs.replace(MANIFEST, version="next"))
    found = messages(embedded, "index-versions")
    assert [(message.partition(), message.key()) for message in found] == [(PARTITION, KEY)] * 2
    assert [decode(message.value()) for message in found] == [older, newer]
    assert (newer.version, newer.encoder_version) == ("next", "mini-1")
    assert abs(newer.at_ms - time.time() * 1000) < 60_000


def test_all_announcements_are_in_one_compacted_partition() -> None:
    (spec,) = [s for s in all_topics(load_settings(partitions=12)) if s.name == "index-versions"]
    assert (spec.partitions, spec.config) == (1, {"cleanup.policy": "compact"})


def test_no_broker_is_one_clear_error() -> None:
    settings = load_settings(bootstrap_servers="127.0.0.1:1")
    with pytest.raises(BrokerUnavailableError, match=r"127\.0\.0\.1:1.*rillstream broker"):
        announce(settings, MANIFEST, timeout_s=0.5)


@pytest.mark.parametrize("raw", [None, b"", b"{", b"{}", b'{"version":"","encoder_version":"m"}'])
def test_an_unreadable_announcement_is_rejected(raw: bytes | None) -> None:
    with pytest.raises(RejectedError):
        decode(raw)


def test_what_later_programs_add_is_ignored() -> None:
    raw = b'{"version":"v","encoder_version":"m","at_ms":1,"colour":"red"}'
    assert decode(raw) == IndexVersion(version="v", encoder_version="m", at_ms=1)
