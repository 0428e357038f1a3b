"""The GPU engines ask a device for nothing that FAISS or cuVS would refuse, by their sources."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from index import Engine, ExactEngine, RejectedInputError
from index.engines import make_parameters
from index.gpu_cagra import GpuCagraEngine
from index.gpu_exact import GpuExactEngine
from index.gpu_ivfpq import GpuIvfPqEngine
from tests.index.engine_contract import EngineContract
from tests.index.stand_in import StandIn
from tests.index.vectors import unit_rows


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> StandIn:
    found = StandIn()
    for module in ("gpu", "gpu_exact", "gpu_ivfpq", "gpu_cagra"):
        monkeypatch.setattr(f"index.{module}.gpu", lambda: found)
    return found


ENGINES: dict[str, Any] = {
    engine.name: engine for engine in (GpuExactEngine, GpuIvfPqEngine, GpuCagraEngine)
}


def built(name: str, rows: NDArray[np.float32], **values: object) -> Engine:
    engine: Engine = ENGINES[name](rows, make_parameters(name, values))
    return engine


@pytest.mark.usefixtures("device")
class OnTheStandIn(EngineContract):
    name = ""
    score_error = 1e-5

    def engine(self, rows: NDArray[np.float32]) -> tuple[Engine, NDArray[np.float32]]:
        return built(self.name, rows), rows


class TestExact(OnTheStandIn):
    name = "gpu-exact"


class TestIvfPq(OnTheStandIn):
    name = "gpu-ivfpq"


class TestCagra(OnTheStandIn):
    name = "gpu-cagra"


MANY = unit_rows(20_000, dim=8)


@pytest.mark.parametrize("k", [1, 100, 1_024, 1_025])
@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("gpu-exact", {}),
        ("gpu-exact", {"storage": "fp16"}),
        ("gpu-ivfpq", {}),
        ("gpu-ivfpq", {"lists": 20_000, "probes": 16_384}),
        ("gpu-ivfpq", {"values_a_code": 3, "refine": 1}),
        ("gpu-cagra", {}),
        ("gpu-cagra", {"degree": 224, "intermediate_degree": 1_024, "itopk": 2_048}),
        ("gpu-cagra", {"degree": 4, "intermediate_degree": 4, "itopk": 1}),
    ],
)
def test_no_search_asks_for_what_is_refused(
    device: StandIn, name: str, values: dict[str, Any], k: int
) -> None:
    engine = built(name, MANY, **values)
    for n_queries in (1, 300):
        for effort in (0.01, 1.0, 3.0, 1e4, 1e300, 1.7e308):
            found = engine.search(unit_rows(n_queries, dim=8, seed=1), k, effort)[1]
            assert (found >= 0).all()
    # What is deeper than a device goes comes from the CPU.
    deepest = {
        "gpu-exact": 2_048,
        "gpu-cagra": 1_024,
        "gpu-ivfpq": 2_048 // values.get("refine", 4),
    }
    assert len(device.asked) == (12 if k <= deepest[name] else 0)


def test_more_effort_looks_at_more_up_to_all_there_is(device: StandIn) -> None:
    queries = unit_rows(1, dim=8, seed=1)
    for engine in (built("gpu-cagra", MANY), built("gpu-ivfpq", MANY)):
        for effort in (1.0, 2.0, 1e9):
            engine.search(queries, 10, effort)
    graph, lists = device.asked[:3], device.asked[3:]
    assert [how.itopk_size for how in graph] == [160, 320, 4_096]
    assert [how.nprobe for how in lists] == [64, 128, 20_000 // 64]


def test_a_graph_of_few_rows_is_not_asked_for_more_in_view_than_there_are(device: StandIn) -> None:
    built("gpu-cagra", unit_rows(1_500, dim=8)).search(unit_rows(1, dim=8), 10, 1e9)
    assert device.asked[0].itopk_size == 1_504


def with_copies() -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """1,500 distinct rows, one of them 2,000 times, anywhere; and which are that one."""
    of = np.random.default_rng(3).permutation(np.append(np.arange(1_500), np.full(1_999, 700)))
    return unit_rows(1_500, dim=8)[of], of == 700


def test_copies_share_a_node_of_a_graph(device: StandIn) -> None:
    """2,000 of them hide others where each has its own (docs/benchmarks-index.md, Copies)."""
    rows, copied = with_copies()
    engine = built("gpu-cagra", rows)
    assert device.taken == [1_500]
    query = rows[copied][:1]
    scores, positions = engine.search(query, 50)
    assert positions.tolist() == [np.flatnonzero(copied)[:50].tolist()]
    assert scores == pytest.approx(1.0)
    own = np.flatnonzero(~copied)
    assert engine.search(rows[own], 1)[1][:, 0].tolist() == own.tolist()
    for k in (10, 1_500):
        found = engine.search(query, k, allowed=~copied)
        expected = ExactEngine(rows).search(query, k, allowed=~copied)
        assert (found[1] == expected[1]).all()
        assert found[0] == pytest.approx(expected[0], abs=1e-6)


@pytest.mark.parametrize("none", [-1, 2**31 - 1])
def test_a_node_that_was_not_found_is_no_row(
    device: StandIn, monkeypatch: pytest.MonkeyPatch, none: int
) -> None:
    rows, _ = with_copies()
    engine = built("gpu-cagra", rows)
    graph = device.indexes[0]
    whole = graph.search

    def half(queries: NDArray[np.float32], k: int, *, params: Any) -> Any:
        scores, nodes = whole(queries, k, params=params)
        nodes[:, k // 2 :] = none
        return scores, nodes

    monkeypatch.setattr(graph, "search", half)
    queries = unit_rows(20, dim=8, seed=1)
    found, expected = engine.search(queries, 30), ExactEngine(rows).search(queries, 30)
    assert (found[1] == expected[1]).all()


def test_a_graph_of_few_distinct_rows_is_none(device: StandIn) -> None:
    built("gpu-cagra", np.repeat(unit_rows(20, dim=8), 100, axis=0)).search(MANY[:1], 10)
    assert device.asked == [None]


def test_more_lists_than_a_device_looks_through_at_once_are_refused() -> None:
    with pytest.raises(RejectedInputError, match="probes is 16385, expected 1 to 16384"):
        make_parameters("gpu-ivfpq", {"probes": 16_385})
