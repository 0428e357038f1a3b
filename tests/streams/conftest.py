"""An embedded broker for whatever is not about loss or recovery."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings

from streams.brokers.embedded import EmbeddedBroker
from streams.settings import Settings, load_settings
from streams.topics import create_topics

# The machine is shared with brokers and workers: how long one example takes says nothing.
hypothesis_settings.register_profile("shared machine", deadline=None)
hypothesis_settings.load_profile("shared machine")


@pytest.fixture
def embedded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Settings of a fresh broker without any topic, in a folder without configuration."""
    monkeypatch.chdir(tmp_path)
    with EmbeddedBroker() as broker:
        yield load_settings(bootstrap_servers=broker.bootstrap)


@pytest.fixture
def shop(embedded: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The same with all topics, and a folder of versions; commands find both in the environment."""
    create_topics(embedded)
    monkeypatch.setenv("RILLSTREAM_BOOTSTRAP_SERVERS", embedded.bootstrap_servers)
    monkeypatch.setenv("RILLSTREAM_INDEX_DIR", str(tmp_path / "indexes"))
    return embedded.model_copy(update={"index_dir": tmp_path / "indexes"})
