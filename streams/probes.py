"""Where a platform asks how a process is: `/livez`, `/readyz`, and `/metrics` for Prometheus."""

from __future__ import annotations

import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from threading import Thread
from typing import TYPE_CHECKING, Final, Protocol, cast
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, make_wsgi_app

from streams.errors import SettingsError

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

LIVE: Final = "/livez"
READY: Final = "/readyz"
METRICS: Final = "/metrics"


class Condition(Protocol):
    """How something is; asked in a thread of the server."""

    def why_dead(self) -> str | None:
        """None = it is live."""

    def why_not_ready(self) -> str | None:
        """None = it is ready."""


@contextmanager
def offered(
    port: int | None, address: str, condition: Condition, registry: CollectorRegistry
) -> Iterator[None]:
    """Answer at `http://<address>:<port>` while the block lasts, whoever can reach it.

    Args:
        port: None = nobody is answered.
        address: Of this machine; 0.0.0.0 = all of them.
        condition: Answers 200 and `ok`, or 503 and the reason.
        registry: Of the metrics.

    Raises:
        SettingsError: Something else is there, or the address is not one of this machine.
    """
    if port is None:
        yield
        return
    try:
        server = _Server(address, port)
    except OSError as error:
        raise SettingsError(
            f"no metrics at {address}:{port} ({error.strerror}): give each worker and learner "
            "a RILLSTREAM_METRICS_PORT of its own, and RILLSTREAM_METRICS_ADDRESS an address "
            "of this machine"
        ) from error
    with server:
        server.set_app(_app(condition, registry))
        Thread(target=server.serve_forever, name="probes", daemon=True).start()
        try:
            yield
        finally:
            server.shutdown()


def _app(condition: Condition, registry: CollectorRegistry) -> WSGIApplication:
    metrics = make_wsgi_app(registry)

    def app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path in (METRICS, "/"):
            return cast(Iterable[bytes], metrics(environ, start_response))
        if path == LIVE:
            status, why = "503 Service Unavailable", condition.why_dead()
        elif path == READY:
            status, why = "503 Service Unavailable", condition.why_not_ready()
        else:
            status, why = "404 Not Found", f"there are {LIVE}, {READY} and {METRICS}"
        start_response(status if why else "200 OK", [("Content-Type", "text/plain; charset=utf-8")])
        return [f"{why or 'ok'}\n".encode()]

    return app


class _Quiet(WSGIRequestHandler):
    def log_message(self, *_: object) -> None:
        """A platform asks every few seconds."""


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True

    def __init__(self, address: str, port: int) -> None:
        found = socket.getaddrinfo(address, port, type=socket.SOCK_STREAM)
        self.address_family = found[0][0]  # IPv6 addresses are answered, too
        super().__init__((address, port), _Quiet)
