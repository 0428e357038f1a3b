"""`rillstream retune`: a better encoder is served, no other is, and no crash loses anything."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import Producer

import index
import streams.cli.rebuilding
import streams.cli.retune
import streams.cli.training_course
import streams.index_versions
import streams.learning.retuning
from index import IndexStore
from scoring.encoder import identify
from streams.cli import texts
from streams.cli.exits import Exit
from streams.cli.main import run
from streams.events import Click, Search
from streams.index_versions import decode
from streams.kafka_config import producer_config
from streams.learning.retuning import Retuning
from streams.records import encode
from streams.settings import Settings
from tests.scoring.conftest import save_bert
from tests.streams.reading import messages

RECIPE = """
name = "tuned"
batch_size = 16
[backbone]
source = "{encoder}"
[training]
epochs = {epochs}
learning_rate = 1e-2
[tasks.wanted]
type = "answer"
train = ["searched.parquet"]
columns = {{ question = "query", answer = "title" }}
validation = 0.0
"""
ITEMS = {f"{c}-{t}": f"{c} {t}" for c in ("red", "blue", "green") for t in ("mug", "cup", "cable")}
WORDS = "the of for a big small tea set bike".split()
QUERIES = [f"{word} {WORDS[place - 4]}" for place, word in enumerate(WORDS)]
"""One for each item, which it has no word of: nobody finds it who has not learned."""
N_SEARCHES = 360
WORDS_OF_COMMAND = ["--work", "work", "--least", "50", "--held-out", "0.25", "--json"]


class KilledError(BaseException):
    """What no handler catches."""


def fill(settings: Settings, *, simulated: bool = False) -> None:
    """Forty users search, and want what belongs to their words."""
    producer = Producer(producer_config(settings))
    for number in range(N_SEARCHES):
        user, which, at_ms = f"u{number % 40}", number * 7 % 9, 1_700_000_000_000 + number * 60_000
        asked = Search(
            event_id=f"s{number}",
            user_id=user,
            type="search",
            query=QUERIES[which],
            at_ms=at_ms,
            simulated=simulated,
        )
        done = Click(
            event_id=f"c{number}",
            user_id=user,
            type="click",
            item_id=list(ITEMS)[which],
            at_ms=at_ms + 9,
        )
        producer.produce(settings.topic("searches"), encode(asked), user.encode())
        producer.produce(settings.topic("clicks"), encode(done), user.encode())
    assert producer.flush(20) == 0


@pytest.fixture
def shop(shop: Settings, tmp_path: Path) -> Settings:
    """With an index by an encoder that has learned nothing."""
    encoder = save_bert(tmp_path / "encoder")
    rows = ({"item_id": name, "title": title} for name, title in ITEMS.items())
    Path("items.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert run(["index", "build", "items.jsonl", "--encoder", str(encoder)]) == Exit.OK
    write_recipe(encoder)
    return shop


def write_recipe(encoder: Path, epochs: int = 6) -> None:
    Path("shop.toml").write_text(RECIPE.format(encoder=encoder, epochs=epochs))


def retune(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    capsys.readouterr()
    assert run(["retune", "shop.toml", *WORDS_OF_COMMAND, *words]) == Exit.OK
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert found == json.loads(Path("work/done.json").read_text())
    return found


def announced(settings: Settings) -> list[tuple[str, str]]:
    said = [decode(each.value()) for each in messages(settings, settings.topic("index_versions"))]
    return [(each.version, each.encoder_version) for each in said]


def test_what_finds_sooner_what_is_wanted_is_served_with_its_index(
    shop: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(shop)
    before = IndexStore(shop.index_dir).manifest()
    found = retune(capsys)
    assert found["released"]
    tested, fresh = found["tested"], found["new_queries"]
    assert (tested["n"], tested["users"], fresh["n"]) == (90, 40, 0)
    assert tested["mrr_before"] + 0.1 < tested["mrr_after"]
    assert 0 < tested["gain_low"] < tested["gain"] < tested["gain_high"]
    manifest = IndexStore(shop.index_dir).manifest()
    assert (manifest.count, manifest.version) == (9, found["index_version"])
    assert manifest.encoder_version == found["encoder_version"] == found["candidate"]
    assert manifest.encoder_version == identify(Path("work/model"))[0] != before.encoder_version
    assert announced(shop) == [(manifest.version, manifest.encoder_version)]
    assert (shop.index_dir / ".encoders" / manifest.encoder_version).is_dir(), "workers find it"

    # It learns the same again, which is no gain over what is in service.
    again = retune(capsys)
    assert (again["released"], again["reason"]) == (True, "it was current already")
    assert IndexStore(shop.index_dir).current() == manifest.version


def test_what_is_not_surely_better_is_not_served(
    shop: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(shop)
    before = IndexStore(shop.index_dir).current()
    found = retune(capsys, "--least-gain", "0.95")
    assert not found["released"]
    assert found["reason"] == "the other is not surely better by more than 0.95"
    assert found["tested"]["gain_low"] > 0
    assert found["candidate"] != found["encoder_version"]
    assert IndexStore(shop.index_dir).current() == found["index_version"] == before
    assert announced(shop) == []
    tested = found["tested"]
    likely = str((tested["gain_low"] + tested["gain"]) / 2)
    words = [*WORDS_OF_COMMAND[:-1], "--least-gain", likely]
    assert run(["retune", "shop.toml", *words]) == Exit.OK
    said = capsys.readouterr().out
    assert "90 tested rows: mean reciprocal rank 0." in said
    assert "stays in service: the other is not surely better by more than 0." in said, "likely only"


def test_too_short_a_log_decides_nothing_and_trains_nothing(
    shop: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(shop)
    found = retune(capsys, "--least", "91")
    assert (found["released"], found["reason"]) == (False, "90 rows to test it on, of at least 91")
    assert not Path("work/model").exists()


def test_simulated_rows_teach_only_where_that_is_asked_for(
    shop: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(shop, simulated=True)
    assert "0 rows to test it on" in retune(capsys)["reason"]
    assert retune(capsys, "--simulated")["released"]


def test_a_recipe_that_learns_nothing_of_it_is_refused(
    shop: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(shop)
    recipe = Path("shop.toml")
    recipe.write_text(recipe.read_text().replace("searched.parquet", "others.parquet"))
    assert run(["retune", "shop.toml", *WORDS_OF_COMMAND]) == Exit.BAD_INPUT
    assert 'train = ["searched.parquet"] in one of its tasks' in capsys.readouterr().err
    assert not Path("work").exists(), "it is said before anything is read"


def test_the_data_may_be_behind_a_link(
    shop: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From there, `..` is not where the link is."""
    fill(shop)
    (tmp_path / "disk/of/data").mkdir(parents=True)
    Path("data").symlink_to(tmp_path / "disk/of/data")
    assert retune(capsys, "--data", "data")["released"]


def test_one_search_is_nothing_to_learn_from(
    shop: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is held out as a whole."""
    asked = Search(event_id="s", user_id="ann", type="search", query=QUERIES[0], at_ms=9)
    producer = Producer(producer_config(shop))
    producer.produce(shop.topic("searches"), encode(asked), b"ann")
    for item in ITEMS:
        done = Click(event_id=item, user_id="ann", type="click", item_id=item, at_ms=9)
        producer.produce(shop.topic("clicks"), encode(done), b"ann")
    assert producer.flush(20) == 0
    found = retune(capsys, "--least", "9")
    assert (found["released"], found["reason"]) == (False, "0 rows to learn from, of at least 2")


def test_what_was_left_of_another_shop_is_not_gone_on_with(
    shop: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(shop)
    shutil.copytree(shop.index_dir, "elsewhere")
    Path("data").mkdir()
    for option, value, name in (("--data", "data", "data"), ("--index-dir", "elsewhere", "index")):
        with monkeypatch.context() as patch:
            patch.setattr(texts, "follow", killed)
            with pytest.raises(KilledError):
                run(["retune", "shop.toml", *WORDS_OF_COMMAND])
        capsys.readouterr()
        assert run(["retune", "shop.toml", *WORDS_OF_COMMAND, option, value]) == Exit.OK
        assert f"what was begun there differs in {name}" in capsys.readouterr().err


def test_who_goes_back_while_a_killed_run_is_announced_has_the_later_word(
    shop: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(shop)
    store = IndexStore(shop.index_dir)
    before = store.current()
    assert before is not None
    with monkeypatch.context() as patch:
        patch.setattr(streams.index_versions, "announce", killed)
        with pytest.raises(KilledError):
            run(["retune", "shop.toml", *WORDS_OF_COMMAND])
    point = IndexStore.set_current

    def late(self: IndexStore, version: str, **seen: Any) -> None:
        point(self, before)
        point(self, version, **seen)

    monkeypatch.setattr(IndexStore, "set_current", late)
    assert run(["retune", "shop.toml", *WORDS_OF_COMMAND]) == Exit.BUSY
    assert store.current() == before
    assert announced(shop) == []


def test_the_recipe_that_comes_along_names_the_file() -> None:
    recipe = texts.read_recipe(streams.cli.retune.OWN_RECIPE, None)
    (task,) = recipe.tasks.values()
    assert task.train == [streams.learning.retuning.LEARNED]


def killed(*_: object, **__: object) -> None:
    raise KilledError


def in_the_third_epoch(go_on: Callable[..., Any]) -> Callable[..., Any]:
    """Killed in the midst of a training, when it says how far it is."""

    def show(self: object, stand: Any) -> None:
        if stand.epoch == 2:
            raise KilledError
        go_on(self, stand)

    return show


CRASHES: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "while rows are written": lambda patch: patch.setattr(
        streams.learning.retuning, "write_searched", killed
    ),
    "rows are kept": lambda patch: patch.setattr(texts, "follow", killed),
    "while it is trained": lambda patch: patch.setattr(
        streams.cli.training_course.Course,
        "show",
        in_the_third_epoch(streams.cli.training_course.Course.show),
    ),
    "the model is saved": lambda patch: patch.setattr(streams.cli.retune, "_compared", killed),
    "they are compared": lambda patch: patch.setattr(
        streams.cli.rebuilding, "rebuild_from_topic", killed
    ),
    "the index is encoded": lambda patch: patch.setattr(index.build, "build_staged", killed),
    "the version is built": lambda patch: patch.setattr(IndexStore, "set_current", killed),
    "the pair is current": lambda patch: patch.setattr(streams.index_versions, "announce", killed),
    "it is announced": lambda patch: patch.setattr(Retuning, "finish", killed),
}


@pytest.fixture(scope="session")
def uninterrupted() -> dict[str, str]:
    """Encoder version of the run without a crash, once it is known."""
    return {}


@pytest.mark.parametrize("crash", CRASHES)
def test_a_crash_at_any_line_of_the_table_ends_with_the_same_pair(
    shop: Settings,
    crash: str,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    uninterrupted: dict[str, str],
) -> None:
    fill(shop)
    with monkeypatch.context() as patch:
        CRASHES[crash](patch)
        with pytest.raises(KilledError):
            run(["retune", "shop.toml", *WORDS_OF_COMMAND])
    capsys.readouterr()
    assert run(["retune", "shop.toml", *WORDS_OF_COMMAND]) == Exit.OK
    out, err = capsys.readouterr()
    found = json.loads(out)
    assert ("going on" in err) == (crash != "while rows are written")
    assert found["released"]
    manifest = IndexStore(shop.index_dir).manifest()
    assert (manifest.version, manifest.encoder_version) == announced(shop)[-1]
    assert manifest.encoder_version == found["encoder_version"] == found["candidate"]
    assert uninterrupted.setdefault("version", manifest.encoder_version) == found["candidate"]
    assert manifest.count == 9


@pytest.mark.slow
def test_kill_9_in_a_training_loses_nothing(
    shop: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(shop)
    write_recipe(tmp_path / "encoder", epochs=30)
    command = [sys.executable, "-m", "streams.cli.main", "retune", "shop.toml", *WORDS_OF_COMMAND]
    log = tmp_path / "log"
    with log.open("w") as out:
        first = subprocess.Popen(command, env=dict(os.environ), stderr=out, stdout=out)
    checkpoint = Path("work/.model.training/checkpoint.json")
    begun_s = time.monotonic()
    while not checkpoint.exists():
        assert first.poll() is None, log.read_text()
        assert time.monotonic() - begun_s < 90, log.read_text()
        time.sleep(0.05)
    first.send_signal(signal.SIGKILL)
    assert first.wait(20) == -signal.SIGKILL
    assert not Path("work/model").exists()
    assert retune(capsys)["released"]
