"""Why no broker answers: what librdkafka tells its error callback alone, as an error of ours."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Protocol

from streams.errors import BrokerUnavailableError, RefusedError

if TYPE_CHECKING:
    from confluent_kafka import KafkaError

_HANGS_UP: Final = "somebody listens there and hangs up"


class _Client(Protocol):
    def poll(self, timeout: float, /) -> object: ...


class Complaints:
    """Remembers what a client could not do; pass it as `error_cb`, one to a client.

    librdkafka connects again and again, so a wrong password looks like a broker that is away: the
    call that waits for it ends with "timed out" or "transport failure", and only this callback
    hears why.
    """

    def __init__(self) -> None:
        self._refusal: KafkaError | None = None
        self._last: KafkaError | None = None
        self._is_down = False

    def __call__(self, error: KafkaError) -> None:
        """Called by the client's `poll`."""
        from confluent_kafka import KafkaError

        if _is_refusal(error):
            self._refusal = error
        elif error.code() == KafkaError._ALL_BROKERS_DOWN:  # noqa: SLF001 - it never says why
            self._is_down = True
        else:
            self._last = error

    def cause(self, client: _Client, error: KafkaError) -> KafkaError:
        """The error that says most, after a call of `client` failed with `error`."""
        from confluent_kafka import KafkaError

        client.poll(0)
        if said := self._refusal or self._last:
            return said
        # librdkafka (2.16) says nothing else of a connection that is closed before the first
        # answer, as a TLS door closes it to a client without TLS.
        return KafkaError(KafkaError._TRANSPORT, _HANGS_UP) if self._is_down else error  # noqa: SLF001


def unanswered(
    bootstrap: str, error: KafkaError, what: str
) -> BrokerUnavailableError | RefusedError:
    """What to raise when no broker answered: an absent one may come back, a refusal stays.

    Args:
        bootstrap: Where it was looked for.
        error: The cause.
        what: What was not done, in a few words.
    """
    from confluent_kafka import KafkaError

    if error.code() == KafkaError._SSL:  # noqa: SLF001 - it has no public name
        return RefusedError(
            f"{what}: no trusted connection to {bootstrap} ({error.str()}); set "
            "RILLSTREAM_SECURITY__CA to the PEM file of the authority that signed the broker's "
            "certificate, and call the broker by the name in it"
        )
    if _is_refusal(error):
        return RefusedError(
            f"{what}: {bootstrap} refuses us ({error.str()}); check "
            "RILLSTREAM_SECURITY__SASL_USERNAME, RILLSTREAM_SECURITY__SASL_PASSWORD and "
            "RILLSTREAM_SECURITY__SASL_MECHANISM"
        )
    way_out = "start one with `rillstream broker`, or set RILLSTREAM_BOOTSTRAP_SERVERS"
    if _at_a_closed_door(error):
        way_out = "it may speak another protocol: look at RILLSTREAM_SECURITY__PROTOCOL"
    return BrokerUnavailableError(
        f"{what}: no broker answers at {bootstrap} ({error.str()}); {way_out}"
    )


def denied(error: KafkaError, what: str) -> RefusedError | None:
    """What to end with where the broker knows us, and an ACL is in the way; None = none is.

    Args:
        error: The broker's answer.
        what: What was not done, in a few words.
    """
    from confluent_kafka import KafkaError

    if error.code() in {
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    }:
        return RefusedError(f"{what}: the broker denies it ({error.str()}); look at its ACLs")
    return None


def _is_refusal(error: KafkaError) -> bool:
    from confluent_kafka import KafkaError

    return error.code() in {
        KafkaError._AUTHENTICATION,  # noqa: SLF001 - confluent-kafka has no public name for it
        KafkaError._SSL,  # noqa: SLF001
    }


def _at_a_closed_door(error: KafkaError) -> bool:
    """Somebody listens and hangs up: TLS without TLS there, or the other way round.

    librdkafka has no code of its own for either, and a broker that ends may do the same.
    """
    said = error.str()
    signs = ("SSL_HANDSHAKE", "incorrect security.protocol", _HANGS_UP)
    return any(sign in said for sign in signs)
