"""What a platform is answered, and who can ask."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from streams.errors import SettingsError
from streams.health import Health
from streams.metrics import StepMetrics
from streams.probes import offered
from streams.settings import load_settings
from tests.streams.asking import ask, free_port


@contextmanager
def answering(health: Health, address: str = "127.0.0.1") -> Iterator[int]:
    port = free_port()
    with offered(port, address, health, StepMetrics().registry):
        yield port


def test_ready_is_said_from_the_moment_on_when_it_is_so() -> None:
    health = Health()
    with answering(health) as port:
        assert ask(port, "/readyz") == (503, "it is starting\n")
        assert ask(port, "/livez") == (200, "ok\n")
        health.ready()
        assert ask(port, "/readyz") == (200, "ok\n")


def test_dead_is_said_with_what_stands_still() -> None:
    health = Health(limit_s=-1)
    with answering(health) as port:
        assert ask(port, "/livez") == (200, "ok\n")
        with health.under_way("a commit"):
            assert ask(port, "/livez") == (503, "a commit has not moved for 0 s\n")


def test_metrics_are_there_too() -> None:
    with answering(Health()) as port:
        for path in ("/metrics", "/"):
            status, text = ask(port, path)
            assert status == 200
            assert "rillstream_lists_total" in text


def test_a_probe_with_a_wrong_path_fails() -> None:
    """Else a platform would take whatever is answered for health."""
    with answering(Health()) as port:
        assert ask(port, "/healthz") == (404, "there are /livez, /readyz and /metrics\n")


def test_nobody_is_answered_where_no_port_is_set() -> None:
    with offered(None, "no-such-host.invalid", Health(), StepMetrics().registry):
        pass


def test_a_port_is_free_again_afterwards() -> None:
    port = free_port()
    for _ in range(2):
        with offered(port, "127.0.0.1", Health(), StepMetrics().registry):
            assert ask(port, "/livez")[0] == 200


def test_a_port_that_is_taken_is_said_with_its_setting() -> None:
    """Workers and learner read the same settings, and each is a process of its own."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with (
            pytest.raises(SettingsError, match=rf"127.0.0.1:{port} .*RILLSTREAM_METRICS_PORT"),
            offered(port, "127.0.0.1", Health(), StepMetrics().registry),
        ):
            pass


@pytest.mark.parametrize("address", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_of_another_machine_is_said_with_its_setting(address: str) -> None:
    """192.0.2.0/24 is nobody's (RFC 5737)."""
    with (
        pytest.raises(SettingsError, match=rf"{address}:9 .*RILLSTREAM_METRICS_ADDRESS"),
        offered(9, address, Health(), StepMetrics().registry),
    ):
        pass


def test_a_machine_in_the_network_is_answered_where_that_was_asked_for() -> None:
    """A container's Prometheus is never on 127.0.0.1 of the container; the default is."""
    with answering(Health(), "0.0.0.0") as port:  # noqa: S104
        assert ask(port, "/metrics", "127.0.0.2")[0] == 200


def test_by_default_only_this_machine_is_answered() -> None:
    with (
        answering(Health(), load_settings().metrics_address) as port,
        pytest.raises(ConnectionRefusedError),
    ):
        ask(port, "/metrics", "127.0.0.2")


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this machine has no IPv6")
def test_an_ipv6_address_is_answered() -> None:
    with answering(Health(), "::1") as port:
        assert ask(port, "/livez", "::1") == (200, "ok\n")
