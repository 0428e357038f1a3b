"""Who commits, in a transaction: a member of the group, in librdkafka's own form."""

import struct
from collections.abc import Mapping
from typing import Any

from confluent_kafka import Consumer

from streams.errors import SettingsError


def group_metadata(group: str, generation: int, member: str, instance: str | None) -> bytes:
    """What a confluent consumer's `consumer_group_metadata()` would return.

    The format is librdkafka's own, CGMDv2.
    """
    static = b"\x01" if instance is None else b"\x00" + instance.encode() + b"\x00"
    return (
        b"CGMDv2:"
        + struct.pack("<i", generation)
        + group.encode()
        + b"\x00"
        + member.encode()
        + b"\x00"
        + static
    )


def check_metadata_format(config: Mapping[str, Any]) -> None:
    """Compare our group metadata with librdkafka's, whose format is its own and may change.

    Raises:
        SettingsError: the installed librdkafka writes it differently.
    """
    consumer = Consumer({**config, "group.id": "format", "group.instance.id": "check"})
    try:
        theirs = consumer.consumer_group_metadata()
    finally:
        consumer.close()
    ours = group_metadata("format", -1, "", "check")
    if theirs != ours:
        raise SettingsError(
            f"librdkafka writes group metadata as {theirs!r}, this release as {ours!r}: install "
            "the confluent-kafka version of constraints.txt"
        )
