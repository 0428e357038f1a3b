"""The HNSW engine against the contract, in each way of storing rows."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from index import Engine, HnswEngine, HnswParameters
from index.hnsw import Storage
from index.hnsw_build import arrange, grow
from tests.index.engine_contract import EngineContract
from tests.index.vectors import exhaustive, unit_rows


def build(
    rows: NDArray[np.float32], parameters: HnswParameters
) -> tuple[HnswEngine, NDArray[np.float32]]:
    """An engine, and its rows in the order of its positions."""
    order, groups = arrange(rows)
    rows = rows[order]
    return grow(rows, groups, parameters, lambda stage, done, total: None)[0], rows


class HnswContract(EngineContract):
    parameters = HnswParameters()
    lowest_recall = 0.95

    def engine(self, rows: NDArray[np.float32]) -> tuple[Engine, NDArray[np.float32]]:
        return build(rows, self.parameters)


class TestEightBits(HnswContract):
    score_error = 5e-3


class TestHalfFloats(HnswContract):
    parameters = HnswParameters(storage="fp16")
    score_error = 1e-3


class TestFloats(HnswContract):
    parameters = HnswParameters(storage="fp32")
    lowest_recall = 0.98


class TestTheGraphAlone(HnswContract):
    """However few rows are allowed, they are looked for in the graph."""

    parameters = HnswParameters(storage="fp32")

    @pytest.fixture(autouse=True)
    def _always(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("index.hnsw._ROWS_A_VISIT", 0)


def test_what_a_graph_cannot_reach_is_found_all_the_same() -> None:
    engine, rows = build(unit_rows(300), HnswParameters(m=2, ef_construction=1, ef_search=1))
    alone = engine._nearest(rows[:50], 300, 1.0, None)[1]
    assert (alone < 0).any()
    assert (engine.search(rows[:50], 300)[1] >= 0).all()


@pytest.mark.parametrize("storage", ["sq8", "fp16", "fp32"])
def test_more_effort_finds_more(storage: Storage) -> None:
    queries = unit_rows(100, dim=64, seed=1)
    recalls = []
    for ef_search in (10, 400):
        parameters = HnswParameters(storage=storage, ef_search=ef_search)
        engine, rows = build(unit_rows(4_000, dim=64), parameters)
        found = engine.search(queries, 10)[1]
        truth = exhaustive(rows, queries, 10)[1]
        hits = sum(len(set(a) & set(b)) for a, b in zip(found, truth, strict=True))
        recalls.append(hits / truth.size)
    assert recalls[0] < 0.8 < 0.95 < recalls[1]


def test_many_copies_of_one_item_do_not_hide_the_others() -> None:
    """Real catalogues hold thousands of equal titles; links among them alone would be a trap."""
    rows = np.vstack([np.repeat(unit_rows(1, dim=32), 2_000, axis=0), unit_rows(2_000, 32, 1)])
    order = np.random.default_rng(2).permutation(len(rows))
    engine, rows = build(rows[order], HnswParameters())
    queries = unit_rows(2_000, 32, 1)[::20].copy()
    found = engine.search(queries, 1)[1][:, 0]
    same = (rows[found] * queries).sum(axis=1) > 0.99
    assert same.mean() >= 0.98


def test_parameters_are_told_as_given() -> None:
    parameters = HnswParameters(m=8, ef_construction=40, ef_search=33, storage="fp16")
    assert build(unit_rows(10), parameters)[0].parameters == {
        "m": 8,
        "ef_construction": 40,
        "ef_search": 33,
        "storage": "fp16",
    }


def test_the_same_rows_give_the_same_graph() -> None:
    rows, queries = unit_rows(2_000, dim=64), unit_rows(50, dim=64, seed=1)
    one = HnswParameters(m=4, ef_construction=10, ef_search=30)  # finds what the graph leads to
    found = [build(rows, p)[0].search(queries, 30)[1] for p in (one, replace(one))]
    np.testing.assert_array_equal(found[0], found[1])


def test_all_copies_of_an_item_are_found_with_it() -> None:
    engine, rows = build(np.repeat(unit_rows(500), 3, axis=0), HnswParameters())
    positions = engine.search(rows[::3].copy(), 3)[1]
    same = (rows[positions] == rows[::3][:, None]).all(axis=2)
    assert same.mean() >= 0.99
    assert all(len(set(found)) == 3 for found in positions.tolist())


def test_rows_a_rounding_error_apart_are_one_node() -> None:
    """The same title encoded in another batch differs in the last bits of its vector."""
    rows = np.repeat(unit_rows(100, dim=64), 5, axis=0)
    rows += np.random.default_rng(0).uniform(-1e-7, 1e-7, rows.shape).astype(np.float32)
    assert arrange(rows)[1].n_nodes < 150
