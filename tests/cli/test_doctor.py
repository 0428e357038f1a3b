"""What somebody needs at the first failure: each cause by its name, with the way out."""

import json
import sys
from pathlib import Path

import pytest

from streams.brokers.embedded import EmbeddedBroker
from streams.cli.doctor_files import files_of
from streams.cli.exits import Exit
from streams.cli.main import run
from streams.settings import load_settings

NOBODY = "127.0.0.1:1"


@pytest.fixture
def shop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a-file").write_text("x = [")
    return tmp_path


@pytest.mark.parametrize(
    ("setting", "value", "code", "said"),
    [
        ("state_dir", "a-file", Exit.BAD_INPUT, "a-file: Not a directory"),
        ("policy", "gone.toml", Exit.BAD_INPUT, "gone.toml: No such file or directory"),
        ("experiment", "gone.toml", Exit.BAD_INPUT, "gone.toml cannot be read"),
        ("ranker", "gone", Exit.BAD_INPUT, "gone holds no ranker"),
        ("rules", "a-file", Exit.BAD_INPUT, "a-file"),
        ("related", "gone", Exit.BAD_INPUT, "gone: No such file or directory"),
        ("reranker", "gone", Exit.BAD_INPUT, "gone: No such file or directory"),
    ],
)
def test_a_file_that_a_setting_names_is_found_before_a_worker_finds_it(
    shop: Path, setting: str, value: str, code: Exit, said: str
) -> None:
    settings = load_settings(**{setting: Path(value)})
    (bad,) = (each for each in files_of(settings, debug=False) if each.status == "bad")
    assert (bad.subject, bad.code) == (setting, code)
    assert said in bad.detail
    assert f"RILLSTREAM_{setting.upper()}" in bad.way_out


def test_what_is_bad_decides_the_exit_code_and_the_round_is_finished(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """An FAISS whose libraries are not there (the CUDA build without CUDA) was ok."""
    monkeypatch.setitem(sys.modules, "faiss", None)
    assert run(["doctor", "--json", "--broker", NOBODY]) == Exit.FATAL
    found = {
        each["subject"]: each for each in map(json.loads, capsys.readouterr().out.splitlines())
    }
    assert found["faiss"]["status"] == "bad"
    assert "pip install 'rillstream[cpu]'" in found["faiss"]["way_out"]
    assert found["broker"]["status"] == "bad"


def test_debug_shows_where_an_error_came_from(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was promised, and the doctor ate it."""
    monkeypatch.setenv("RILLSTREAM_POLICY", "gone.toml")
    monkeypatch.setitem(sys.modules, "faiss", None)
    words = ["doctor", "--json", "--broker", NOBODY]
    run(words)
    assert "Traceback" not in capsys.readouterr().err
    run([*words, "--debug"])
    assert "Traceback" in capsys.readouterr().err


def test_an_object_store_without_an_index_is_named(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    url = f"file://{shop}/store"
    with EmbeddedBroker() as broker:
        words = ["doctor", "--json", "--broker", broker.bootstrap, "--index-url", url]
        assert run(words) == Exit.FATAL
    found = {
        each["subject"]: each for each in map(json.loads, capsys.readouterr().out.splitlines())
    }
    assert found["broker"]["status"] == "ok"
    assert url in found["index"]["detail"]


def test_a_broker_without_tls_is_not_told_as_one_that_is_away(
    shop: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It was told to be absent: start one."""
    monkeypatch.setenv("RILLSTREAM_SECURITY__PROTOCOL", "SSL")
    with EmbeddedBroker() as broker:
        assert run(["doctor", "--json", "--broker", broker.bootstrap]) == Exit.WORLD_DOWN
    found = {
        each["subject"]: each for each in map(json.loads, capsys.readouterr().out.splitlines())
    }
    assert "look at RILLSTREAM_SECURITY__PROTOCOL" in found["broker"]["way_out"]
