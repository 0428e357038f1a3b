"""A course that goes on from an earlier one, without Kafka."""

from __future__ import annotations

import pytest

from scoring.online.learner import OnlineLearner
from streams.errors import RejectedError
from streams.events import Impression
from streams.learning.course import Course
from streams.learning.join import Joinable
from streams.learning.reading import decode_joinable, moment_of
from streams.learning.timing import Timing
from streams.learning.watermark import Watermark
from tests.streams.learning.shop_stream import BASE, LEARNING, messages, topics


def records() -> list[tuple[tuple[str, int], Joinable]]:
    """Where each was read, and what; one list a second, in the order of arrival."""
    found = []
    for sent in messages(150, seed=1):
        try:
            record = decode_joinable(sent.kind, sent.key, sent.value, max_bytes=65_536)
        except RejectedError:
            continue
        found.append(((sent.kind, sent.partition), record))
    return found


def course(window_ms: int, after: Course | None = None) -> Course:
    """A new one, or one that goes on with what its checkpoint would have."""
    timing = Timing(window_ms=window_ms, lateness_ms=2_000, every_ms=10_000)
    mark = Watermark(topics().sources, timing.lateness_ms, idle_s=1e9)
    begin = lambda: OnlineLearner(BASE, LEARNING.settings)  # noqa: E731
    if after is None:
        return Course(begin, timing, mark)
    return Course(
        begin,
        timing,
        mark,
        learner=after.learner,
        learned_to_ms=after.learned_to_ms,
        shown_to_ms=after.shown_to_ms,
        encoder_version=after.encoder_version,
    )


@pytest.mark.parametrize("changed_ms", [5_000, 20_000, 60_000])
def test_a_restart_with_another_window_learns_each_list_once(changed_ms: int) -> None:
    """What was learned is known by when it was shown: when it was due depends on the window."""
    found = records()

    def learned(one: Course, some: list[tuple[tuple[str, int], Joinable]]) -> int:
        for source, record in some:
            one.observe(source, record, moment_of(record), 0)
        return sum(taught.n_lists for taught in one.advance())

    first = course(20_000)
    n_lists = learned(first, found[: 2 * len(found) // 3])
    assert n_lists > 30
    second = course(changed_ms, first)
    n_lists += learned(second, found)
    third = course(changed_ms, second)
    assert learned(third, found) == 0
    shown = {
        record.recommendation_id: record.at_ms
        for _, record in found
        if isinstance(record, Impression)
    }
    assert n_lists == sum(at_ms < third.shown_to_ms for at_ms in shown.values())
    assert n_lists > 60
