"""What a worker counts about itself, and where it offers that."""

import socket
from http.client import HTTPConnection

import pytest

from streams.errors import SettingsError
from streams.metrics import StepMetrics
from streams.outbox import Letter, Outbox
from streams.runs import Claim
from streams.settings import load_settings


def test_a_port_that_is_taken_is_said_with_its_setting() -> None:
    """Workers and learner read the same settings, and each is a process of its own."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(SettingsError, match=rf"127.0.0.1:{port} .*RILLSTREAM_METRICS_PORT"):
            StepMetrics().serve(port, "127.0.0.1")


@pytest.mark.parametrize("address", ["192.0.2.1", "no-such-host.invalid"])
def test_an_address_of_another_machine_is_said_with_its_setting(address: str) -> None:
    """192.0.2.0/24 is nobody's (RFC 5737)."""
    with pytest.raises(SettingsError, match=rf"{address}:9 .*RILLSTREAM_METRICS_ADDRESS"):
        StepMetrics().serve(9, address)


def test_a_machine_in_the_network_is_answered_where_that_was_asked_for() -> None:
    """A container's Prometheus is never on 127.0.0.1 of the container; the default is."""
    with socket.socket() as free:
        free.bind(("127.0.0.2", 0))
        port = free.getsockname()[1]
    StepMetrics().serve(port, "0.0.0.0")  # noqa: S104
    asked = HTTPConnection("127.0.0.2", port, timeout=10)
    asked.request("GET", "/metrics")
    assert b"rillstream_lists_total" in asked.getresponse().read()
    asked.close()


def test_by_default_only_this_machine_is_answered() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.2", 0))
        port = free.getsockname()[1]
    StepMetrics().serve(port, load_settings().metrics_address)
    with pytest.raises(ConnectionRefusedError):
        HTTPConnection("127.0.0.2", port, timeout=10).connect()


def test_dead_letters_count_once_they_are_durable() -> None:
    """Those of a batch that is computed again count once; a learner's come long after reading."""
    metrics = StepMetrics()
    outbox = Outbox(Claim(1, 1, b""), letters=[Letter("clicks.dlq", None, b"no JSON", [])])
    assert metrics.registry.get_sample_value("rillstream_dead_letters_total") == 0
    metrics.durable(outbox)
    assert metrics.registry.get_sample_value("rillstream_dead_letters_total") == 1
