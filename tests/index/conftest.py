"""A store, and a small version in it; an S3 of the tests' own."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from index import IndexStore, Manifest, build_index, set_threads
from tests.index.vectors import shop, unit_rows


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    """Two cores are shared by all tests."""
    set_threads(1)


@pytest.fixture
def store(tmp_path: Path) -> IndexStore:
    """An empty store in a folder that does not exist yet."""
    return IndexStore(tmp_path / "store")


@pytest.fixture(params=["exact", "hnsw", "ivfpq"])
def published(store: IndexStore, request: pytest.FixtureRequest) -> Manifest:
    """A current version of 200 items, once an engine."""
    return build_index(
        store, shop(200), unit_rows(200), encoder_version="mini-1", engine=request.param
    )


@pytest.fixture
def hnsw(store: IndexStore) -> Manifest:
    """A current version of 60 items with a graph."""
    return build_index(store, shop(60), unit_rows(60), encoder_version="mini-1", engine="hnsw")


@pytest.fixture
def ivfpq(store: IndexStore) -> Manifest:
    """A current version of 300 items in lists."""
    return build_index(store, shop(300), unit_rows(300), encoder_version="mini-1", engine="ivfpq")


@pytest.fixture(scope="session")
def sound(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Manifest]:
    """A version that is copied before it is damaged."""
    store = IndexStore(tmp_path_factory.mktemp("sound"))
    items, rows = shop(60), unit_rows(60)
    return store.root, build_index(store, items, rows, encoder_version="mini-1", engine="hnsw")


@pytest.fixture
def synced(monkeypatch: pytest.MonkeyPatch) -> set[int]:
    """Inodes of the files and folders that were made durable."""
    found: set[int] = set()
    fsync = os.fsync

    def note(descriptor: int) -> None:
        fsync(descriptor)
        found.add(os.fstat(descriptor).st_ino)

    monkeypatch.setattr(os, "fsync", note)
    return found


@pytest.fixture(scope="session")
def s3() -> Iterator[str]:
    """The address of moto's server on loopback; what it holds ends with the session."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(s3: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """``s3://`` and the name of a new bucket, with what s3fs needs to know in the environment."""
    import fsspec

    monkeypatch.setenv("AWS_ENDPOINT_URL", s3)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    fsspec.get_filesystem_class("s3").clear_instance_cache()
    name = uuid.uuid4().hex
    fsspec.filesystem("s3").mkdir(name)
    return f"s3://{name}"
