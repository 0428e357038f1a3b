"""What the GPU engines share, with an index on the CPU in the device's place; and no device."""

from __future__ import annotations

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
