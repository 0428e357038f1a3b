"""A round of learning: which commands it runs, and that only a proof promotes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import ClassVar

import pytest

from scoring.experiments.experiment import read_experiment
from scoring.policy_file import read_numbers, write_numbers
from scoring.ranker.named import NamedRanker
from scoring.ranker.ranker import Ranker
from scoring.ranker.recipe import read_ranker_recipe
from scoring.reinforcement.recipe import read_policy_recipe
from streams.cli.exits import Exit
from streams.closed_loop import workers
from streams.closed_loop.arms import (
    ARMS,
    CANDIDATE,
    CANDIDATE_FILE,
    LEARNED,
    LEARNED_FILE,
    OWN_FILE,
    write_experiment,
)
from streams.closed_loop.commands import Commands, Done
from streams.closed_loop.learner import said_rounds
from streams.closed_loop.life import SentLog
from streams.closed_loop.rounds import IN_FORCE, NOT_TAKEN, SHADOW, Rounds
from streams.closed_loop.run import ClosedLoop, Plan
from streams.closed_loop.workers import MOST_CRASHES, Workers
from streams.decision_record import DecisionRecord, DrawingRecord
from streams.demo.worker_process import WorkerEndedError
from streams.errors import BadFileError
from streams.events import Click
from streams.records import encode
from streams.settings import Settings
from tests.commands import parse
from tests.scoring.ranker.test_learned import heads, knowledge

HEADS = heads("value", times=1.0)
NOT_SHARPER = {"sharpen": Exit.BELOW_TARGET}


class Scripted(Commands):
    """Commands that end as a test says, and that are held to what the command line knows.

    `train` and `policy learn` leave the folders that they should, `export` the arm's lists, and
    `policy sharpen` a temperature of .03.
    """

    def __init__(self, codes: Mapping[str, int], decisions: bytes) -> None:
        self.asked: list[Sequence[str]] = []
        self.codes = codes
        self.reasons = ["too few lists"]
        self._decisions = decisions

    def run(self, words: Sequence[str], folder: Path, timeout_s: float) -> Done:
        parse(list(words))
        self.asked.append(words)
        name = words[1] if words[0] == "policy" else words[0]
        code = self.codes.get(name, 0)
        said = self._do(name, words) if code == 0 or name in ("promote", "sharpen") else ""
        return Done(words, code, 0.1, said, "last words")

    def _do(self, name: str, words: Sequence[str]) -> str:
        if name == "promote":
            return json.dumps({"reasons": self.reasons, "lists": 2}) + "\n"
        out = Path(words[words.index("--out") + 1])
        if name == "sharpen":
            if not self.codes.get(name, 0):
                write_numbers(out, {"draw": "softmax", "temperature": 0.03}, "")
            tried = {"temperature": 0.03, "lists": 2, "gain_interval": [0.01, 0.2]}
            return f'{json.dumps(tried)}\n{{"surest": null}}\n'
        out.mkdir(parents=True)
        if name == "export":
            rows = [
                f'{{"recommendation_id": "r{n}", "rank": {k}}}' for n in range(6) for k in (1, 2)
            ]
            (out / "joined.jsonl").write_text("\n".join(rows) + "\n")
            (out / "decisions.jsonl").write_bytes(self._decisions)
            return ""
        Ranker(HEADS, knowledge()).save(out)
        (out / "policy.toml").write_text('draw = "softmax"\ntemperature = 1.0\nranker = "."\n')
        row = '{"lists": 2, "simulated": true, "effective": 0.5}'
        return f'{row}\n{{"heads_version": "{HEADS.version}", "saved": "{out}"}}\n'


def decided(name: str, variant: str, version: str, at_ms: int, *, shadow: bool = False) -> bytes:
    drawing = DrawingRecord(
        size=1, draw="softmax", temperature=0.1, epsilon=0.0, diversity="none",
        relevance_share=0.8, weight_deviation=0.2,
    )  # fmt: skip
    record = DecisionRecord(
        recommendation_id=name,
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


def made(folder: Path, codes: Mapping[str, int], decisions: bytes = b"") -> tuple[Rounds, Scripted]:
    folder.mkdir(exist_ok=True)
    write_experiment(folder)
    commands = Scripted(codes, decisions)
    events = SentLog()
    for at_ms in (5, 3):
        events(Click(event_id=f"e{at_ms}", user_id="u", type="visit", at_ms=at_ms))
    settings = Settings.model_construct(bootstrap_servers="x", index_dir=folder / "index")
    return Rounds(settings, commands, folder, events), commands


def test_the_first_round_learns_a_ranker_from_the_events_in_their_order(tmp_path: Path) -> None:
    rounds, commands = made(tmp_path, {"train": Exit.FATAL})
    (refused,) = rounds.make(7.0)
    assert (refused.outcome, refused.why, rounds.ranker) == (NOT_TAKEN, "last words", None)
    assert read_numbers(tmp_path / OWN_FILE) == {}
    commands.codes = {}
    (found,) = rounds.make(3_600.0)
    assert found.outcome == IN_FORCE
    place = tmp_path / "rounds" / "2"
    named = NamedRanker.in_folder(place / "ranker")
    assert read_numbers(tmp_path / OWN_FILE) == {"ranker": named}, "without another worker"
    events = (place / "events.jsonl").read_text().splitlines()
    assert [json.loads(line)["at_ms"] for line in events] == [3, 5]
    recipe = read_ranker_recipe(place / "ranker.toml")
    assert recipe.lists.days == pytest.approx(0.9 / 24, rel=1e-3)


def beside(number: int, version: str, at_ms: int) -> bytes:
    """A list of the learned arm, and what the shadow scored."""
    shown = decided(f"r{number}", LEARNED, "served", at_ms)
    return shown + decided(f"r{number}~{CANDIDATE}", CANDIDATE, version, at_ms, shadow=True)


def test_heads_are_learned_from_the_arms_log_and_promoted_by_what_they_scored_as_a_shadow(
    tmp_path: Path,
) -> None:
    kept = beside(3, "new", 30) + beside(4, "new", 31)
    others = (
        beside(1, "old", 10)
        + decided("r2", "uniform", "new", 40)
        + decided("r5", LEARNED, "served", 50)
        + b"{\n"
    )
    rounds, commands = made(tmp_path, NOT_SHARPER, others + kept)
    rounds.make(5.0)
    not_sharper, learned = rounds.make(7.0)
    assert (not_sharper.outcome, not_sharper.evidence) == (NOT_TAKEN, "2 lists")
    assert (learned.number, learned.outcome) == (2, SHADOW)
    assert HEADS.version in learned.why
    place = tmp_path / "rounds" / "2"
    rows = [json.loads(line) for line in (place / "rows.jsonl").read_text().splitlines()]
    assert [row["recommendation_id"] for row in rows] == ["r3", "r3", "r4", "r4"]
    assert (place / "decisions.jsonl").read_bytes() == kept
    recipe = read_policy_recipe(place / "slates.toml")
    assert recipe.log == (str(place / "rows.jsonl"),)
    candidate = read_numbers(tmp_path / CANDIDATE_FILE)
    assert candidate["ranker"] == NamedRanker.in_folder(place / "policy")
    assert candidate["temperature"] == 1.0
    assert "ranker" not in read_numbers(tmp_path / LEARNED_FILE), "nothing is proven yet"

    commands.codes = {**NOT_SHARPER, "promote": Exit.BELOW_TARGET}
    refused, _, following = rounds.make(9.0)
    assert (refused.outcome, refused.why) == (NOT_TAKEN, "too few lists")
    assert refused.evidence.startswith("2 lists")
    assert (refused.number, following.number, following.outcome) == (3, 3, SHADOW)
    promote = next(words for words in commands.asked if words[1] == "promote")
    options = dict(zip(promote[3::2], promote[4::2], strict=False))
    assert promote[2] == str(tmp_path / CANDIDATE_FILE)
    assert options["--shadow"] == CANDIDATE
    assert options["--into"] == str(tmp_path / LEARNED_FILE)
    newest = tmp_path / "rounds" / "3"
    assert read_policy_recipe(newest / "slates.toml").log == (str(newest / "rows.jsonl"),)

    commands.codes = NOT_SHARPER
    (promoted,) = rounds.make(11.0)
    assert (promoted.what.split(",")[0], promoted.outcome) == (HEADS.version, IN_FORCE)
    rounds.make(13.0)
    sharpen = [words for words in commands.asked if words[1] == "sharpen"]
    logs = [[Path(each).parent.name for each in words if "rows" in each] for words in sharpen]
    assert logs == [["2"], ["2", "3"], ["5"]], "all since what draws has changed"
    assert [words.count("--decisions") for words in sharpen] == [1, 2, 1]
    place = tmp_path / "rounds" / "5"
    assert read_policy_recipe(place / "slates.toml").log == (str(place / "rows.jsonl"),)
    assert [each.number for each in rounds.made] == [1, 2, 2, 3, 3, 3, 4, 5, 5]


def test_a_sharper_draw_of_the_same_scores_is_asked_for_before_heads(tmp_path: Path) -> None:
    rounds, commands = made(tmp_path, {}, beside(3, "new", 30))
    rounds.make(5.0)
    (sharper,) = rounds.make(7.0)
    assert (sharper.outcome, sharper.evidence) == (SHADOW, "2 lists")
    assert sharper.why == "temperature 0.03; its gain on its own log is +0.01 to +0.2"
    assert read_numbers(tmp_path / CANDIDATE_FILE) == {"draw": "softmax", "temperature": 0.03}
    assert read_numbers(tmp_path / LEARNED_FILE)["temperature"] == 0.05, "nothing is proven yet"
    (promoted,) = rounds.make(9.0)
    assert (promoted.what, promoted.outcome) == (
        "temperature 0.03, to serve the learned arm",
        IN_FORCE,
    )
    assert [words[1] for words in commands.asked if words[0] == "policy"] == ["sharpen", "promote"]


def test_a_step_that_fails_ends_its_round_and_not_the_loop(tmp_path: Path) -> None:
    rounds, commands = made(tmp_path, {"export": Exit.WORLD_DOWN}, beside(1, "new", 3))
    rounds.make(1.0)
    (found,) = rounds.make(2.0)
    assert (found.outcome, found.why) == (NOT_TAKEN, "last words")
    commands.codes = {"sharpen": Exit.BAD_INPUT, "learn": Exit.BAD_INPUT}
    for found in rounds.make(3.0):
        assert (found.outcome, found.why) == (NOT_TAKEN, "last words")
    commands.codes = {}
    (found,) = rounds.make(4.0)
    assert found.outcome == SHADOW, "there was no candidate to ask about"
    nobody, _ = made(tmp_path / "b", {})
    nobody.make(1.0)
    assert nobody.make(2.0)[0].why == "no list of the arm has been shown and closed"


def test_the_arms_share_all_users_and_the_shadow_scores_for_the_learned_one(
    tmp_path: Path,
) -> None:
    experiment = read_experiment(write_experiment(tmp_path))
    users = [f"u{n}" for n in range(200)]
    arms = {user: arm.name for user in users if (arm := experiment.variant_of(user)) is not None}
    assert len(arms) == len(users)
    assert set(arms.values()) == set(ARMS)
    for user in users:
        shadows = [each.name for each in experiment.shadows_of(user)]
        assert shadows == ([CANDIDATE] if arms[user] == LEARNED else [])


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
    kept = Workers(settings, tmp_path, {})
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
