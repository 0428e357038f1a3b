"""Lists of an IVF-PQ version that someone has changed and sealed again: refused, or harmless."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import msgspec
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from index import IndexStore, IvfPqParameters, Manifest, build_index
from index.manifest import encode_manifest
from tests.index.damage import opened_despite, refusal, reseal, rewrite
from tests.index.vectors import shop, unit_rows

FILES = ["centroids.npy", "codebook.npy", "codes.npy", "lists.npy"]


def change(store: IndexStore, manifest: Manifest, name: str, array: NDArray[np.generic]) -> None:
    path = store.root / manifest.version / name
    path.chmod(0o644)
    np.save(path, array)
    reseal(store, manifest)


def test_a_version_lists_its_arrays(store: IndexStore, ivfpq: Manifest) -> None:
    assert set(FILES) < set(ivfpq.files)
    assert "index.faiss" not in ivfpq.files
    assert ivfpq.parameters["lists"] == 3


@pytest.mark.parametrize("name", FILES)
def test_a_truncated_or_missing_array_is_refused(
    store: IndexStore, ivfpq: Manifest, name: str
) -> None:
    path = store.root / ivfpq.version / name
    rewrite(path, lambda raw: raw[:-1])
    assert f"{name} has" in refusal(store, ivfpq.version)
    reseal(store, ivfpq)
    assert "its header promises" in refusal(store, ivfpq.version)
    path.unlink()
    assert f"{name} cannot be read" in refusal(store, ivfpq.version)


@pytest.mark.parametrize("name", FILES)
def test_a_manifest_without_an_array_is_refused(
    store: IndexStore, ivfpq: Manifest, name: str
) -> None:
    files = {other: entry for other, entry in ivfpq.files.items() if other != name}
    changed = msgspec.structs.replace(ivfpq, files=files).sealed()
    path = store.root / ivfpq.version / "manifest.json"
    rewrite(path, lambda _: encode_manifest(changed))
    assert f"engine ivfpq needs {name}" in refusal(store, ivfpq.version)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda offsets: offsets + 1,
        lambda offsets: np.append(offsets[:-1], 301),
        lambda offsets: np.append(offsets[:-1], 299),
        lambda offsets: np.array([0, 200, 100, 300]),
        lambda offsets: np.array([0, -5, 100, 300]),
        lambda offsets: np.array([0, 2**63 - 1, -2, 300]),  # once around all numbers
        lambda offsets: offsets[:-1],
        lambda offsets: offsets.astype(np.int32),
        lambda offsets: offsets[None],
    ],
)
def test_lists_that_are_not_all_rows_are_refused(
    store: IndexStore,
    ivfpq: Manifest,
    spoil: Callable[[NDArray[np.int64]], NDArray[np.generic]],
) -> None:
    offsets = np.load(store.root / ivfpq.version / "lists.npy")
    change(store, ivfpq, "lists.npy", spoil(offsets))
    assert "lists.npy" in refusal(store, ivfpq.version)


@pytest.mark.parametrize(
    ("name", "shape", "kind"),
    [
        ("centroids.npy", (3, 15), np.float32),
        ("centroids.npy", (5, 16), np.float32),
        ("codebook.npy", (8, 15, 2), np.float32),
        ("codebook.npy", (8, 16, 1), np.float32),
        ("codebook.npy", (8, 16, 2), np.float64),
        ("codes.npy", (300, 3), np.uint8),
        ("codes.npy", (299, 4), np.uint8),
    ],
)
def test_arrays_of_another_kind_are_refused(
    store: IndexStore, ivfpq: Manifest, name: str, shape: tuple[int, ...], kind: type[np.generic]
) -> None:
    change(store, ivfpq, name, np.zeros(shape, kind))
    assert name in refusal(store, ivfpq.version)


@pytest.mark.parametrize("name", ["centroids.npy", "codebook.npy"])
@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_values_that_are_not_finite_are_refused(
    store: IndexStore, ivfpq: Manifest, name: str, value: float
) -> None:
    array = np.load(store.root / ivfpq.version / name)
    array.flat[3] = value
    change(store, ivfpq, name, array)
    assert "nan or infinity" in refusal(store, ivfpq.version)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"lists": 0}, "0 lists"),
        ({"lists": 301}, "301 lists"),
        ({"lists": 4}, "centroids.npy"),
        ({"probes": 0}, "probes"),
        ({"refine": 0}, "refine"),
        ({"values_a_code": 3}, None),  # does not divide 16: 2 do, as before
        ({"values_a_code": 4}, "codebook.npy"),
        ({"values_a_code": "two"}, "values_a_code"),
    ],
)
def test_parameters_that_do_not_fit_the_arrays_are_refused(
    store: IndexStore, ivfpq: Manifest, changes: dict[str, object], reason: str | None
) -> None:
    parameters = {**asdict(IvfPqParameters()), **ivfpq.parameters, **changes}
    reseal(store, ivfpq, parameters=parameters)
    if reason is None:
        assert store.verify(ivfpq.version) == []
    else:
        assert reason in refusal(store, ivfpq.version)


@pytest.fixture(scope="session")
def lists(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Manifest]:
    """A version that is copied before it is changed."""
    store = IndexStore(tmp_path_factory.mktemp("lists"))
    rows = unit_rows(300)
    return store.root, build_index(store, shop(300), rows, encoder_version="m", engine="ivfpq")


@pytest.mark.parametrize("name", FILES)
@settings(
    deadline=None, max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(place=st.floats(0, 1, exclude_max=True), value=st.binary(min_size=1, max_size=8))
def test_no_bytes_in_sealed_arrays_make_a_search_crash(
    lists: tuple[Path, Manifest],
    tmp_path_factory: pytest.TempPathFactory,
    name: str,
    place: float,
    value: bytes,
) -> None:
    """A crash would end the test run: either the version is refused, or it answers."""
    folder = tmp_path_factory.mktemp("hostile")
    snapshot = opened_despite(lists, folder, name, place, value)
    if snapshot is not None:
        found = snapshot.search(unit_rows(4), 10).positions
        assert ((found >= 0) & (found < 300)).all()
