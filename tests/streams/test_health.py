"""Whether a process is live and ready, by what its parts say."""

from __future__ import annotations

from streams.health import STUCK_AFTER_S, Health
from streams.settings import Settings


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


def test_what_stands_still_for_too_long_is_dead_and_said() -> None:
    clock = Clock()
    health = Health(300, clock)
    with health.under_way("a commit"):
        clock.now_s = 300
        assert health.why_dead() is None
        clock.now_s = 301
        assert health.why_dead() == "a commit has not moved for 301 s"
    assert health.why_dead() is None


def test_who_moves_is_live_however_long_it_takes() -> None:
    """A commit that waits for a broker, for hours."""
    clock = Clock()
    health = Health(300, clock)
    with health.under_way("a commit") as moved:
        for clock.now_s in range(0, 7_200, 60):
            moved()
            assert health.why_dead() is None


def test_idle_is_live_for_ever() -> None:
    clock = Clock()
    health = Health(300, clock)
    with health.under_way("a batch of events"):
        clock.now_s = 10
    clock.now_s = 1e6
    assert health.why_dead() is None


def test_one_of_two_of_a_kind_that_stands_still_is_enough() -> None:
    """A fetcher that was cancelled ends while the next one runs."""
    clock = Clock()
    health = Health(300, clock)
    with health.under_way("fetching"):
        with health.under_way("fetching") as other:
            pass
        clock.now_s = 301
        other()  # it has ended: it neither moves nor stands still
        assert health.why_dead() == "fetching has not moved for 301 s"
    clock.now_s = 1e6
    assert health.why_dead() is None


def test_a_worker_is_ready_once_it_says_so_and_until_it_takes_it_back() -> None:
    health = Health()
    assert health.why_not_ready() == "it is starting"
    health.ready()
    assert health.why_not_ready() is None
    health.not_ready("partitions are being assigned")
    assert health.why_not_ready() == "partitions are being assigned"


def test_a_call_of_the_broker_may_last_its_whole_time_out() -> None:
    clock = Clock()
    settings = Settings(session_timeout_s=300)
    health = Health.of(settings)
    health._clock = clock
    with health.under_way("a commit"):
        clock.now_s = STUCK_AFTER_S + 299
        assert health.why_dead() is None
