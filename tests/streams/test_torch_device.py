"""The device of the settings is that of every model that a worker or a build loads."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from scoring import load_reranker
from scoring.encoder import identify
from scoring.errors import DeviceError
from scoring.ranker.ranker import Ranker
from streams.cli import doctor
from streams.cli.exits import Exit
from streams.cli.finding import guarded
from streams.encoders import Encoders
from streams.errors import SettingsError
from streams.live.policies import Policies
from streams.settings import Settings, load_settings
from tests.scoring.ranker.test_learned import heads, knowledge


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """A machine without a GPU, whose settings ask for one."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 0)
    folder = tmp_path / "ranker"
    folder.mkdir()
    Ranker(heads(), knowledge()).save(folder)
    return Settings(torch_device="cuda:1", ranker=folder, index_dir=tmp_path / "index")


def test_no_model_is_loaded_where_the_gpu_is_not(settings: Settings, tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="cuda:1"):
        Policies.read(settings)
    with pytest.raises(DeviceError, match="cuda:1"):
        Encoders(settings).load(identify(None)[0])
    with pytest.raises(DeviceError, match="cuda:1"):
        load_reranker(tmp_path, threads=1, device=settings.torch_device)


def test_the_doctor_says_that_it_is_not_there(settings: Settings) -> None:
    (found,) = guarded("gpu", lambda: doctor._gpu(settings))
    assert (found.status, found.code) == ("bad", Exit.FATAL)
    assert "cuda:1 is asked for" in found.detail


@pytest.mark.parametrize("name", ["gpu", "cuda:", "mps", ""])
def test_other_names_are_no_setting(name: str) -> None:
    with pytest.raises(SettingsError, match="TORCH_DEVICE"):
        load_settings(torch_device=name)
