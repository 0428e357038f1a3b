"""A manifest of an older program is still believed; what it could not say is not."""

from __future__ import annotations

import msgspec
import pytest

from index import IndexFormatError, IndexStore, Manifest, build_index
from index.loading import parse_manifest
from tests.index.damage import rewrite
from tests.index.vectors import shop, unit_rows

# As the first release wrote it: an empty version, its digest over the fields it had.
FORMAT_1 = b"""{
  "version": "20260101T000000.000Z-e3b0c442",
  "encoder_version": "mini-1",
  "engine": "hnsw",
  "parameters": {
    "m": 20,
    "ef_construction": 150
  },
  "dim": 4,
  "count": 0,
  "created_at_ms": 1767225600000,
  "files": {
    "vectors.npy": {
      "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
      "bytes": 0
    },
    "items.parquet": {
      "sha256": "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
      "bytes": 0
    }
  },
  "recall_at_10": null,
  "recall_at_100": 1.0,
  "build_s": 0.25,
  "metric": "inner_product",
  "format": 1,
  "digest": "7d33342a52d98341bbb0cb82ed820c7630cbb01ab77392de1965882308f96fc6"
}
"""


def test_a_manifest_of_format_1_is_believed() -> None:
    manifest = msgspec.json.decode(FORMAT_1, type=Manifest)
    assert manifest.problems(manifest.version) == []
    assert (manifest.items_read, manifest.build_parameters) == ({}, {})


@pytest.mark.parametrize(
    "changes", [{"encoder_version": "mini-2"}, {"items_read": {"t:0": 7}}, {"format": 2}]
)
def test_an_edited_manifest_of_format_1_is_not(changes: dict[str, object]) -> None:
    manifest = msgspec.json.decode(FORMAT_1, type=Manifest)
    assert msgspec.structs.replace(manifest, **changes).problems(manifest.version)


@pytest.mark.parametrize("number", [0, 3, -1])
def test_a_format_that_we_do_not_know_is_refused_by_its_number(number: int) -> None:
    manifest = msgspec.json.decode(FORMAT_1, type=Manifest)
    other = msgspec.structs.replace(manifest, format=number).sealed()
    assert f"format is {number}, this program reads 1 to 2" in other.problems(other.version)[0]


@pytest.mark.parametrize("number", [2, 3])
def test_fields_of_a_newer_format_are_told_as_that(number: int) -> None:
    """A worker that is upgraded last meets such a version."""
    fields = {**msgspec.json.decode(FORMAT_1), "format": number, "shards": 4}
    with pytest.raises(IndexFormatError) as caught:
        parse_manifest(msgspec.json.encode(fields), fields["version"])
    told = "its format is 3, this program reads 1 to 2" in str(caught.value)
    assert told == (number == 3)


def test_a_version_says_how_far_it_has_read(store: IndexStore) -> None:
    read = {"topic-id:1": 40, "topic-id:0": 12}
    made = build_index(store, shop(3), unit_rows(3), encoder_version="m", items_read=read)
    assert store.open().manifest.items_read == made.items_read == read
    assert made.build_parameters["engine"] == "auto"


def test_other_offsets_are_damage(store: IndexStore) -> None:
    """Were they believed, a worker would skip changes or apply old ones."""
    read = {"topic-id:0": 12}
    made = build_index(store, shop(3), unit_rows(3), encoder_version="m", items_read=read)
    path = store.root / made.version / "manifest.json"
    rewrite(path, lambda raw: raw.replace(b'"topic-id:0": 12', b'"topic-id:0": 13'))
    with pytest.raises(IndexFormatError, match="its own digest"):
        store.open()
