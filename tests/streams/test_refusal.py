"""What is said where a connection comes to nothing, by what listens at the other end."""

import socket
import threading
from collections.abc import Iterator

import pytest

from streams.errors import BrokerUnavailableError
from streams.settings import load_settings
from streams.topic_check import check_topics


@pytest.fixture
def closed_door() -> Iterator[str]:
    """Closes each connection at its first bytes, as a TLS listener does to a client without TLS."""
    with socket.create_server(("127.0.0.1", 0)) as door:

        def close_each() -> None:
            while True:
                try:
                    caller, _ = door.accept()
                except OSError:
                    return
                with caller:
                    caller.recv(1024)

        thread = threading.Thread(target=close_each)
        thread.start()
        yield f"127.0.0.1:{door.getsockname()[1]}"
        door.shutdown(socket.SHUT_RDWR)
        thread.join()


def test_who_is_hung_up_on_is_sent_to_the_protocol_and_not_to_another_broker(
    closed_door: str,
) -> None:
    with pytest.raises(BrokerUnavailableError, match="RILLSTREAM_SECURITY__PROTOCOL") as told:
        check_topics(load_settings(bootstrap_servers=closed_door), timeout_s=3)
    assert "rillstream broker" not in str(told.value)


def test_where_nobody_listens_a_broker_is_to_be_started() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
    with pytest.raises(BrokerUnavailableError, match=r"Connection refused.*rillstream broker"):
        check_topics(load_settings(bootstrap_servers=address), timeout_s=3)
