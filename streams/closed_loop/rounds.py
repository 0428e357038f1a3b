"""Rounds of learning: first a ranker from what users did, then draws that a log proves better."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

from scoring.policy_file import read_numbers, write_numbers
from streams.cli.exits import Exit
from streams.closed_loop.arms import LEARNED, LEARNED_FILE
from streams.closed_loop.commands import Commands, Done
from streams.closed_loop.evidence import keep_arm
from streams.closed_loop.life import SentLog
from streams.settings import Settings

SHARPER: Final = 0.4
"""A candidate's temperature beside that in force."""

REWARD: Final = "clicked"
DAY_S: Final = 86_400
_EPOCHS: Final = 6
_STEP_S: Final = 420.0


@dataclass(frozen=True, slots=True)
class Round:
    """What a round did.

    Attributes:
        number: From 1.
        at_s: When it began, since the start.
        what: It was after.
        steps: Its commands.
        evidence: Decision records that spoke.
        accepted: What it was after is in force now.
        why: In words.
        settings: Of workers from now on, by name without prefix.
    """

    number: int
    at_s: float
    what: str
    steps: tuple[Done, ...]
    evidence: int
    accepted: bool
    why: str
    settings: Mapping[str, str] = field(default_factory=dict)

    def as_record(self) -> dict[str, Any]:
        """For the report."""
        return {
            **asdict(self),
            "steps": [
                {"command": " ".join(step.words[:2]), "code": step.code, "seconds": step.seconds}
                for step in self.steps
            ],
        }


class Rounds:
    """Makes rounds, each in a folder of its own below `folder`.

    Args:
        settings: Of the loop.
        commands: What runs the product's commands.
        folder: Of the loop.
        events: What was sent so far.
    """

    def __init__(
        self, settings: Settings, commands: Commands, folder: Path, events: SentLog
    ) -> None:
        self._settings = settings
        self._commands = commands
        self._folder = folder
        self._events = events
        self.made: list[Round] = []
        self.ranker: Path | None = None

    def make(self, at_s: float) -> Round:
        """One more, so long after the start; a command that fails ends its round and no more."""
        number = len(self.made) + 1
        place = self._folder / "rounds" / str(number)
        place.mkdir(parents=True)
        if self.ranker is None:
            made = self._learn_ranker(number, at_s, place)
        else:
            made = self._ask_for_promotion(number, at_s, place)
        self.made.append(made)
        return made

    def _learn_ranker(self, number: int, at_s: float, place: Path) -> Round:
        """`rillstream train` on the events until now."""
        what = "a ranker, learned from the events so far"
        n_events = self._events.write(place / "events.jsonl")
        recipe = place / "ranker.toml"
        recipe.write_text(
            'kind = "ranker"\nname = "ranker"\nevents = ["events.jsonl"]\n'
            f'index = "{self._settings.index_dir}"\n\n'
            f"[lists]\ndays = {0.9 * at_s / DAY_S:.6f}\nperiods = 2\n\n"
            f"[network]\nepochs = {_EPOCHS}\n"
        )
        trained = self._run(place, "train", str(recipe), "--out", str(place / "ranker"))
        if trained.code != Exit.OK:
            return Round(number, at_s, what, (trained,), n_events, False, trained.last_words)
        self.ranker = place / "ranker"
        why = f"learned from {n_events:,} events"
        more = {"RANKER": str(self.ranker)}
        return Round(number, at_s, what, (trained,), n_events, True, why, more)

    def _ask_for_promotion(self, number: int, at_s: float, place: Path) -> Round:
        """A sharper draw of the same scores: in force if the log proves that it earns more."""
        learned = self._folder / LEARNED_FILE
        numbers = read_numbers(learned)
        temperature = float(f"{SHARPER * numbers['temperature']:.3g}")
        what = f"a draw at temperature {temperature:g}"
        candidate, log = place / "candidate.toml", place / "log"
        write_numbers(candidate, {**numbers, "temperature": temperature}, what)
        exported = self._run(place, "export", "--out", str(log), "--format", "jsonl", "--decisions")
        if exported.code != Exit.OK:
            return Round(number, at_s, what, (exported,), 0, False, exported.last_words)
        n_records, logs = keep_arm(log, LEARNED, place)
        if not logs:
            why = "no list of the arm has been shown and closed"
            return Round(number, at_s, what, (exported,), n_records, False, why)
        asked = self._run(
            place,
            "policy", "promote", str(candidate),
            *(word for path in logs for word in ("--log", str(path))),
            "--decisions", str(place / "decisions.jsonl"),
            "--into", str(learned), "--reward", REWARD, "--json",
        )  # fmt: skip
        accepted = asked.code == Exit.OK
        return Round(number, at_s, what, (exported, asked), n_records, accepted, _reasons(asked))

    def _run(self, place: Path, *words: str) -> Done:
        return self._commands.run(words, place, _STEP_S)


def _reasons(asked: Done) -> str:
    """What `policy promote --json` said, or the error that ended it."""
    for line in reversed(asked.out.splitlines()):
        try:
            said = json.loads(line)
        except ValueError:
            continue
        return "; ".join(said["reasons"])
    return asked.last_words
