"""The IVF-PQ engine against the contract, with few lists and many, even and odd widths."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from index import Engine, IvfPqEngine, IvfPqParameters
from index.ivfpq_build import build_ivfpq
from tests.index.engine_contract import EngineContract
from tests.index.vectors import exhaustive, unit_rows


def build(
    rows: NDArray[np.float32], parameters: IvfPqParameters
) -> tuple[IvfPqEngine, NDArray[np.float32]]:
    """An engine, and its rows in the order of its positions."""
    built = build_ivfpq(rows, parameters, lambda stage, done, total: None)
    assert isinstance(built.engine, IvfPqEngine)
    assert built.order is not None
    return built.engine, rows[built.order]


class IvfPqContract(EngineContract):
    parameters = IvfPqParameters()
    lowest_recall = 0.95

    def engine(self, rows: NDArray[np.float32]) -> tuple[Engine, NDArray[np.float32]]:
        return build(rows, self.parameters)


class TestTheDefaults(IvfPqContract):
    pass


class TestManyLists(IvfPqContract):
    parameters = IvfPqParameters(lists=100, probes=70)


class TestTheListsAlone(IvfPqContract):
    """However few rows are allowed, they are looked for in the lists."""

    parameters = IvfPqParameters(probes=20, refine=10)
    lowest_recall = 0.8  # a third of the lists is not looked at

    @pytest.fixture(autouse=True)
    def _always(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("index.ivfpq._ROWS_A_LIST", 0)


@pytest.mark.parametrize("dim", [1, 2, 3, 7, 10, 384])
@pytest.mark.parametrize("values_a_code", [1, 2, 3, 8])
def test_any_width_is_coded(dim: int, values_a_code: int) -> None:
    parameters = IvfPqParameters(values_a_code=values_a_code, refine=20)
    engine, rows = build(unit_rows(300, dim=dim), parameters)
    scores, positions = engine.search(rows[:9], 300)
    assert np.sort(positions, axis=1).tolist() == [list(range(300))] * 9
    np.testing.assert_allclose(scores[:, 0], 1.0, atol=1e-6)


def test_more_effort_and_more_refinement_find_more() -> None:
    queries = unit_rows(100, dim=64, seed=1)
    recalls = []
    for parameters, effort in (
        (IvfPqParameters(probes=4, refine=1), 1.0),
        (IvfPqParameters(probes=4, refine=8), 1.0),
        (IvfPqParameters(probes=4, refine=8), 10.0),
    ):
        engine, rows = build(unit_rows(4_000, dim=64), replace(parameters, lists=60))
        found = engine.search(queries, 10, effort)[1]
        truth = exhaustive(rows, queries, 10)[1]
        hits = sum(len(set(a) & set(b)) for a, b in zip(found, truth, strict=True))
        recalls.append(hits / truth.size)
    assert recalls[0] < recalls[1] < recalls[2]
    assert recalls[2] > 0.9


def test_lists_without_k_rows_are_made_up_for() -> None:
    engine, rows = build(unit_rows(400), IvfPqParameters(lists=100, probes=1))
    assert (engine._candidates(rows[:20], 100, 1, None) < 0).any()
    assert (engine.search(rows[:20], 400)[1] >= 0).all()


def test_like_rows_have_neighbouring_positions() -> None:
    """The candidates of a query are then read from few pages of memory."""
    engine, _ = build(unit_rows(2_000, dim=32), IvfPqParameters(lists=30))
    offsets = engine._parts.offsets
    centroids = engine._parts.centroids
    nearest = (engine._vectors @ centroids.T).argmax(axis=1)
    own = np.repeat(np.arange(30), np.diff(offsets))
    assert (nearest == own).mean() > 0.99


def test_the_lists_there_are_are_told() -> None:
    assert build(unit_rows(640), IvfPqParameters())[0].parameters["lists"] == 6
    assert build(unit_rows(5), IvfPqParameters(lists=99))[0].parameters["lists"] == 5
