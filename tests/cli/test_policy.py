"""`rillstream policy tune` and `replay`: a shop in which people buy the same again."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from index import IndexStore, Item, build_index
from streams.cli.exits import Exit
from streams.cli.main import run

DAY_MS = 86_400_000
START_MS = 1_760_486_400_000  # 2025-10-15
N_ITEMS = 40


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Each of 30 users buys two own items every fifth day, and once what is popular."""
    folder = tmp_path_factory.mktemp("shop")
    items = [Item(item_id=f"i{n}", title=f"item {n}") for n in range(N_ITEMS)]
    vectors = np.random.default_rng(0).normal(size=(N_ITEMS, 8)).astype(np.float32)
    build_index(
        IndexStore(folder / "indexes"), items, vectors, encoder_version="none", engine="exact"
    )
    rows = []
    for day in range(50):
        for user in range(30):
            if (day + user) % 5 == 0:
                bought = [user % N_ITEMS, (user * 7 + 3) % N_ITEMS, 37 + day % 3]
                rows += [
                    {
                        "event_id": f"{day}-{user}-{item}",
                        "user_id": f"u{user}",
                        "type": "purchase",
                        "item_id": f"i{item}",
                        "at_ms": START_MS + day * DAY_MS,
                        "context": {"country": "FR" if user < 10 else "UK"},
                    }
                    for item in bought
                ]
    (folder / "events.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.fixture(autouse=True)
def _settings(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(shop)
    monkeypatch.setenv("RILLSTREAM_SLATE_SIZE", "3")


def words(command: str, start: str, until: str, *more: str) -> list[str]:
    return ["policy", command, "events.jsonl", "--since", start, "--until", until, *more, "--json"]


def printed(capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_tuning_finds_that_people_buy_again_and_a_worker_can_read_it(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = words("tune", "2025-11-04", "2025-11-14", "--out", "tuned", "--trials", "24")
    assert run([*asked, "--spread", "12"]) == Exit.OK
    rows = printed(capsys)
    before = next(row for row in rows if row["before"])
    chosen = next(row for row in rows if row["chosen"])
    assert chosen["purchases"] > before["purchases"]
    assert chosen["purchases"] == max(row["purchases"] for row in rows)
    assert json.loads((shop / "tuned/front.json").read_text()) == rows
    assert (shop / "tuned/front.svg").read_text().startswith("<svg")

    later = words(
        "replay", "2025-11-14", "2025-12-01", "--policy", "tuned/policy.toml", "--user-groups"
    )
    assert run(later) == Exit.OK
    out, err = capsys.readouterr()
    rows = [json.loads(line) for line in out.splitlines()]
    own, tuned = (row for row in rows if row["group"] == "all")
    assert tuned["purchases"]["value"] > own["purchases"]["value"]
    assert tuned["policy_version"] != own["policy_version"]
    assert own["purchases"]["low"] < own["purchases"]["value"] < own["purchases"]["high"]
    assert "tuned/policy.toml less settings: purchases +" in err
    groups = {row["group"]: row["lists"] for row in rows if row["policy"] == "settings"}
    assert groups["frequent users"] == groups["all"]
    assert groups["UK"] + groups["other countries"] == groups["all"]


def test_a_search_that_was_ended_goes_on_and_a_person_may_choose(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = words("tune", "2025-11-04", "2025-11-14", "--out", "again", "--trials", "8")
    assert run(asked) == Exit.OK
    whole = (shop / "again/trials.jsonl").read_text()
    (shop / "again/trials.jsonl").write_text("\n".join(whole.split("\n")[:5]) + "\n{")
    assert run([*asked, "--choose", "3"]) == Exit.OK
    assert (shop / "again/trials.jsonl").read_text() == whole
    err = capsys.readouterr().err
    assert "4 trials were made before" in err
    assert "trial 3\n" in (shop / "again/policy.toml").read_text()
    assert run(asked[:-1]) == Exit.OK
    table = capsys.readouterr().out
    assert " d " in table
    assert "e+" not in table, "times for people, not in milliseconds"


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (["--at-least", "purchases=1.1"], Exit.USAGE, "no trial has at least that"),
        (["--at-least", "new"], Exit.USAGE, "not NAME=VALUE"),
        (["--at-least", "nwe=0.1"], Exit.USAGE, "objectives are purchases, tail"),
        (["--choose", "2"], Exit.USAGE, "trials are 0 to 1"),
        (["--objective", "clicks"], Exit.USAGE, "these events have purchases"),
        (["--number", "slate_size"], Exit.USAGE, "cannot be tuned"),
    ],
)
def test_what_cannot_be_is_said_in_one_line(
    more: list[str], code: int, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = words("tune", "2025-11-09", "2025-11-11", "--out", f"no{said[:3]}", "--trials", "2")
    assert run([*asked, *more]) == code
    assert said in capsys.readouterr().err


def test_popularity_is_that_of_the_days_before(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (shop / "popular.toml").write_text(
        "weight_popularity = 1\nweight_short_term = 0\nweight_long_term = 0\nweight_repeat = 0\n"
    )
    asked = words("replay", "2025-11-20", "2025-11-22", "--policy", "popular.toml")
    assert run(asked) == Exit.OK
    popular = printed(capsys)[1]
    assert popular["tail"]["value"] == 0
    assert popular["purchases"]["value"] > 0.3, "the index itself knows no popularity"
    assert popular["shown"] == round(3 / N_ITEMS, 4)


def test_a_time_without_events_is_said_with_the_time_that_has_some(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(words("replay", "2020-01-01", "2020-01-02")) == Exit.BAD_INPUT
    assert "2020-01-01 to 2020-01-02: events begin on 2025-10-15;" in capsys.readouterr().err
    assert run(words("replay", "2027-01-01", "2027-01-02")) == Exit.BAD_INPUT
    said = "events begin on 2025-10-15, the last before that end is of 2025-12-03;"
    assert said in capsys.readouterr().err


def test_exposure_tells_how_published_lists_spread(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from streams.records import encode
    from tests.streams.test_exposure import a_list

    lists = shop / "lists.jsonl"
    made = [a_list(n, f"u{n}", "i0", f"i{n}") for n in range(1, 9)]
    lists.write_bytes(b"".join(encode(each) + b"\n" for each in made))
    asked = ["policy", "exposure", "--lists", str(lists), "--json"]
    assert run(asked) == Exit.OK
    spread, *fifths = printed(capsys)
    assert (spread["policy_version"], spread["lists"], spread["shown"]) == ("p1", 8, 9 / N_ITEMS)
    assert sum(each["lists"] for each in fifths) == pytest.approx(1)
    assert run(asked[:-1]) == Exit.OK
    out, err = capsys.readouterr()
    assert "nan" not in out
    assert "the index knows no popularity" in err
    lists.write_text("{}\n")
    assert run(asked) == Exit.BAD_INPUT
    assert "lists.jsonl:1" in capsys.readouterr().err
