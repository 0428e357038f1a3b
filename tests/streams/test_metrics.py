"""Where a worker offers what it counts about itself."""

import socket

import pytest

from streams.errors import SettingsError
from streams.metrics import StepMetrics


def test_a_port_that_is_taken_is_said_with_its_setting() -> None:
    """Workers and learner read the same settings, and each is a process of its own."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(SettingsError, match=rf"127.0.0.1:{port} .*RILLSTREAM_METRICS_PORT"):
            StepMetrics().serve(port)
