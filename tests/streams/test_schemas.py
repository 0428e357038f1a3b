"""The shipped schemas say what the code does."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from streams.events import Click
from streams.records import Record
from streams.schemas import FOLDER, WIRE_RECORDS, file_name, write_all

REQUIRED = {
    "Click": {"event_id", "user_id", "type", "at_ms"},
    "Search": {"event_id", "user_id", "type", "query", "at_ms"},
    "Item": {"item_id", "title"},
    "Impression": {"recommendation_id", "user_id", "at_ms", "item_ids"},
    "Recommendation": {"recommendation_id", "user_id", "at_ms", "trigger", "items"},
    "UserFeatures": {"user_id", "at_ms", "vectors", "counts"},
    "DecisionRecord": {"recommendation_id", "user_id", "at_ms", "item_ids", "scores", "drawing"},
    "ItemVector": {"item", "encoder_version", "vector"},
    "IndexVersion": {"version", "encoder_version", "at_ms"},
    "ShopCount": {"source", "item_id", "offset", "counts"},
}
"""What version 1 requires. Never more: an old producer must stay valid."""


def shipped(record: type[Record]) -> dict[str, Any]:
    schema: dict[str, Any] = json.loads((FOLDER / file_name(record)).read_text())
    return schema


def test_the_shipped_schemas_are_current(tmp_path: Path) -> None:
    """Otherwise run `python -m streams.schemas`."""
    written = write_all(tmp_path)
    assert {path.name for path in written} == {path.name for path in FOLDER.glob("*.json")}
    for path in written:
        assert (FOLDER / path.name).read_text() == path.read_text(), path.name


@pytest.mark.parametrize("record", WIRE_RECORDS)
def test_a_record_never_requires_more_than_its_first_version(record: type[Record]) -> None:
    definition = shipped(record)["$defs"][record.__name__]
    assert set(definition["required"]) == REQUIRED[record.__name__]


def test_a_schema_names_its_record_and_version() -> None:
    schema = shipped(Click)
    assert schema["$id"] == "urn:rillstream:click:1"
    assert schema["$ref"] == "#/$defs/Click"


def test_a_schema_has_the_bounds() -> None:
    fields = shipped(Click)["$defs"]["Click"]["properties"]
    assert fields["event_id"] == {"type": "string", "minLength": 1, "maxLength": 128}
    assert fields["at_ms"]["minimum"] == 0
    assert "purchase" in fields["type"]["enum"]
