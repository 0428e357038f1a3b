"""What becomes of an announced version that cannot be had."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from index import (
    EncoderFilesError,
    EncoderMismatchError,
    IndexFormatError,
    StoreUnavailableError,
)
from scoring import EncoderFormatError, ScoringError
from streams.errors import BrokerUnavailableError
from streams.index_versions import IndexVersion
from streams.live.index_metrics import IndexMetrics
from streams.live.version_follower import VersionFollower

SAID = IndexVersion(version="next", encoder_version="m", at_ms=1)


class Announced:
    """One announcement, then silence."""

    def __init__(self) -> None:
        self._said: list[IndexVersion | None] = [SAID]

    def newest(self, timeout_s: float) -> IndexVersion | None:
        return self._said.pop() if self._said else None


def following(
    opened: Callable[..., Any], swap: Callable[[Any], None] = lambda edition: None
) -> tuple[VersionFollower, IndexMetrics]:
    """A follower of one announcement; nothing is read and nothing ranked."""
    live = SimpleNamespace(version="now", n_delta=0)
    queries = SimpleNamespace(texts=list)
    edition = SimpleNamespace(live=live, is_due=False, queries=queries)
    metrics = IndexMetrics(CollectorRegistry())
    stand_ins: dict[str, Any] = {
        "announcements": Announced(),
        "editions": SimpleNamespace(open=opened),
        "ranking": SimpleNamespace(edition=edition, index_version="now", swap=swap),
        "rebuilds": SimpleNamespace(consider=lambda *_, **__: None),
        "between_batches": lambda call: SimpleNamespace(result=call),
        "encode_with": lambda tower: None,
        "metrics": metrics,
    }
    return VersionFollower(**stand_ins, boundary=lambda line: None), metrics


@pytest.mark.parametrize(
    ("error", "opened", "refused"),
    [
        (StoreUnavailableError("s3://shop does not answer"), 2, 0),
        (BrokerUnavailableError("no broker"), 2, 0),
        (IndexFormatError("next", ["vectors.npy has another SHA-256"]), 1, 1),
        (EncoderMismatchError("its encoder is nowhere"), 1, 1),
        (EncoderFilesError("model.safetensors has another SHA-256"), 1, 1),
        (EncoderFormatError("models/shop does not load as an encoder"), 1, 1),
    ],
)
def test_what_may_come_back_is_tried_again_and_what_is_broken_is_refused(
    error: Exception, opened: int, refused: int
) -> None:
    tried: list[str | None] = []

    def fail(version: str | None, serving: object, queries: object) -> None:
        tried.append(version)
        raise error

    follower, metrics = following(fail)
    for _ in range(3):
        follower.look()
    assert tried == ["next"]  # not before its time
    follower._not_before_s = 0.0
    follower.look()
    assert tried == ["next"] * opened
    assert metrics.refusals._value.get() == refused


def test_where_the_swap_fails_the_old_version_goes_on_with_its_changes() -> None:
    """Its reader must not be closed before the new one serves: items would stand still for ever."""
    closed: list[str] = []
    new = SimpleNamespace(live=SimpleNamespace(version="next"), close=lambda: closed.append("next"))

    def fail(edition: object) -> None:
        raise ScoringError("an experiment with other arms")

    follower, metrics = following(lambda *_: new, fail)
    follower.look()
    assert closed == ["next"]
    assert not follower._items._done.is_set()
    assert follower._items._edition.live.version == "now"
    assert metrics.refusals._value.get() == 1
