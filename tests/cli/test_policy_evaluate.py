"""Policies weighed by a log: figures, refusals, and what promotion leaves behind."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from scoring.policy_file import read_numbers, with_numbers
from scoring.ranker.named import NamedRanker
from scoring.ranker.ranker import Ranker
from scoring.slates.drawing import Drawing
from scoring.slates.evidence import Evidence
from streams.cli.exits import Exit
from streams.cli.main import run
from streams.decision_record import DecisionRecord
from streams.policy_file import policy_of
from streams.records import encode
from streams.settings import Settings
from tests.cli.joined_rows import joined_rows
from tests.scoring.offpolicy.slate_bandit import SlateBandit
from tests.scoring.ranker.test_learned import heads, knowledge

BANDIT = SlateBandit(n_items=4, n_ranks=2, attraction=0.3, n_contexts=50)
LOGGED = Drawing(2, "softmax", 0.4)
SHARPER = Drawing(2, "softmax", 0.1)
N = 1_500


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of 1,500 simulated lists, their decisions, and one of each flaw."""
    folder = tmp_path_factory.mktemp("shop")
    lists, batches = BANDIT.log(N, LOGGED, 0)
    version = replace(policy_of(Settings()), temperature=0.1).version
    with (folder / "decisions.jsonl").open("wb") as file:
        for batch in batches:
            for at, each in enumerate(batch.ids):
                evidence = Evidence(
                    recommendation_id=each,
                    item_ids=tuple(map(str, range(4))),
                    scores=tuple(batch.field.scores[at].tolist()),
                    drawing=LOGGED,
                )
                record = DecisionRecord.of(evidence, rules={}, user_id="u", at_ms=100)
                shadow = DecisionRecord.of(
                    replace(evidence, recommendation_id=f"{each}~it", drawing=SHARPER),
                    rules={},
                    user_id="u",
                    at_ms=100,
                    variant="it",
                    shadow=True,
                    policy_version=version + "+heads-12345678",
                )
                file.write(encode(shadow) + b"\n" + encode(record) + b"\n")
        file.write(b"{}\n")
    rows = joined_rows(lists)
    rows[0]["propensity"] = 0
    rows[2]["reward_at_ms"] = 99
    rows.append(rows[-1])
    (folder / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (folder / "few.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows[4:204]))
    (folder / "sharper.toml").write_text("temperature = 0.1\n")
    (folder / "flatter.toml").write_text("temperature = 1.5\n")
    return folder


def printed(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def promote(shop: Path, candidate: str, into: Path, log: str = "log.jsonl", *more: str) -> int:
    files = ["--log", str(shop / log), "--decisions", str(shop / "decisions.jsonl")]
    return run(["policy", "promote", str(shop / candidate), *files, "--into", str(into), *more])


def test_a_target_is_estimated_and_flaws_are_counted(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["policy", "evaluate", str(shop / "log.jsonl"), "--target", "temperature=0.1"]
    assert run([*words, "--decisions", str(shop / "decisions.jsonl"), "--json"]) == Exit.OK
    found = printed(capsys)
    truth = BANDIT.truth(SHARPER)
    assert (found["lists"], found["simulated"], found["enough"]) == (N - 2, True, True)
    assert sorted(found["excluded"].values()) == [1, 1, 1]
    by_name = {each["estimator"]: each for each in found["estimates"]}
    assert len(by_name) == 11
    low, high = by_name["cascade-dr"]["interval"]
    assert low < truth < high


def test_the_table_names_what_each_estimator_assumes(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["policy", "evaluate", str(shop / "log.jsonl"), "--target", str(shop / "sharper.toml")]
    assert run([*words, "--decisions", str(shop / "decisions.jsonl")]) == Exit.OK
    out, err = capsys.readouterr()
    assert "simulated lists" in out
    assert "nothing below an item matters" in out
    assert "left out: 1 · a propensity that is 0" in out
    assert "enough evidence, by cascade-dr" in out
    assert "decisions.jsonl:3001" in err


def test_a_target_that_does_what_the_log_did_is_no_comparison(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["policy", "evaluate", str(shop / "log.jsonl"), "--target", "temperature=0.4"]
    words += ["--target", "draw=softmax", "--decisions", str(shop / "decisions.jsonl")]
    assert run(words) == Exit.OK
    out, err = capsys.readouterr()
    assert "there is nothing to compare" in out
    assert "enough evidence" not in out
    assert "RILLSTREAM_DRAW" not in err, "these lists were drawn"


def test_a_few_lists_are_not_enough_evidence(
    shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["policy", "evaluate", str(shop / "few.jsonl"), "--target", "temperature=0.1"]
    assert run([*words, "--decisions", str(shop / "decisions.jsonl")]) == Exit.OK
    assert "not enough evidence: only" in capsys.readouterr().out
    place = tmp_path / "policy.toml"
    assert promote(shop, "sharper.toml", place, "few.jsonl") == Exit.BELOW_TARGET
    assert "not promoted: not enough evidence; only" in capsys.readouterr().out
    assert not place.exists()


def test_a_better_policy_is_promoted_with_its_evidence_and_the_old_one_is_kept(
    shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "policy.toml"
    place.write_text("weight_repeat = 0.25\n")
    assert promote(shop, "sharper.toml", place, "log.jsonl", "--json") == Exit.OK
    found = printed(capsys)
    assert found["promoted"]
    numbers = read_numbers(place)
    assert (numbers["temperature"], numbers["draw"]) == (0.1, "softmax")
    assert numbers["weight_repeat"] == 0.25
    assert "by cascade-dr" in place.read_text()
    assert "simulated" in place.read_text()
    for _ in range(2):  # promoted again, the old one is still there
        assert (tmp_path / "policy.before.toml").read_text() == "weight_repeat = 0.25\n"
        assert promote(shop, "sharper.toml", place) == Exit.OK
    assert sorted(each.name for each in tmp_path.iterdir()) == ["policy.before.toml", "policy.toml"]


def test_a_worse_policy_is_refused_and_nothing_changes(
    shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "policy.toml"
    place.write_text("weight_repeat = 0.25\n")
    assert promote(shop, "flatter.toml", place) == Exit.BELOW_TARGET
    assert "not promoted: the gain by cascade-dr may be as low as -" in capsys.readouterr().out
    assert promote(shop, "sharper.toml", place, "log.jsonl", "--margin", "0.5") == Exit.BELOW_TARGET
    assert place.read_text() == "weight_repeat = 0.25\n"
    assert [each.name for each in tmp_path.iterdir()] == ["policy.toml"]


def test_what_was_shadowed_is_what_is_promoted(
    shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["policy", "evaluate", str(shop / "log.jsonl"), "--shadow", "it", "--json"]
    assert run([*words, "--decisions", str(shop / "decisions.jsonl")]) == Exit.OK
    shadowed = printed(capsys)
    place = tmp_path / "policy.toml"
    assert promote(shop, "flatter.toml", place, "log.jsonl", "--shadow", "it") == Exit.BAD_INPUT
    assert "what is promoted must be what was shadowed" in capsys.readouterr().err
    assert promote(shop, "sharper.toml", place, "log.jsonl", "--shadow", "it", "--json") == Exit.OK
    assert printed(capsys)["estimates"] == shadowed["estimates"]
    assert read_numbers(place)["temperature"] == 0.1
    words[words.index("it")] = "nobody"
    assert run([*words, "--decisions", str(shop / "decisions.jsonl")]) == Exit.BAD_INPUT


def test_a_shadows_own_heads_are_promoted_with_it(
    shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "learned").mkdir()
    Ranker(heads("value", times=1.0), knowledge()).save(tmp_path / "learned")
    candidate = tmp_path / "learned" / "policy.toml"
    candidate.write_text('ranker = "."\ntemperature = 0.1\n')
    own = policy_of(Settings())
    without, made = (
        with_numbers(own, numbers, "").version
        for numbers in ({"temperature": 0.1}, read_numbers(candidate))
    )
    place = tmp_path / "workers" / "policy.toml"
    place.parent.mkdir()
    log = ["--log", str(shop / "log.jsonl"), "--decisions"]
    words = ["policy", "promote", str(candidate), *log, str(shop / "decisions.jsonl")]
    assert run([*words, "--into", str(place)]) == Exit.BAD_INPUT
    assert "ranker would make other candidates or scores" in capsys.readouterr().err
    words += ["--shadow", "it", "--into", str(place)]
    assert run(words) == Exit.BAD_INPUT
    assert f"the shadow it was {without}, and" in capsys.readouterr().err
    records = (shop / "decisions.jsonl").read_text().replace(without, made)
    (tmp_path / "decisions.jsonl").write_text(records)
    words[words.index("--decisions") + 1] = str(tmp_path / "decisions.jsonl")
    assert run(words) == Exit.OK
    assert read_numbers(place)["ranker"] == NamedRanker.in_folder(tmp_path / "learned")
    assert with_numbers(own, read_numbers(place), "").version != without


def test_a_shadow_of_an_arm_stands_over_the_workers_own_numbers(
    shop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "own.toml").write_text("weight_repeat = 0.25\n")
    arm = tmp_path / "arm.toml"
    arm.write_text("weight_related = 0.75\n")
    without, made = (
        with_numbers(policy_of(Settings()), numbers | {"temperature": 0.1}, "").version
        for numbers in ({}, {"weight_repeat": 0.25, "weight_related": 0.75})
    )
    records = (shop / "decisions.jsonl").read_text().replace(without, made)
    (tmp_path / "decisions.jsonl").write_text(records)
    words = ["policy", "promote", str(shop / "sharper.toml"), "--log", str(shop / "log.jsonl")]
    words += ["--decisions", str(tmp_path / "decisions.jsonl"), "--shadow", "it"]
    words += ["--into", str(arm)]
    assert run(words) == Exit.BAD_INPUT
    assert f"the shadow it was {made}, and" in capsys.readouterr().err
    monkeypatch.setenv("RILLSTREAM_POLICY", str(tmp_path / "own.toml"))
    assert run(words) == Exit.OK
    assert read_numbers(arm)["temperature"] == 0.1
    assert "weight_repeat" not in read_numbers(arm), "it stays the workers' own"


def test_the_surest_temperature_is_found_and_what_gains_nothing_is_no_candidate(
    shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "sharper.toml"
    words = ["policy", "sharpen", str(shop / "log.jsonl"), "--out", str(file), "--json"]
    words += ["--decisions", str(shop / "decisions.jsonl")]
    assert run(words) == Exit.OK
    *tried, last = map(json.loads, capsys.readouterr().out.splitlines())
    assert [each["temperature"] for each in tried] == [0.5, 0.32, 0.26, 0.2, 0.16, 0.12]
    lows = {each["temperature"]: each["gain_interval"][0] for each in tried if not each["lacking"]}
    assert max(lows, key=lows.__getitem__) == last["surest"] < 0.4
    assert read_numbers(file) == {"draw": "softmax", "temperature": last["surest"]}
    file.unlink()
    assert run([*words, "--temperature", "0.6"]) == Exit.BELOW_TARGET
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {"surest": None}
    few = ["policy", "sharpen", str(shop / "few.jsonl"), "--out", str(file)]
    assert run([*few, *words[-2:]]) == Exit.BELOW_TARGET
    out = capsys.readouterr().out
    assert "no other temperature gains for certain" in out
    assert "100 are needed" in out
    assert not file.exists()
    assert run([*words, "--temperature", "0"]) == Exit.USAGE
    assert "--temperature: temperature is 0.0, it must be above 0" in capsys.readouterr().err


def test_records_of_lists_that_are_not_in_the_log_say_nothing_of_it(
    shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The decisions topic has those of all variants; the log may be of one."""
    other = Evidence("other", ("0", "1"), (1.0, 0.0), Drawing(2, "best"))
    record = DecisionRecord.of(
        other, rules={}, user_id="u", at_ms=100, policy_version="policy-other"
    )
    decisions = tmp_path / "decisions.jsonl"
    decisions.write_bytes((shop / "decisions.jsonl").read_bytes() + encode(record) + b"\n")
    log, into = str(shop / "log.jsonl"), str(tmp_path / "policy.toml")
    words = [log, "--decisions", str(decisions)]
    assert run(["policy", "sharpen", *words]) == Exit.OK
    words = ["--log", log, *words[1:], "--into", into]
    assert run(["policy", "promote", str(shop / "sharper.toml"), *words]) == Exit.OK
    assert "policy-other" not in capsys.readouterr().err
    only = tmp_path / "only.jsonl"
    only.write_bytes(encode(record) + b"\n")
    assert run(["policy", "sharpen", log, "--decisions", str(only)]) == Exit.BAD_INPUT
    assert "no record of a decision for any list of the log" in capsys.readouterr().err


def test_promoting_into_nowhere_is_a_wrong_use(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["policy", "promote", str(shop / "sharper.toml"), "--log", str(shop / "log.jsonl")]
    assert run([*words, "--decisions", str(shop / "decisions.jsonl")]) == Exit.USAGE
    assert "--into or RILLSTREAM_POLICY" in capsys.readouterr().err


def test_a_policy_that_workers_could_not_start_with_is_not_put_in_force(
    shop: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("RILLSTREAM_TEMPERATURE", "0.4")
    place = tmp_path / "policy.toml"
    assert promote(shop, "sharper.toml", place) == Exit.FATAL
    assert "RILLSTREAM_TEMPERATURE is 0.4" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (["--target", "candidates=500"], Exit.BAD_INPUT, "would make other candidates"),
        (["--target", "weight_repeat=3"], Exit.BAD_INPUT, "--scores"),
        (["--target", "temperture=3"], Exit.USAGE, "did you mean temperature"),
        (["--target", "temperature=0"], Exit.USAGE, "temperature is 0"),
        (["--target", "temperature"], Exit.BAD_INPUT, "name=value"),
        (["--target", "diversity=mmr"], Exit.BAD_INPUT, "vectors"),
        (["--estimator", "guess"], Exit.USAGE, "no estimate by 'guess'"),
        (["--reward", "applause"], Exit.USAGE, "known are clicked"),
    ],
)
def test_what_the_log_cannot_say_is_one_line(
    shop: Path, capsys: pytest.CaptureFixture[str], more: list[str], code: Exit, said: str
) -> None:
    words = ["policy", "evaluate", str(shop / "few.jsonl")]
    assert run([*words, "--decisions", str(shop / "decisions.jsonl"), *more]) == code
    err = capsys.readouterr().err.strip().splitlines()
    assert said in err[-1]


def test_a_log_that_is_not_there_is_said_without_options_of_other_commands(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["policy", "evaluate", str(tmp_path / "gone.jsonl"), "--target", "temperature=1"]
    assert run([*words, "--decisions", str(tmp_path / "gone.jsonl")]) == Exit.BAD_INPUT
    said = capsys.readouterr().err
    assert "gone.jsonl: No such file or directory" in said
    assert "--data" not in said


def test_probabilities_of_another_system_need_no_records(
    shop: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [json.loads(line) for line in (shop / "few.jsonl").read_text().splitlines()]
    ids = dict.fromkeys(row["recommendation_id"] for row in rows)
    file = tmp_path / "other.jsonl"
    file.write_text(
        "".join(
            json.dumps({"recommendation_id": each, "probabilities": [0.25, 1 / 3]}) + "\n"
            for each in ids
        )
    )
    words = ["policy", "evaluate", str(shop / "few.jsonl"), "--probabilities", str(file), "--json"]
    assert run(words) == Exit.OK
    found = printed(capsys)
    assert found["estimator"] == "sn-rips"
    assert not found["enough"]
    assert run([*words, "--target", "epsilon=1"]) == Exit.USAGE
    file.write_text(file.read_text().replace("[0.25,", "[0.0,"))
    assert run(words[:-1]) == Exit.OK
    said = capsys.readouterr().out
    assert "none: at some rank, the target does nothing of what was logged" in said
    assert "nan" not in said
