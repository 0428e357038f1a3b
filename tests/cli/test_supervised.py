"""What a supervisor says of its workers, by what they say."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import ExitStack

import pytest
from prometheus_client import CollectorRegistry

from streams.cli import supervised
from streams.cli.supervised import Workers
from streams.health import Health
from streams.probes import offered
from tests.streams.asking import free_port


@pytest.fixture
def healths() -> list[Health]:
    return [Health(limit_s=-1), Health(limit_s=-1)]


@pytest.fixture
def ports(healths: list[Health]) -> Iterator[list[int]]:
    with ExitStack() as stack:
        found = []
        for health in healths:
            found.append(free_port())
            stack.enter_context(offered(found[-1], "127.0.0.1", health, CollectorRegistry()))
        yield found


def test_all_have_to_be_ready(healths: list[Health], ports: list[int]) -> None:
    workers = Workers(Health(), "127.0.0.1", ports)
    assert workers.why_not_ready() == "worker 0: it is starting, worker 1: it is starting"
    healths[0].ready()
    assert workers.why_not_ready() == "worker 1: it is starting"
    healths[1].ready()
    assert workers.why_not_ready() is None


def test_one_dead_worker_is_enough(healths: list[Health], ports: list[int]) -> None:
    workers = Workers(Health(), "127.0.0.1", ports)
    assert workers.why_dead() is None
    with healths[1].under_way("a commit"):
        assert workers.why_dead() == "worker 1: a commit has not moved for 0 s"


def test_a_supervisor_that_stands_still_is_dead(ports: list[int]) -> None:
    own = Health(limit_s=-1)
    with own.under_way("the supervisor"):
        why = Workers(own, "127.0.0.1", ports).why_dead()
    assert why == "the supervisor has not moved for 0 s"


def test_a_worker_between_two_lives_is_not_ready_and_no_reason_to_end_the_others() -> None:
    workers = Workers(Health(), "127.0.0.1", [free_port()])
    assert workers.why_dead() is None
    assert workers.why_not_ready() == "worker 0: it is not running"


def test_a_worker_that_listens_and_does_not_answer_is_dead(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """SIGSTOP, or the interpreter's lock held for ever."""
    monkeypatch.setattr(supervised, "ANSWER_S", 0.2)
    with socket.socket() as frozen:
        frozen.bind(("127.0.0.1", 0))
        frozen.listen()
        workers = Workers(Health(), "127.0.0.1", [frozen.getsockname()[1]])
        assert workers.why_dead() == "worker 0: no answer within 0.2 s"
        assert workers.why_not_ready() == "worker 0: no answer within 0.2 s"


@pytest.mark.parametrize("address", ["0.0.0.0", "127.0.0.1"])  # noqa: S104
def test_workers_that_everybody_may_ask_are_asked_here(
    healths: list[Health], ports: list[int], address: str
) -> None:
    for health in healths:
        health.ready()
    assert Workers(Health(), address, ports).why_not_ready() is None
