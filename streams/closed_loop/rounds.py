"""Rounds of learning: first a ranker, then policies learned from rewards, promoted when proven."""

from __future__ import annotations

import json
import shutil
import time
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from scoring.policy_file import Numbers, read_numbers, write_numbers
from scoring.ranker.named import NamedRanker
from streams.cli.exits import Exit
from streams.closed_loop.arms import CANDIDATE, CANDIDATE_FILE, LEARNED, LEARNED_FILE, OWN_FILE
from streams.closed_loop.commands import Commands, Done
from streams.closed_loop.evidence import Kept, keep_arm
from streams.closed_loop.life import SentLog
from streams.settings import Settings

IN_FORCE: Final = "in force"
SHADOW: Final = "scored as a shadow"
NOT_TAKEN: Final = "not taken"

REWARD: Final = "worth"
"""What policies are learned from is what they are promoted by."""

DAY_S: Final = 86_400
_EPOCHS: Final = 6
_STEP_S: Final = 420.0
_LEARNING: Final = """\
begin = "logged"
rounds = 40
width = 32
pause_s = 0.0
discount = 0.0
batch = 256
learning_rate = 0.0005
least_effective = 0.7
"""
"""Small steps from the policy that made the log: what goes further, no round's log can prove. Each
list is a visit of its own and is credited with itself: of later ones, a round has too few to tell
what an item did to them."""


@dataclass(frozen=True, slots=True)
class Round:
    """What a round did; a round may ask about one candidate and learn the next.

    Attributes:
        number: From 1.
        at_s: When it began, since the start.
        what: It was after.
        steps: Its commands.
        evidence: How much it saw, in words.
        outcome: in force, scored as a shadow, or not taken.
        why: In words.
    """

    number: int
    at_s: float
    what: str
    steps: tuple[Done, ...]
    evidence: str
    outcome: str
    why: str

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

    Nothing is restarted: a ranker and a promoted policy are in force once their file is replaced.

    Args:
        settings: Of the loop.
        commands: What runs the product's commands.
        folder: Of the loop; has the files of `write_experiment`.
        events: What was sent so far.
    """

    def __init__(
        self, settings: Settings, commands: Commands, folder: Path, events: SentLog
    ) -> None:
        self._settings = settings
        self._commands = commands
        self._folder = folder
        self._events = events
        self._since_s = 0.0  # when what is served or shadowed changed last
        self._candidate: str | None = None
        self._logs: list[tuple[Path, Path]] = []  # of what the learned arm draws by, by round
        self.made: list[Round] = []
        self.ranker: Path | None = None

    def make(self, at_s: float) -> list[Round]:
        """One more, so long after the start; a command that fails ends its round and no more."""
        number = self.made[-1].number + 1 if self.made else 1
        place = self._folder / "rounds" / str(number)
        place.mkdir(parents=True)
        if self.ranker is None:
            made = [self._learn_ranker(number, at_s, place)]
        else:
            made = self._go_on(number, at_s, place)
        self.made += made
        return made

    def _learn_ranker(self, number: int, at_s: float, place: Path) -> Round:
        """`rillstream train` on the events until now; then every arm ranks with it."""
        what = "a ranker, learned from the events so far"
        evidence = f"{self._events.write(place / 'events.jsonl'):,} events"
        recipe = place / "ranker.toml"
        recipe.write_text(
            'kind = "ranker"\nname = "ranker"\nevents = ["events.jsonl"]\n'
            f'index = "{self._settings.index_dir}"\n\n'
            f"[lists]\ndays = {0.9 * at_s / DAY_S:.6f}\nperiods = 2\n\n"
            f"[network]\nepochs = {_EPOCHS}\n"
        )
        folder = place / "ranker"
        trained = self._run(place, "train", str(recipe), "--out", str(folder))
        if trained.code != Exit.OK:
            return Round(number, at_s, what, (trained,), evidence, NOT_TAKEN, trained.last_words)
        self.ranker = folder
        named = NamedRanker.in_folder(folder)
        write_numbers(self._folder / OWN_FILE, {"ranker": named}, what)
        self._changed()
        return Round(number, at_s, what, (trained,), evidence, IN_FORCE, named.version)

    def _go_on(self, number: int, at_s: float, place: Path) -> list[Round]:
        """Is the candidate better than what is in force? If not, or if there is none: another."""
        log = place / "log"
        since = datetime.fromtimestamp(self._since_s, UTC).strftime("%Y-%m-%dT%H:%M:%S")
        exported = self._run(
            place,
            "export", "--out", str(log), "--since", since, "--format", "jsonl", "--with-decisions",
        )  # fmt: skip
        what = "the lists since the last change"
        if exported.code != Exit.OK:
            why = exported.last_words
            return [Round(number, at_s, what, (exported,), "nothing", NOT_TAKEN, why)]
        kept = keep_arm(log, LEARNED, CANDIDATE, place)
        shutil.rmtree(log)  # hundreds of megabytes an hour, and the topics have them
        if kept.rows is None:
            why = "no list of the arm has been shown and closed"
            return [Round(number, at_s, what, (exported,), "nothing", NOT_TAKEN, why)]
        made = []
        self._logs.append((kept.rows, kept.decisions))
        if self._candidate is not None:
            made.append(self._ask_for_promotion(number, at_s, place, kept, exported))
            if made[0].outcome == IN_FORCE:
                # What comes next begins from this, and so from lists that this will have drawn.
                self._candidate, self._logs = None, []
                self._changed()
                return made
        made.append(self._sharpen(number, at_s, place))
        if made[-1].outcome != SHADOW:
            made.append(self._learn_candidate(number, at_s, place, kept.rows))
        return made

    def _ask_for_promotion(
        self, number: int, at_s: float, place: Path, kept: Kept, exported: Done
    ) -> Round:
        """What the shadow scored beside lists that were drawn: in force if it proves a gain."""
        what = f"{self._candidate}, to serve the learned arm"
        asked = self._run(
            place,
            "policy", "promote", str(self._folder / CANDIDATE_FILE),
            "--log", str(kept.rows), "--decisions", str(kept.decisions), "--shadow", CANDIDATE,
            "--into", str(self._folder / LEARNED_FILE), "--reward", REWARD, "--json",
        )  # fmt: skip
        outcome = IN_FORCE if asked.code == Exit.OK else NOT_TAKEN
        said = _said(asked)
        n_lists = said[-1]["lists"] if said else 0
        why = "; ".join(said[-1]["reasons"]) if said else asked.last_words
        evidence = f"{n_lists:,} lists that were shown, with the shadow's beside them"
        return Round(number, at_s, what, (exported, asked), evidence, outcome, why)

    def _sharpen(self, number: int, at_s: float, place: Path) -> Round:
        """`rillstream policy sharpen`: the same scores, if the logs are sure of a sharper draw.

        These are scores of the newest heads, whichever come: what heads learn online, it keeps. All
        lists since the last promotion count: their records say what each was drawn from.
        """
        what = "how sharply to draw, from the learned arm's lists since its last change"
        file = place / "sharper.toml"
        asked = self._run(
            place,
            "policy", "sharpen",
            *(str(log) for log, _ in self._logs),
            *(word for _, each in self._logs for word in ("--decisions", str(each))),
            "--reward", REWARD, "--out", str(file), "--json",
        )  # fmt: skip
        said = _said(asked)
        evidence = f"{said[0]['lists']:,} lists" if said else "the newest export"
        if asked.code != Exit.OK:
            none = "no other temperature gains for certain"
            why = none if asked.code == Exit.BELOW_TARGET else asked.last_words
            return Round(number, at_s, what, (asked,), evidence, NOT_TAKEN, why)
        numbers = read_numbers(file)
        self._candidate = f"temperature {numbers['temperature']}"
        self._shadow(numbers, f"Round {number}: {what}.")
        tried = next(each for each in said if each.get("temperature") == numbers["temperature"])
        low, high = tried["gain_interval"]
        why = f"{self._candidate}; its gain on its own log is {low:+.4g} to {high:+.4g}"
        return Round(number, at_s, what, (asked,), evidence, SHADOW, why)

    def _learn_candidate(self, number: int, at_s: float, place: Path, log: Path) -> Round:
        """`rillstream policy learn` on the newest lists; then the shadow scores.

        Older ones were drawn from other heads, since those of the ranker change each minute: one
        fit to all of them is like none.
        """
        what = "heads for the learned arm, by policy gradient on its log"
        recipe, folder = place / "slates.toml", place / "policy"
        recipe.write_text(
            f'kind = "slate-policy"\nname = "slates"\nlog = ["{log}"]\n\n[learning]\n{_LEARNING}'
        )
        learned = self._run(
            place,
            "policy", "learn", str(recipe), "--ranker", str(self.ranker), "--out", str(folder),
            "--seed", str(number), "--json",
        )  # fmt: skip
        evidence = "the newest export"
        if learned.code != Exit.OK:
            self._candidate = None
            return Round(number, at_s, what, (learned,), evidence, NOT_TAKEN, learned.last_words)
        row, saved = _said(learned)[-2:]
        self._candidate = str(saved["heads_version"])
        self._shadow(read_numbers(folder / "policy.toml"), f"Round {number}: {what}.")
        evidence = f"{row['lists']:,} lists"
        why = f"{self._candidate}; weights on its log worth {row['effective']:.0%} of the ranks"
        return Round(number, at_s, what, (learned,), evidence, SHADOW, why)

    def _shadow(self, numbers: Numbers, about: str) -> None:
        """Score what is in force with these numbers instead, beside the lists that it makes."""
        in_force = read_numbers(self._folder / LEARNED_FILE)
        write_numbers(self._folder / CANDIDATE_FILE, {**in_force, **numbers}, about)
        self._changed()

    def _changed(self) -> None:
        self._since_s = time.time() + 1.0  # until then workers may not have looked

    def _run(self, place: Path, *words: str) -> Done:
        return self._commands.run(words, place, _STEP_S)


def _said(done: Done) -> list[dict[str, Any]]:
    """The objects that a command printed."""
    found = []
    for line in done.out.splitlines():
        try:
            found.append(json.loads(line))
        except ValueError:
            continue
    return found
