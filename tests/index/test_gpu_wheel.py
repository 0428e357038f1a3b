"""What the GPU engines call is in faiss-gpu-cuvs by name and type: for that it needs no device."""

from __future__ import annotations

import pytest

from index.engines import make_parameters
from index.gpu_cagra import GpuCagraEngine
from index.gpu_exact import GpuExactEngine
from index.gpu_ivfpq import GpuIvfPqEngine
from index.library import faiss
from tests.index.vectors import unit_rows

NO_DEVICE = hasattr(faiss(), "StandardGpuResources") and faiss().get_num_gpus() == 0
ENGINES = (GpuExactEngine, GpuIvfPqEngine, GpuCagraEngine)


@pytest.mark.skipif(not NO_DEVICE, reason="for FAISS with GPU code on a machine without a GPU")
@pytest.mark.parametrize("engine", ENGINES, ids=lambda engine: engine.name)
def test_all_that_a_build_lacks_is_the_device(
    engine: type[GpuExactEngine] | type[GpuIvfPqEngine] | type[GpuCagraEngine],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for module in ("gpu", "gpu_exact", "gpu_ivfpq", "gpu_cagra"):
        monkeypatch.setattr(f"index.{module}.gpu", faiss)
    parameters = make_parameters(engine.name, {})
    with pytest.raises(RuntimeError, match="Invalid GPU device 0"):
        engine(unit_rows(2_000, dim=16), parameters)  # type: ignore[arg-type]
