"""An embedded broker for whatever is not about loss or recovery."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings

from streams.brokers.embedded import EmbeddedBroker
from streams.settings import Settings, load_settings

# The machine is shared with brokers and workers: how long one example takes says nothing.
hypothesis_settings.register_profile("shared machine", deadline=None)
hypothesis_settings.load_profile("shared machine")


@pytest.fixture
def embedded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Settings]:
    """Settings of a fresh broker without any topic, in a folder without configuration."""
    monkeypatch.chdir(tmp_path)
    with EmbeddedBroker() as broker:
        yield load_settings(bootstrap_servers=broker.bootstrap)
