"""A round of learning: which commands it runs, and that only a proof promotes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from scoring.experiments.experiment import read_experiment
from scoring.policy_file import read_numbers
from scoring.ranker.recipe import read_ranker_recipe
from streams.cli.exits import Exit
from streams.closed_loop import workers
from streams.closed_loop.arms import LEARNED, LEARNED_FILE, write_experiment
from streams.closed_loop.commands import Commands, Done
from streams.closed_loop.learner import said_rounds
from streams.closed_loop.life import SentLog
from streams.closed_loop.rounds import Rounds
from streams.closed_loop.run import ClosedLoop, Plan
from streams.closed_loop.workers import MOST_CRASHES, Workers
from streams.decision_record import DecisionRecord, DrawingRecord
from streams.demo.worker_process import WorkerEndedError
from streams.errors import BadFileError
from streams.events import Click
from streams.records import encode
from streams.settings import Settings
from tests.commands import parse


class Scripted(Commands):
    """Commands that end as a test says, and that are held to what the command line knows."""

    def __init__(self, codes: Mapping[str, int], said: str, decisions: bytes) -> None:
        self.asked: list[Sequence[str]] = []
        self.codes = codes
        self._said = said
        self._decisions = decisions

    def run(self, words: Sequence[str], folder: Path, timeout_s: float) -> Done:
        parse(list(words))
        self.asked.append(words)
        name = words[1] if words[0] == "policy" else words[0]
        if name == "export":
            log = Path(words[words.index("--out") + 1])
            log.mkdir(parents=True)
            rows = [
                f'{{"recommendation_id": "r{n}", "rank": {k}}}' for n in range(6) for k in (1, 2)
            ]
            (log / "joined.jsonl").write_text("\n".join(rows) + "\n")
            (log / "plain.jsonl").write_text('{"recommendation_id": "r1"}\n')
            (log / "decisions.jsonl").write_bytes(self._decisions)
        return Done(words, self.codes.get(name, 0), 0.1, self._said, "last words")


def decided(number: int, variant: str, version: str, at_ms: int, *, shadow: bool = False) -> bytes:
    drawing = DrawingRecord(
        size=1, draw="softmax", temperature=0.1, epsilon=0.0, diversity="none",
        relevance_share=0.8, weight_deviation=0.2,
    )  # fmt: skip
    record = DecisionRecord(
        recommendation_id=f"r{number}",
        user_id="u",
        at_ms=at_ms,
        item_ids=("i",),
        scores=(1.0,),
        drawing=drawing,
        pins=(-1,),
        features=(),
        rules={},
        row_digest="0",
        policy_version=version,
        variant=variant,
        shadow=shadow,
    )
    return encode(record) + b"\n"


def made(
    folder: Path, codes: Mapping[str, int], said: str = "", decisions: bytes = b""
) -> tuple[Rounds, Scripted]:
    write_experiment(folder)
    commands = Scripted(codes, said, decisions)
    events = SentLog()
    for at_ms in (5, 3):
        events(Click(event_id=f"e{at_ms}", user_id="u", type="visit", at_ms=at_ms))
    settings = Settings.model_construct(bootstrap_servers="x", index_dir=folder / "index")
    return Rounds(settings, commands, folder, events), commands


def test_the_first_round_learns_a_ranker_from_the_events_in_their_order(tmp_path: Path) -> None:
    rounds, commands = made(tmp_path, {"train": Exit.FATAL})
    refused = rounds.make(7.0)
    assert (refused.accepted, refused.why, rounds.ranker) == (False, "last words", None)
    commands.codes = {}
    found = rounds.make(3_600.0)
    assert found.accepted
    assert found.settings == {"RANKER": str(rounds.ranker)}
    place = tmp_path / "rounds" / "2"
    events = (place / "events.jsonl").read_text().splitlines()
    assert [json.loads(line)["at_ms"] for line in events] == [3, 5]
    recipe = read_ranker_recipe(place / "ranker.toml")
    assert recipe.lists.days == pytest.approx(0.9 / 24, rel=1e-3)


def test_only_a_proof_from_the_arms_own_records_promotes(tmp_path: Path) -> None:
    kept = decided(3, LEARNED, "new", 30) + decided(4, LEARNED, "new", 31)
    others = (
        decided(1, LEARNED, "old", 10)
        + decided(2, "uniform", "new", 40)
        + decided(5, LEARNED, "shadowed", 50, shadow=True)
        + b"{\n"
    )
    refusal = '{"reasons": ["too few lists"]}\n'
    rounds, commands = made(tmp_path, {"promote": Exit.BELOW_TARGET}, refusal, others + kept)
    rounds.ranker = tmp_path
    refused = rounds.make(7.0)
    assert (refused.accepted, refused.why, refused.evidence) == (False, "too few lists", 2)
    place = tmp_path / "rounds" / "1"
    assert (place / "decisions.jsonl").read_bytes() == kept
    candidate = {"draw": "softmax", "temperature": 0.04}
    assert read_numbers(place / "candidate.toml") == candidate
    asked = commands.asked[-1]
    assert asked[asked.index("--into") + 1] == str(tmp_path / LEARNED_FILE)
    assert [asked[at + 1] for at, word in enumerate(asked) if word == "--log"] == [
        str(place / "joined.jsonl")
    ]
    rows = [json.loads(line) for line in (place / "joined.jsonl").read_text().splitlines()]
    assert [row["recommendation_id"] for row in rows] == ["r3", "r3", "r4", "r4"]
    commands.codes = {}
    assert rounds.make(9.0).accepted
    assert [each.number for each in rounds.made] == [1, 2]


def test_a_log_that_cannot_be_had_ends_its_round_and_not_the_loop(tmp_path: Path) -> None:
    rounds, commands = made(tmp_path, {"export": Exit.WORLD_DOWN})
    rounds.ranker = tmp_path
    found = rounds.make(1.0)
    assert (found.accepted, found.why) == (False, "last words")
    assert [words[0] for words in commands.asked] == ["export"]
    commands.codes = {}
    assert rounds.make(2.0).why == "no list of the arm has been shown and closed"


def test_three_arms_share_all_users(tmp_path: Path) -> None:
    experiment = read_experiment(write_experiment(tmp_path))
    found = [experiment.variant_of(f"u{n}") for n in range(200)]
    assert {arm and arm.name for arm in found} == {"best", "learned", "uniform"}
    (tmp_path / LEARNED_FILE).write_text("temperature = 0.3\n")
    read = read_experiment(write_experiment(tmp_path))
    assert read.variants[1].numbers == {"temperature": 0.3}


class Dying:
    """A worker in whose place nothing runs: it has ended whenever it is asked."""

    made: ClassVar[list[Path]] = []

    def __init__(self, settings: Settings, folder: Path, more: Mapping[str, str]) -> None:
        Dying.made.append(settings.state_dir)

    def wait_until_ready(self, timeout_s: float) -> None: ...

    def stop(self) -> None: ...

    def check(self) -> None:
        raise WorkerEndedError("ended", 1)


def test_a_worker_that_crashes_is_started_again_until_it_is_hopeless(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "WorkerProcess", Dying)
    settings = Settings.model_construct(bootstrap_servers="x", state_dir=tmp_path)
    kept = Workers(settings, tmp_path, {}, "Kafka")
    kept.start()
    for _ in range(MOST_CRASHES):
        kept.look_after()
    assert (kept.n_lives, len(set(Dying.made))) == (MOST_CRASHES + 1, MOST_CRASHES + 1)
    with pytest.raises(WorkerEndedError):
        kept.look_after()


def test_a_report_never_falls_into_a_folder_in_use(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("")
    with pytest.raises(BadFileError, match="not empty"):
        ClosedLoop(Plan(tmp_path, None, "examining", 1, 1.0, 1.0, 0.0, 0))


def test_the_learners_rounds_are_read_out_of_its_log(tmp_path: Path) -> None:
    log = tmp_path / "learn.log"
    log.write_text('[info] begins\n{"lists": 3, "rolled_back": false}\n{"lists": 4, "rolled_')
    assert said_rounds(log) == [{"lists": 3, "rolled_back": False}]
