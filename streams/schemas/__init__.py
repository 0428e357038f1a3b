"""JSON Schemas of the wire records, generated from the code and shipped as files in this folder.

Run `python -m streams.schemas` after changing a record.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import msgspec

from streams.decision_record import DecisionRecord
from streams.events import Click, Impression, Search
from streams.index_versions import IndexVersion
from streams.items import Item, ItemVector
from streams.outputs import Recommendation, UserFeatures
from streams.records import Record
from streams.shop_count_record import ShopCount

FOLDER: Final = Path(__file__).parent
VERSION: Final = 1
DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
WIRE_RECORDS: Final[tuple[type[Record], ...]] = (
    Click,
    Search,
    Item,
    Impression,
    Recommendation,
    UserFeatures,
    DecisionRecord,
    ItemVector,
    IndexVersion,
    ShopCount,
)
"""Records with a topic of their own, and so with a published schema."""


def schema_of(record: type[Record]) -> dict[str, Any]:
    """The JSON Schema (2020-12) of one record; unknown fields are allowed and ignored."""
    (schema,), components = msgspec.json.schema_components([record])
    return {
        "$schema": DIALECT,
        "$id": f"urn:rillstream:{file_name(record).removesuffix('.json')}:{VERSION}",
        **schema,
        "$defs": components,
    }


def file_name(record: type[Record]) -> str:
    """`UserFeatures` -> `user-features.json`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", "-", record.__name__).lower() + ".json"


def write_all(folder: Path = FOLDER) -> list[Path]:
    """Write the schema of every wire record."""
    written = []
    for record in WIRE_RECORDS:
        path = folder / file_name(record)
        text = msgspec.json.format(msgspec.json.encode(schema_of(record), order="sorted"), indent=2)
        path.write_bytes(text + b"\n")
        written.append(path)
    return written
