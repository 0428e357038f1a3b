"""A build checks its input, shows its progress, measures its recall, and is the same each time."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from index import (
    HnswParameters,
    IndexStore,
    Item,
    RejectedInputError,
    UnknownEngineError,
    build_index,
)
from index.choice import EXACT_UP_TO
from tests.index.vectors import exhaustive, shop, unit_rows


def test_the_engine_is_chosen_by_size(store: IndexStore) -> None:
    n = EXACT_UP_TO
    rows = unit_rows(n + 1, dim=4)
    for size, engine in ((n, "exact"), (n + 1, "hnsw")):
        manifest = build_index(store, shop(size), rows[:size], encoder_version="mini-1")
        assert manifest.engine == engine


def test_an_unknown_engine_is_refused_with_those_there_are(store: IndexStore) -> None:
    with pytest.raises(UnknownEngineError, match="auto, exact, hnsw, ivfpq"):
        build_index(store, [], unit_rows(0), encoder_version="mini-1", engine="annoy")


def test_the_manifest_tells_how_it_was_built(store: IndexStore) -> None:
    parameters = HnswParameters(m=8, ef_construction=50, ef_search=40, storage="fp16")
    manifest = build_index(
        store,
        shop(300),
        unit_rows(300),
        encoder_version="mini-7",
        engine="hnsw",
        parameters=parameters,
    )
    assert manifest.encoder_version == "mini-7"
    assert (manifest.count, manifest.dim, manifest.metric) == (300, 16, "inner_product")
    assert manifest.parameters["storage"] == "fp16"
    assert manifest.parameters["m"] == 8
    assert manifest.build_s > 0


def test_vectors_are_scaled_to_length_one_and_zero_stays_zero(store: IndexStore) -> None:
    rows = unit_rows(5) * np.array([[3], [0.001], [1], [0], [1e6]], np.float32)
    build_index(store, shop(5), rows, encoder_version="mini-1")
    norms = np.linalg.norm(store.open().vectors, axis=1)
    np.testing.assert_allclose(norms, [1, 1, 1, 0, 1], atol=1e-6)


def test_the_given_vectors_are_not_changed(store: IndexStore) -> None:
    rows = unit_rows(50) * 2
    before = rows.copy()
    build_index(store, shop(50), rows, encoder_version="mini-1", engine="hnsw")
    np.testing.assert_array_equal(rows, before)


def test_an_exact_version_keeps_the_order_of_its_items(store: IndexStore) -> None:
    build_index(store, shop(30), unit_rows(30), encoder_version="mini-1", engine="exact")
    assert store.open().catalogue.ids == [item.item_id for item in shop(30)]


def test_popularity_goes_with_its_item(store: IndexStore) -> None:
    popularity = np.arange(400, dtype=np.float32)
    build_index(
        store,
        shop(400),
        unit_rows(400),
        encoder_version="mini-1",
        engine="hnsw",
        popularity=popularity,
    )
    catalogue = store.open().catalogue
    numbers = [float(item_id.removeprefix("item-")) for item_id in catalogue.ids]
    assert catalogue.popularity.tolist() == numbers


def clustered(n: int) -> NDArray[np.float32]:
    """Rows near 50 centres, as a catalogue has them."""
    rng = np.random.default_rng(0)
    rows = unit_rows(50, dim=32)[rng.integers(0, 50, n)] + 0.5 * unit_rows(n, dim=32, seed=1)
    return rows.astype(np.float32)


def test_recall_is_that_of_items_the_graph_had_not_seen(store: IndexStore) -> None:
    """The last tenth of the rows are the queries, the others what they are looked up in."""
    low = HnswParameters(m=4, ef_construction=8, ef_search=10)
    manifest = build_index(
        store, shop(3_000), clustered(3_000), encoder_version="m", engine="hnsw", parameters=low
    )
    assert manifest.recall_at_10 is not None
    assert 0.2 < manifest.recall_at_10 < 0.97  # so little effort cannot find all
    snapshot = store.open()
    rows = np.array(snapshot.vectors)
    found = snapshot.search(rows[2_700:], 10).positions
    truth = exhaustive(rows, rows[2_700:], 10)[1]
    hits = np.mean([len(set(a) & set(b)) / 10 for a, b in zip(found, truth, strict=True)])
    assert abs(hits - manifest.recall_at_10) < 0.1


def test_the_usual_parameters_find_nearly_all(store: IndexStore) -> None:
    manifest = build_index(
        store, shop(3_000), clustered(3_000), encoder_version="mini-1", engine="hnsw"
    )
    assert manifest.recall_at_10 is not None
    assert manifest.recall_at_100 is not None
    assert min(manifest.recall_at_10, manifest.recall_at_100) > 0.97


def test_too_few_items_to_hold_any_out_have_no_recall(store: IndexStore) -> None:
    manifest = build_index(store, shop(9), unit_rows(9), encoder_version="m", engine="hnsw")
    assert (manifest.recall_at_10, manifest.recall_at_100) == (None, None)


@pytest.mark.parametrize("engine", ["exact", "hnsw"])
def test_progress_of_each_stage_ends_at_its_total(store: IndexStore, engine: str) -> None:
    calls: list[tuple[str, int, int]] = []
    build_index(
        store,
        shop(2_500),
        unit_rows(2_500),
        encoder_version="mini-1",
        engine=engine,
        progress=lambda stage, done, total: calls.append((stage, done, total)),
    )
    stages = {"checking vectors", "writing"}
    if engine == "hnsw":
        stages |= {"linking the graph", "measuring recall"}
    assert {stage for stage, _, _ in calls} == stages
    for stage in stages:
        done = [d for s, d, _ in calls if s == stage]
        (total,) = {t for s, _, t in calls if s == stage}
        assert done == sorted(done)
        assert done[-1] == total


def test_the_same_input_gives_the_same_files(store: IndexStore) -> None:
    made = [
        build_index(store, shop(800), unit_rows(800), encoder_version="m", engine="hnsw")
        for _ in range(2)
    ]
    assert made[0].files == made[1].files
    assert made[0].version != made[1].version


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_the_item_whose_vector_is_not_finite_is_named(store: IndexStore, bad: float) -> None:
    rows = unit_rows(2_000)
    rows[1_234, 3] = bad
    with pytest.raises(RejectedInputError, match="'item-1234'"):
        build_index(store, shop(2_000), rows, encoder_version="mini-1")
    assert store.versions() == []


@pytest.mark.parametrize("shape", [(4, 16), (6, 16), (5,), (5, 0), (5, 2, 2)])
def test_vectors_that_do_not_fit_the_items_are_refused(
    store: IndexStore, shape: tuple[int, ...]
) -> None:
    with pytest.raises(RejectedInputError, match="5 items need"):
        build_index(store, shop(5), np.ones(shape, np.float32), encoder_version="mini-1")


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (Item(item_id="", title="Teapot"), "empty item_id"),
        (Item(item_id="item-0", title="Teapot"), "'item-0' occurs twice"),
        (Item(item_id="x", title="t", price=float("inf")), "price inf"),
        (Item(item_id="x", title="t", price=1e39), "price 1e"),
        (Item(item_id="x", title="t", price=float("nan")), "price nan"),
        (Item(item_id="x", title="t", price=-0.01), "price -0.01"),
        (Item(item_id="\ud800", title="t"), "cannot be written as UTF-8"),
        (Item(item_id="x", title="t\udfff"), "cannot be written as UTF-8"),
    ],
)
def test_items_that_could_not_be_served_are_refused(
    store: IndexStore, item: Item, reason: str
) -> None:
    with pytest.raises(RejectedInputError, match=reason):
        build_index(store, [*shop(2), item], unit_rows(3), encoder_version="mini-1")
    assert not store.root.exists()
