"""The engines on a GPU against the contract of all engines. Skipped where there is no GPU."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from index import Engine, EngineUnavailableError, IndexStore, build_index
from index.engines import build_engine
from index.gpu import gpu
from tests.index.engine_contract import EngineContract
from tests.index.vectors import shop, unit_rows


def why_not() -> str:
    """Why these tests cannot run here; empty where they can."""
    try:
        gpu()
    except EngineUnavailableError as error:
        return str(error)
    return ""


pytestmark = [pytest.mark.gpu, pytest.mark.skipif(bool(why_not()), reason=why_not() or "a GPU")]


class GpuContract(EngineContract):
    name = "gpu-exact"
    values: dict[str, object] = {}  # noqa: RUF012 - read only

    def engine(self, rows: NDArray[np.float32]) -> tuple[Engine, NDArray[np.float32]]:
        from index.engines import make_parameters

        parameters = make_parameters(self.name, self.values)
        built = build_engine(self.name, rows, parameters, lambda stage, done, total: None)
        assert built.order is None
        return built.engine, rows


class TestExact(GpuContract):
    score_error = 1e-5


class TestExactHalfFloats(GpuContract):
    values = {"storage": "fp16"}  # noqa: RUF012
    score_error = 2e-3
    lowest_recall = 0.98


class TestIvfPq(GpuContract):
    name = "gpu-ivfpq"
    lowest_recall = 0.9


class TestCagra(GpuContract):
    name = "gpu-cagra"
    score_error = 1e-5
    lowest_recall = 0.95


@pytest.mark.parametrize("engine", ["gpu-exact", "gpu-ivfpq", "gpu-cagra"])
def test_a_version_is_made_again_from_its_vectors(store: IndexStore, engine: str) -> None:
    rows = unit_rows(3_000, dim=32)
    manifest = build_index(store, shop(3_000), rows, encoder_version="mini-1", engine=engine)
    assert set(manifest.files) == {"items.parquet", "vectors.npy", "hashes.npy"}
    assert (store.open().search(rows[:50], 1).positions[:, 0] == np.arange(50)).all()
