"""The choice of an engine follows the measured figures, and says so."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from index import (
    EngineUnavailableError,
    HnswParameters,
    IndexStore,
    IvfPqParameters,
    RejectedInputError,
    UnknownEngineError,
    build_index,
)
from index.choice import EXACT_UP_TO, MEASURED, choose
from index.footprint import own_bytes
from index.library import faiss
from tests.index.vectors import shop, unit_rows


@pytest.mark.parametrize(
    ("count", "recall", "memory_mb", "expected"),
    [
        (0, 0.95, None, ("exact", 1.0)),
        (EXACT_UP_TO, 0.95, None, ("exact", 1.0)),
        (EXACT_UP_TO + 1, 0.95, None, ("hnsw", 0.953)),
        (100_000, 0.96, None, ("ivfpq", 0.968)),
        (100_000, 0.99, None, ("ivfpq", 0.997)),
        (100_000, 0.999, None, ("exact", 1.0)),
        (100_000, 0.95, 200, ("ivfpq", 0.968)),
        (100_000, 0.95, 220, ("hnsw", 0.953)),
        (1_000_000, 0.9, None, ("hnsw", 0.910)),
        (1_000_000, 0.95, None, ("ivfpq", 0.967)),
        (1_000_000, 0.99, None, ("ivfpq", 0.990)),
    ],
)
def test_the_fastest_that_reaches_the_recall_and_fits_is_chosen(
    count: int, recall: float, memory_mb: int | None, expected: tuple[str, float]
) -> None:
    memory = None if memory_mb is None else memory_mb * 10**6
    choice = choose(count, recall=recall, memory_bytes=memory)
    assert (choice.engine, choice.recall_at_100) == expected
    assert choice.reasons


def test_where_nothing_fits_the_smallest_is_chosen_and_it_says_so() -> None:
    choice = choose(1_000_000, memory_bytes=500 * 10**6)
    assert choice.engine == "ivfpq"
    assert "nothing fits 500 MB" in choice.reasons[0]


def test_an_engine_by_hand_gets_the_effort_that_reaches_the_recall() -> None:
    choice = choose(50_000, recall=0.97, engine="hnsw")
    assert choice.parameters == HnswParameters(ef_search=200)
    assert choice.reasons[0] == "asked for by hand"
    choice = choose(50_000, recall=0.995, engine="hnsw")
    assert choice.parameters == HnswParameters(ef_search=400)
    assert "was not reached" in choice.reasons[1]
    assert choose(50_000, engine="exact").engine == "exact"


def test_an_unknown_engine_and_one_without_its_gpu_are_refused() -> None:
    with pytest.raises(UnknownEngineError, match="ivfpq"):
        choose(10, engine="annoy")
    if not hasattr(faiss(), "StandardGpuResources"):
        with pytest.raises(EngineUnavailableError, match="no GPU code"):
            choose(10, engine="gpu-exact")


@pytest.mark.parametrize("wrong", [{"count": -1}, {"dim": 0}, {"recall": 1.1}, {"recall": -0.1}])
def test_numbers_out_of_range_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(RejectedInputError, match="out of range"):
        choose(**{"count": 10, **wrong})  # type: ignore[arg-type]


@given(
    count=st.integers(0, 10**8),
    recall=st.floats(0, 1),
    memory=st.none() | st.integers(0, 10**12),
    engine=st.sampled_from(["auto", "exact", "hnsw", "ivfpq"]),
)
def test_there_is_always_a_choice_and_more_memory_never_slows_it(
    count: int, recall: float, memory: int | None, engine: str
) -> None:
    tight = choose(count, recall=recall, memory_bytes=memory, engine=engine)
    ample = choose(count, recall=recall, engine=engine)
    assert tight.batch_us is not None
    assert ample.batch_us is not None
    assert ample.batch_us <= tight.batch_us


def test_the_figures_are_in_order_of_time() -> None:
    for figures in MEASURED.values():
        assert [f.batch_us for f in figures] == sorted(f.batch_us for f in figures)


@pytest.mark.parametrize(
    "parameters",
    [HnswParameters(), HnswParameters(m=8, storage="fp16"), IvfPqParameters()],
)
def test_the_memory_foretold_is_near_that_of_the_files(
    store: IndexStore, parameters: HnswParameters | IvfPqParameters
) -> None:
    engine = "hnsw" if isinstance(parameters, HnswParameters) else "ivfpq"
    rows = unit_rows(3_000, dim=128)
    manifest = build_index(
        store, shop(3_000), rows, encoder_version="m", engine=engine, parameters=parameters
    )
    own = manifest.files.keys() - {"vectors.npy", "items.parquet", "hashes.npy"}
    written = sum(manifest.files[name].bytes for name in own)
    ids = 0 if engine == "hnsw" else 8 * 3_000  # in memory, not on disk
    assert own_bytes(parameters, 3_000, 128) == pytest.approx(written + ids, rel=0.1)


@pytest.mark.parametrize(
    ("recall", "engine", "parameter", "value"),
    [(0.95, "hnsw", "ef_search", 100), (0.99, "ivfpq", "probes", 256)],
)
def test_auto_builds_what_is_chosen(
    store: IndexStore,
    monkeypatch: pytest.MonkeyPatch,
    recall: float,
    engine: str,
    parameter: str,
    value: int,
) -> None:
    monkeypatch.setattr("index.build.USUAL_RECALL", recall)
    rows = unit_rows(EXACT_UP_TO + 1, dim=4)
    manifest = build_index(store, shop(len(rows)), rows, encoder_version="m")
    assert manifest.engine == engine
    assert manifest.parameters[parameter] == value
