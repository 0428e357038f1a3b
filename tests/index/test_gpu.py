"""What the GPU engines share, with an index on the CPU in the device's place; and no device."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any, ClassVar

import numpy as np
import pytest
from numpy.typing import NDArray

from index import (
    Engine,
    EngineUnavailableError,
    IndexStore,
    Manifest,
    RejectedInputError,
    build_index,
)
from index.engine import Parameters
from index.engines import make_parameters
from index.gpu import GpuEngine
from index.gpu_cagra import GpuCagraEngine
from index.gpu_exact import GpuExactEngine, GpuExactParameters
from index.library import faiss
from tests.index.damage import reseal
from tests.index.engine_contract import EngineContract
from tests.index.vectors import unit_rows


class OnTheCpu(GpuEngine):
    """The device's part is taken by ``IndexFlatIP``."""

    name: ClassVar[str] = "on-the-cpu"
    exact: ClassVar[bool] = True
    refine = 0

    def __init__(self, vectors: NDArray[np.float32]) -> None:
        index = faiss().IndexFlatIP(vectors.shape[1])
        index.add(vectors)
        super().__init__(index, vectors)
        self.depths: list[int] = []

    @property
    def parameters(self) -> Parameters:
        return {}

    @property
    def _refine(self) -> int:
        return self.refine

    def _how(self, effort: float, depth: int) -> Any:
        self.depths.append(depth)
        return None


class Refined(OnTheCpu):
    refine = 3


class FoundTooFew:
    """In the device's place: of each query's results the last half is missing."""

    def __init__(self, index: Any, missing: int) -> None:
        self._index, self._missing = index, missing

    def search(
        self, queries: NDArray[np.float32], k: int, *, params: object
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        scores, found = self._index.search(queries, k, params=params)
        found[:, k // 2 :] = self._missing
        scores[:, k // 2 :] = -np.finfo(np.float32).max
        return scores, found


class TestWithTheScoresOfTheDevice(EngineContract):
    def engine(self, rows: NDArray[np.float32]) -> tuple[Engine, NDArray[np.float32]]:
        return OnTheCpu(rows), rows


class TestWithExactScores(EngineContract):
    def engine(self, rows: NDArray[np.float32]) -> tuple[Engine, NDArray[np.float32]]:
        return Refined(rows), rows


def test_a_mask_asks_for_as_many_more_as_it_will_drop() -> None:
    engine = OnTheCpu(unit_rows(4_000))
    engine.search(unit_rows(3, seed=1), 10, allowed=np.arange(4_000) % 4 == 0)
    assert engine.depths == [10 * 4 + 32]


def test_more_results_than_a_gpu_returns_come_from_the_cpu() -> None:
    engine = OnTheCpu(unit_rows(4_000))
    positions = engine.search(unit_rows(2, seed=1), 3_000)[1]
    assert engine.depths == []
    assert (positions >= 0).all()


@pytest.mark.parametrize("engine", [OnTheCpu, Refined])
@pytest.mark.parametrize("missing", [-1, 2**31 - 1, 2**32 - 1, 2**63 - 1])
@pytest.mark.parametrize("share", [1, 3])
def test_what_a_device_did_not_find_is_no_row(
    engine: type[OnTheCpu], missing: int, share: int
) -> None:
    """By engine and release, FAISS hands on what cuVS says: the largest number of its type."""
    rows, queries = unit_rows(500), unit_rows(3, seed=1)
    allowed = None if share == 1 else np.arange(500) % share == 0
    expected = OnTheCpu(rows).search(queries, 60, allowed=allowed)
    broken = engine(rows)
    broken._device_index = FoundTooFew(broken._device_index, missing)
    scores, positions = broken.search(queries, 60, allowed=allowed)
    assert np.array_equal(positions, expected[1])
    np.testing.assert_allclose(scores, expected[0], atol=1e-6)


def test_a_graph_on_a_gpu_is_asked_for_no_more_than_it_gives() -> None:
    engine = OnTheCpu(unit_rows(4_000))
    engine.most_results = GpuCagraEngine.most_results  # type: ignore[misc]
    for k in (1_024, 1_025):
        assert (engine.search(unit_rows(2, seed=1), k)[1] >= 0).all()
    assert engine.depths == [1_024]


class Gpu:
    """The part of FAISS that puts vectors on a device; each index waits for the other's search."""

    def __init__(self) -> None:
        self.together = threading.Barrier(2, timeout=20)
        self.resources: list[object] = []

    StandardGpuResources = object
    GpuIndexFlatConfig = SimpleNamespace

    def GpuIndexFlatIP(self, resources: object, dim: int, config: object) -> Any:  # noqa: N802
        self.resources.append(resources)
        index = faiss().IndexFlatIP(dim)

        def search(queries: NDArray[np.float32], k: int, *, params: object) -> Any:
            self.together.wait()
            return index.search(queries, k)

        return SimpleNamespace(add=index.add, search=search)


def test_a_version_is_made_on_the_gpu_while_another_one_serves(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A swap loads in another thread: FAISS ends the process where both use one's resources."""
    device, rows = Gpu(), unit_rows(30)
    monkeypatch.setattr("index.gpu_exact.gpu", lambda: device)
    old, new = (GpuExactEngine(rows, GpuExactParameters()) for _ in range(2))
    one, other = device.resources
    assert one is not other
    with ThreadPoolExecutor(2) as threads:
        found = list(threads.map(lambda engine: engine.search(rows, 1)[1][:, 0], (old, new)))
    assert np.array_equal(found, [np.arange(30)] * 2)


@pytest.fixture
def _no_gpu() -> None:
    if hasattr(faiss(), "StandardGpuResources"):
        pytest.skip("this FAISS has GPU code")


@pytest.mark.usefixtures("_no_gpu")
@pytest.mark.parametrize("engine", ["gpu-exact", "gpu-ivfpq", "gpu-cagra"])
def test_a_version_for_a_gpu_says_why_it_cannot_be_served_here(
    store: IndexStore, published: Manifest, engine: str
) -> None:
    reseal(store, published, engine=engine, parameters=vars_of(engine))
    with pytest.raises(EngineUnavailableError, match=r"no GPU code.*rillstream\[gpu\]"):
        store.open(published.version)


@pytest.mark.usefixtures("_no_gpu")
def test_a_build_for_a_gpu_fails_before_it_begins(store: IndexStore) -> None:
    with pytest.raises(EngineUnavailableError, match="no GPU code"):
        build_index(store, [], unit_rows(0), encoder_version="mini-1", engine="gpu-cagra")


def vars_of(engine: str) -> dict[str, object]:
    import dataclasses

    return dataclasses.asdict(make_parameters(engine, {}))


@pytest.mark.parametrize(
    ("engine", "values", "reason"),
    [
        ("gpu-cagra", {"degree": "64", "intermediate_degree": "32"}, "intermediate_degree"),
        ("gpu-cagra", {"degree": 225, "intermediate_degree": 450}, "degree is 225"),
        ("gpu-cagra", {"itopk": 0}, "itopk"),
        ("gpu-ivfpq", {"probes": 0}, "probes"),
        ("gpu-exact", {"storage": "sq8"}, "storage"),
        ("hnsw", {"m": "many"}, "m"),
        ("hnsw", {"links": 3}, "has no parameter links, it has m, ef_construction"),
        ("exact", {"m": 3}, "it has none"),
    ],
)
def test_parameters_that_an_engine_cannot_use_are_refused(
    engine: str, values: dict[str, object], reason: str
) -> None:
    with pytest.raises(RejectedInputError, match=reason):
        make_parameters(engine, values)


def test_parameters_are_read_from_text() -> None:
    assert make_parameters("gpu-cagra", {"degree": "16"}).degree == 16  # type: ignore[union-attr]
    assert make_parameters("hnsw", {"storage": "fp16", "m": "8"}).m == 8  # type: ignore[union-attr]
