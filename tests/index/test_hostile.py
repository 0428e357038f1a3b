"""Files whose manifest fits them, made by someone who meant harm or by another program: refused."""

from __future__ import annotations

import errno
import hashlib
import io
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from index import FileEntry, HnswParameters, IndexStore, Manifest
from index.hnsw_file import check_graph
from index.items_file import read_catalogue
from index.library import faiss as load_faiss
from index.manifest import encode_manifest
from tests.index.damage import opened_despite, refusal, reseal, rewrite
from tests.index.vectors import unit_rows

faiss = load_faiss()


def write_graph(path: Path, index: Any) -> None:
    path.chmod(0o644)
    faiss.write_index(index, str(path))


def hnsw_graph(path: Path) -> Any:
    return faiss.read_index(str(path))


def flat() -> Any:
    return faiss.IndexFlatIP(16)


def pickled(path: Path) -> None:
    np.save(path, np.array([{"a": 1}] * 60), allow_pickle=True)


@pytest.mark.parametrize(
    "make",
    [
        flat,
        lambda: faiss.IndexIDMap(flat()),
        lambda: faiss.IndexHNSWFlat(16, 20, faiss.METRIC_INNER_PRODUCT),
        lambda: faiss.IndexHNSWPQ(16, 4, 20, 8),
        lambda: faiss.IndexLSH(16, 8),
        lambda: faiss.IndexPreTransform(faiss.PCAMatrix(16, 8), faiss.IndexFlatIP(8)),
    ],
    ids=["flat", "id map", "floats", "product quantiser", "hashes", "transform"],
)
def test_an_index_of_another_type_is_refused(
    store: IndexStore, hnsw: Manifest, make: Callable[[], Any]
) -> None:
    write_graph(store.root / hnsw.version / "index.faiss", make())
    reseal(store, hnsw)
    assert "index.faiss is of type" in refusal(store, hnsw.version)


def graph_of(n: int, dim: int, kind: str, metric: str) -> Any:
    value = getattr(faiss.ScalarQuantizer, kind)
    index = faiss.IndexHNSWSQ(dim, value, 20, getattr(faiss, metric))
    index.train(unit_rows(n, dim))
    index.add(unit_rows(n, dim))
    return index


@pytest.mark.parametrize(
    ("n", "dim", "kind", "metric"),
    [
        (60, 16, "QT_8bit", "METRIC_L2"),
        (60, 8, "QT_8bit", "METRIC_INNER_PRODUCT"),
        (60, 16, "QT_4bit", "METRIC_INNER_PRODUCT"),
        (60, 16, "QT_8bit_direct", "METRIC_INNER_PRODUCT"),
        (30, 16, "QT_8bit", "METRIC_INNER_PRODUCT"),
    ],
)
def test_a_graph_of_other_rows_is_refused(
    store: IndexStore, hnsw: Manifest, n: int, dim: int, kind: str, metric: str
) -> None:
    graph = graph_of(n, dim, kind, metric)
    write_graph(store.root / hnsw.version / "index.faiss", graph)
    reseal(store, hnsw)
    refusal(store, hnsw.version)


def link_outside(graph: Any) -> None:
    links = faiss.vector_to_array(graph.hnsw.neighbors)
    links[3] = 60
    faiss.copy_array_to_vector(links, graph.hnsw.neighbors)


def link_far_below(graph: Any) -> None:
    links = faiss.vector_to_array(graph.hnsw.neighbors)
    links[0] = -7
    faiss.copy_array_to_vector(links, graph.hnsw.neighbors)


def enter_outside(graph: Any) -> None:
    graph.hnsw.entry_point = 1_000_000


def too_many_layers(graph: Any) -> None:
    graph.hnsw.max_level = 40


def rows_on_no_layer(graph: Any) -> None:
    levels = faiss.vector_to_array(graph.hnsw.levels)
    levels[0] = 90
    faiss.copy_array_to_vector(levels, graph.hnsw.levels)


def other_offsets(graph: Any) -> None:
    offsets = faiss.vector_to_array(graph.hnsw.offsets)
    offsets[5] += 1_000_000
    faiss.copy_array_to_vector(offsets, graph.hnsw.offsets)


def link_to_a_lower_row(graph: Any) -> None:
    """That row has no links on this layer: a search would read another row's, or beyond the end."""
    levels = faiss.vector_to_array(graph.hnsw.levels)
    offsets = faiss.vector_to_array(graph.hnsw.offsets)
    links = faiss.vector_to_array(graph.hnsw.neighbors)
    links[offsets[np.argmax(levels)] + 2 * 20] = np.argmin(levels)
    faiss.copy_array_to_vector(links, graph.hnsw.neighbors)


def other_layers(graph: Any) -> None:
    widths = faiss.vector_to_array(graph.hnsw.cum_nneighbor_per_level)
    widths[3:] -= 7
    faiss.copy_array_to_vector(widths, graph.hnsw.cum_nneighbor_per_level)


def missing_bounds(graph: Any) -> None:
    quantizer = faiss.downcast_index(graph.storage).sq
    faiss.copy_array_to_vector(np.zeros(4, np.float32), quantizer.trained)


def endless_bounds(graph: Any) -> None:
    quantizer = faiss.downcast_index(graph.storage).sq
    faiss.copy_array_to_vector(np.full(32, np.inf, np.float32), quantizer.trained)


def missing_codes(graph: Any) -> None:
    storage = faiss.downcast_index(graph.storage)
    storage.codes.resize(16)


@pytest.mark.parametrize(
    "spoil",
    [
        link_outside,
        link_far_below,
        enter_outside,
        too_many_layers,
        rows_on_no_layer,
        other_offsets,
        link_to_a_lower_row,
        other_layers,
        missing_bounds,
        endless_bounds,
        missing_codes,
    ],
)
def test_a_graph_that_leads_astray_is_refused(
    store: IndexStore, hnsw: Manifest, spoil: Callable[[Any], None]
) -> None:
    """Newer FAISS refuses some of them itself; the check must not rely on that."""
    path = store.root / hnsw.version / "index.faiss"
    graph = hnsw_graph(path)
    check_graph(graph, HnswParameters(), dim=16)
    spoil(graph)
    with pytest.raises(ValueError, match=r"index\.faiss"):
        check_graph(graph, HnswParameters(), dim=16)
    write_graph(path, graph)
    reseal(store, hnsw)
    refusal(store, hnsw.version)


@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(place=st.floats(0, 1, exclude_max=True), value=st.binary(min_size=1, max_size=8))
def test_no_bytes_in_a_sealed_graph_make_a_search_crash(
    sound: tuple[Path, Manifest],
    tmp_path_factory: pytest.TempPathFactory,
    place: float,
    value: bytes,
) -> None:
    """A crash would end the test run: either the file is refused, or it answers."""
    folder = tmp_path_factory.mktemp("hostile")
    snapshot = opened_despite(sound, folder, "index.faiss", place, value)
    if snapshot is not None:
        found = snapshot.search(unit_rows(4), 10).positions
        assert ((found >= 0) & (found < 60)).all()


# Once around all 64-bit numbers: each group has rows, and the last ends where it should.
ROUND = np.cumsum([0, *[2**62] * 4, *[1] * 55, 5], dtype=np.uint64).view(np.int64).tolist()
# More memory than there is, if the rows of the last group were numbered before they are counted.
ENDLESS = [*range(60), 1 << 45]


@pytest.mark.parametrize(
    "offsets",
    [[0, 60], [0, *range(2, 62)], [0, *range(60), 60], [1, *range(1, 61)], ROUND, ENDLESS],
)
def test_groups_of_other_rows_are_refused(
    store: IndexStore, hnsw: Manifest, offsets: list[int]
) -> None:
    path = store.root / hnsw.version / "groups.npy"
    path.chmod(0o644)
    np.save(path, np.array(offsets, dtype=np.int64))
    reseal(store, hnsw)
    assert "groups.npy" in refusal(store, hnsw.version)


def wide_vectors(path: Path) -> None:
    np.save(path, np.zeros((60, 17), np.float32))


def double_vectors(path: Path) -> None:
    np.save(path, np.zeros((60, 16), np.float64))


def column_vectors(path: Path) -> None:
    np.save(path, np.asfortranarray(np.zeros((60, 16), np.float32)))


def no_vectors(path: Path) -> None:
    path.write_bytes(b"not npy at all")


def boasting_vectors(path: Path) -> None:
    raw = path.read_bytes()
    path.write_bytes(raw[:-64])


@pytest.mark.parametrize(
    ("write", "reason"),
    [
        (pickled, "holds object"),
        (wide_vectors, "holds float32 (60, 17)"),
        (double_vectors, "holds float64"),
        (column_vectors, "by columns"),
        (no_vectors, "magic"),
        (boasting_vectors, "its header promises"),
    ],
)
def test_vectors_of_another_kind_are_refused(
    store: IndexStore, hnsw: Manifest, write: Callable[[Path], None], reason: str
) -> None:
    path = store.root / hnsw.version / "vectors.npy"
    path.chmod(0o644)
    write(path)
    reseal(store, hnsw)
    assert reason in refusal(store, hnsw.version)


def without_titles(table: pa.Table) -> pa.Table:
    return table.drop_columns(["title"])


def fewer_items(table: pa.Table) -> pa.Table:
    return table.slice(0, 59)


def repeated_ids(table: pa.Table) -> pa.Table:
    ids = pa.array(["item-1"] * table.num_rows)
    return table.set_column(0, table.schema.field(0), ids)


def negative_popularity(table: pa.Table) -> pa.Table:
    at = table.schema.get_field_index("popularity")
    values = pa.array(np.full(table.num_rows, -1, np.float32))
    return table.set_column(at, table.schema.field(at), values)


def with_price(table: pa.Table, price: float) -> pa.Table:
    at = table.schema.get_field_index("price")
    return table.set_column(at, table.schema.field(at), pa.array([price] * table.num_rows))


def negative_prices(table: pa.Table) -> pa.Table:
    return with_price(table, -1.0)


def huge_prices(table: pa.Table) -> pa.Table:
    return with_price(table, 1e39)


def numbers_for_ids(table: pa.Table) -> pa.Table:
    return table.set_column(0, "item_id", pa.array(range(table.num_rows)))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (without_titles, "title"),
        (fewer_items, "has 59 rows"),
        (repeated_ids, "repeat an item_id"),
        (negative_popularity, "popularity"),
        (negative_prices, "a price"),
        (huge_prices, "a price"),
        (numbers_for_ids, "item_id: int64"),
    ],
)
def test_items_of_another_kind_are_refused(
    store: IndexStore, hnsw: Manifest, change: Callable[[pa.Table], pa.Table], reason: str
) -> None:
    path = store.root / hnsw.version / "items.parquet"
    table = change(pq.read_table(path))
    path.chmod(0o644)
    pq.write_table(table, path)
    reseal(store, hnsw)
    assert reason in refusal(store, hnsw.version)


@settings(
    deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(place=st.floats(0, 1, exclude_max=True), value=st.binary(min_size=1, max_size=8))
def test_no_bytes_in_sealed_items_are_an_unexpected_error(
    sound: tuple[Path, Manifest],
    tmp_path_factory: pytest.TempPathFactory,
    place: float,
    value: bytes,
) -> None:
    """Arrow calls most of such files an OSError, as it does a disk that fails."""
    folder = tmp_path_factory.mktemp("hostile")
    snapshot = opened_despite(sound, folder, "items.parquet", place, value)
    if snapshot is not None:
        assert len(snapshot.catalogue) == 60


def test_a_disk_that_fails_while_items_are_read_is_no_damaged_version(tmp_path: Path) -> None:
    class Failing(io.RawIOBase):
        def readable(self) -> bool:
            return True

        def seekable(self) -> bool:
            return True

        def seek(self, offset: int, whence: int = 0) -> int:
            return 1_000

        def tell(self) -> int:
            return 1_000

        def readinto(self, _: object) -> int:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    with pytest.raises(OSError, match="Input/output error") as caught:
        read_catalogue(io.BufferedReader(Failing()), 60)
    assert caught.value.errno == errno.EIO


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"engine": "annoy"}, "annoy"),
        ({"metric": "l2"}, "metric"),
        ({"format": 3}, "format"),
        ({"count": 61}, "vectors.npy"),
        ({"dim": 15}, "vectors.npy"),
        ({"version": "other"}, "other"),
        ({"parameters": {}}, "ef_construction"),
        ({"parameters": {**asdict(HnswParameters()), "m": "many"}}, "m"),
        ({"parameters": {**asdict(HnswParameters()), "ef_search": 0}}, "ef_search"),
        ({"parameters": {**asdict(HnswParameters()), "storage": "sq4"}}, "storage"),
    ],
)
def test_a_manifest_that_promises_something_else_is_refused(
    store: IndexStore, hnsw: Manifest, changes: dict[str, object], reason: str
) -> None:
    reseal(store, hnsw, **changes)
    assert reason in refusal(store, hnsw.version)


@pytest.mark.parametrize("name", ["../../outside", "notes.txt", "manifest.json"])
def test_a_manifest_that_lists_other_files_is_refused(
    store: IndexStore, hnsw: Manifest, name: str
) -> None:
    entry = FileEntry(sha256=hashlib.sha256(b"").hexdigest(), bytes=0)
    files = {**hnsw.files, name: entry}
    changed = msgspec.structs.replace(hnsw, files=files).sealed()
    path = store.root / hnsw.version / "manifest.json"
    rewrite(path, lambda _: encode_manifest(changed))
    assert "unknown files" in refusal(store, hnsw.version)


@pytest.mark.parametrize("name", ["index.faiss", "groups.npy", "vectors.npy", "items.parquet"])
def test_a_manifest_that_leaves_out_a_file_is_refused(
    store: IndexStore, hnsw: Manifest, name: str
) -> None:
    files = {other: entry for other, entry in hnsw.files.items() if other != name}
    changed = msgspec.structs.replace(hnsw, files=files).sealed()
    path = store.root / hnsw.version / "manifest.json"
    rewrite(path, lambda _: encode_manifest(changed))
    assert name in refusal(store, hnsw.version)


def test_a_manifest_of_endless_length_is_refused(store: IndexStore, hnsw: Manifest) -> None:
    rewrite(store.root / hnsw.version / "manifest.json", lambda raw: raw + b" " * (1 << 20))
    assert "over" in refusal(store, hnsw.version)
