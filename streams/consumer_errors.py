"""What an error of aiokafka's consumer means for a worker: refused, over, or to be tried again."""

from aiokafka.errors import (
    GroupAuthorizationFailedError,
    InconsistentGroupProtocolError,
    KafkaError,
    TopicAuthorizationFailedError,
)

from streams.errors import (
    BrokerUnavailableError,
    RefusedError,
    RillstreamError,
    SettingsError,
)


def as_fate(error: KafkaError) -> RillstreamError:
    """The error that ends a worker.

    What aiokafka can repeat with success it repeats itself; of the rest it tells whoever asks.
    """
    if isinstance(error, TopicAuthorizationFailedError):
        return RefusedError(
            f"the broker does not let this worker read topic {error.args[0]}: look at its ACLs"
        )
    if isinstance(error, GroupAuthorizationFailedError):
        return RefusedError(
            f"the broker does not let this worker join group {error.args[0]}: look at its ACLs"
        )
    if isinstance(error, InconsistentGroupProtocolError):
        return SettingsError(
            "the group has members of another program: choose another RILLSTREAM_APP_ID"
        )
    return BrokerUnavailableError(f"the consumer cannot go on: {error!r}")
