"""One learner learns: a second one sees the first in the group, and does not join it.

Who joins takes partitions away, and both begin again: of two that are started again whenever they
end, each would end the other's work for ever.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import structlog
from confluent_kafka import KafkaError, KafkaException

from streams.errors import SettingsError
from streams.positions import RETRY
from streams.refusal import denied
from streams.topics import as_ours, connect

if TYPE_CHECKING:
    from confluent_kafka.admin import AdminClient

    from streams.settings import Settings

log = structlog.get_logger(__name__)

_ANSWER_S = 15.0


def wait_until_alone(settings: Settings, group: str, own_name: str, limit_s: float) -> None:
    """Return once nobody else is in a group.

    Args:
        settings: Where the broker is.
        group: The learner's.
        own_name: Static name of this member; its own earlier life is nobody else. '' = it has none.
        limit_s: A learner that was killed is in the group for as long as the session time-out.

    Raises:
        SettingsError: Somebody still is, after so long.
        BrokerUnavailableError: No broker answers.
        RefusedError: An ACL is in the way.
    """
    admin, _ = connect(settings, _ANSWER_S)
    deadline = time.monotonic() + limit_s
    told = False
    while others := [
        each.host
        for each in _members(settings, admin, group)
        if not own_name or each.group_instance_id != own_name
    ]:
        if time.monotonic() > deadline:
            raise SettingsError(
                f"another learner is in group {group}, at {', '.join(others)}: one learner learns, "
                "stop one of the two"
            )
        if not told:
            log.warning("another learner is in the group, waiting for it to end", at=others)
            told = True
        time.sleep(0.5)


def _members(settings: Settings, admin: AdminClient, group: str) -> Sequence[Any]:
    """Those of a group; none of one that there is not, or where a broker does not tell."""
    deadline = time.monotonic() + _ANSWER_S
    while True:
        try:
            asked = admin.describe_consumer_groups([group], request_timeout=_ANSWER_S)
            found: Sequence[Any] = asked[group].result().members
        except KafkaException as exception:
            error: KafkaError = exception.args[0]
        else:
            return found
        if error.code() in (
            KafkaError.GROUP_ID_NOT_FOUND,
            KafkaError._UNSUPPORTED_FEATURE,  # noqa: SLF001 - it has no public name
        ):
            return ()
        if error.code() not in RETRY or time.monotonic() > deadline:
            what = "the learner's group was not seen"
            raise denied(error, what) or as_ours(settings, error, what)
        time.sleep(0.2)  # a new broker first makes the topic that it keeps groups in
