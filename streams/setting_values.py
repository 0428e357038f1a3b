"""What a value of a setting may be, where no type says it."""

from __future__ import annotations

import re

from pydantic import BaseModel, ValidationInfo


def store_address(text: str) -> str:
    """The address of an object store.

    Raises:
        ValueError: It is none.
    """
    if re.match(r"[a-z0-9+]+(::[a-z0-9+]+)*://.", text) is None:
        raise ValueError("no address of an object store: write one such as s3://bucket/shop")
    return text


def broker_addresses(text: str) -> str:
    """`host:port` of each broker, without blanks; aiokafka takes a wrong port for one to wait for.

    Raises:
        ValueError: One is none.
    """
    addresses = [address.strip() for address in text.split(",")]
    for address in addresses:
        found = re.fullmatch(r"(?:\[[0-9a-fA-F:.]+\]|[^\s:/\[\]]+)(?::(\d{1,5}))?", address)
        if found is None or not 0 < int(found[1] or 9092) < 2**16:
            raise ValueError(f"{address!r} is no address: write host:port, with commas between")
    return ",".join(addresses)


def empty_is_none(model: type[BaseModel], value: object, about: ValidationInfo) -> object:
    """An empty value is none where a setting may be none; for compose files write such.

    An empty path would be the folder where we are.

    Raises:
        ValueError: It is empty, and there must be something.
    """
    if value != "" or about.field_name is None:
        return value
    default = model.model_fields[about.field_name].default
    if default not in (None, ""):
        raise ValueError("it is empty: give it a value, or leave it out")
    return default
