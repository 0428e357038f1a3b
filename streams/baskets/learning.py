"""Files of events -> a saved ranker: replayed, asked, learned, measured on the newest baskets."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from itertools import pairwise
from pathlib import Path
from typing import Final

import msgspec
import numpy as np

from index import IndexStore, Snapshot
from scoring import Policy, Recommender
from scoring.errors import RowsError
from scoring.joined_log_file import read_joined_log
from scoring.ranker.features import FEATURES
from scoring.ranker.heads import Heads
from scoring.ranker.knowledge import Knowledge
from scoring.ranker.learning import BOUGHT
from scoring.ranker.lists import Lists, Question, lists_of
from scoring.ranker.measuring import TOP, measures
from scoring.ranker.network import HeadsNetwork
from scoring.ranker.ranker import Ranker
from scoring.ranker.recipe import RankerRecipe
from scoring.ranker.room import require_room
from scoring.ranker.sales import DAY_MS
from scoring.ranker.shown import Shown
from scoring.ranker.stages import Stages
from scoring.ranker.teaching import taught
from scoring.training.rows import Reading
from streams.baskets.baskets import baskets_of, sales_of
from streams.baskets.replay import Replay
from streams.events import Click, Search
from streams.files import BadRow
from streams.past_rows import past_events

_ROWS_AT_ONCE: Final = 65_536

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Learned:
    """What came of it.

    Attributes:
        ranker: Taught on all periods, its tables of everything.
        measures: Task -> measure -> value: of heads taught on the periods before the last, whose
            lists they were measured on.
        notes: How it came about.
    """

    ranker: Ranker
    measures: Mapping[str, Mapping[str, float]]
    notes: Mapping[str, str]


class RankerTraining:
    """One log, read once."""

    def __init__(
        self,
        recipe: RankerRecipe,
        folder: Path,
        reading: Reading,
        progress: Progress = lambda stage, done, total: None,
        files: Sequence[Path] | None = None,
    ) -> None:
        """Read events and open the index.

        Args:
            recipe: What and how.
            folder: Of its files.
            reading: Notes bad rows.
            progress: Called with (stage, done, of how many).
            files: Events instead of the recipe's.

        Raises:
            RankerError: The recipe's heads would be too large for a message.
            RowsError: A bad row, where they are not skipped; nothing was bought.
            BadFileError: No such file, or one that is not in the order of time.
            IndexError_: There is no index.
        """
        require_room(recipe.network, from_shown=bool(recipe.joined))
        self._recipe = recipe
        self._files = [*(files or [folder / name for name in recipe.events])]
        self._folder = folder
        self._reading = reading
        self._progress = progress
        self.events = read_events(self._files, reading, progress)
        self._baskets = baskets_of(self.events)
        if not self._baskets:
            raise RowsError(
                f"of {len(self.events):,} events none is a purchase, and a ranker learns from "
                "baskets: add purchases to the files; for a shop without any, rillstream policy "
                "tune finds weights by its clicks"
            )
        self._snapshot: Snapshot = IndexStore(folder / recipe.index).open()
        self._sales = sales_of(list(self._baskets.values()))
        self._rng = np.random.default_rng(recipe.seed)

    @property
    def last_ms(self) -> int:
        """Moment of the newest event."""
        return self.events[-1].at_ms

    def identity(self) -> dict[str, object]:
        """What this training is made from, wherever it lies: of others, no stage is taken."""
        joined = [self._folder / name for name in self._recipe.joined]
        return {
            "recipe": msgspec.to_builtins(self._recipe),
            "files": [_digest(file) for file in (*self._files, *joined)],
            "index": self._snapshot.version,
            "version": version("rillstream"),
        }

    def learn(self, stages: Stages) -> Learned:
        """Teach, measure on the last period, teach on all.

        Args:
            stages: What an earlier call has come to, if it was killed.

        Raises:
            RowsError: Too few baskets.
            CheckpointError: A stage is damaged.
        """
        recipe = self._recipe
        shown = self._shown()  # first: a bad row is to be told before hours of replaying
        lists = stages.lists(self.periods)
        *earlier, last = lists
        first, _ = stages.taught("first", self._rng, lambda: self._taught(earlier, shown, 0))
        found = measured(first, last)
        heads, groups = stages.taught("all", self._rng, lambda: self._taught(lists, shown, 1))
        found[BOUGHT] |= groups
        self._progress("tables of all", 0, 1)
        knowledge = Knowledge.learn(self._sales, self.last_ms + 1, recipe.knowledge, recipe.seed)
        self._progress("tables of all", 1, 1)
        notes = {
            "events": f"{len(self.events):,}",
            "baskets asked": f"{sum(len(part) for part in lists):,}",
            "items with tables": f"{len(knowledge.tables.item_ids):,}",
            "customers in the sample": f"{len(knowledge.customers.digests):,}",
            "rows of shown lists": "none" if shown is None else f"{len(shown.features):,}",
            "newest event (ms)": str(self.last_ms),
            "measured on": f"{len(last):,} lists of the last of {recipe.lists.periods} periods, by "
            "heads that had not learned from it",
        }
        return Learned(Ranker(heads, knowledge), found, notes)

    def periods(self) -> list[Lists]:
        """Lists of the baskets that the recipe asks for, as `lists` has them.

        Raises:
            RowsError: Too few baskets.
        """
        asked, end = self._recipe.lists, self.last_ms + 1
        edges = np.linspace(end - asked.days * DAY_MS, end, asked.periods + 1)
        return self.lists(edges.astype(np.int64).tolist())

    def lists(self, edges: Sequence[int], ranker: Ranker | None = None) -> list[Lists]:
        """Lists of the baskets between these moments, one `Lists` a period, all candidates kept.

        Args:
            edges: Ascending.
            ranker: Whose knowledge is asked; None = what is learned from before each period.

        Raises:
            RowsError: In a period nothing was bought, or nothing before it.
        """
        recipe, catalogue = self._recipe, self._snapshot.catalogue
        policy = Policy(
            slate_size=TOP,
            candidates=recipe.lists.candidates,
            quotas=recipe.lists.quotas,
            just_seen_window_ms=0,
        )
        replay = Replay(self.events, self._baskets, catalogue)
        done = lambda place, total: self._progress("replaying events", place, total)  # noqa: E731
        replay.run(edges[0], None, progress=done)
        found = []
        for number, (start, end) in enumerate(pairwise(edges)):
            using = ranker or self._unlearned(start, number)
            asked: list[Lists] = []
            ranking = Recommender(
                self._snapshot, None, policy=policy, ranker=using, shop=replay.shop
            )

            def ask(questions: Sequence[Question], ranking: Recommender = ranking) -> None:
                gathered = ranking.gather([question.request for question in questions])
                asked.append(lists_of(questions, gathered, catalogue))  # noqa: B023 - called here

            half = np.random.default_rng((recipe.seed, number))
            replay.run(end, ask, half_given=half, progress=done)
            if not asked or not any(part.wanted.any() for part in asked):
                nothing = "nothing that could be listed was bought"
                if ranker is not None:
                    raise RowsError(
                        f"{nothing} after the last event that the ranker has learned from: take a "
                        "log that goes on, with purchases of items of the index"
                    )
                raise RowsError(
                    f"{nothing} in period {number + 1} of {len(edges) - 1}: use fewer periods, or "
                    "fewer days"
                )
            found.append(Lists.joined(asked))
        return found

    def _unlearned(self, before_ms: int, number: int) -> Ranker:
        """What was known before a moment, with heads that score nothing yet."""
        total = self._recipe.lists.periods
        self._progress("tables of items", number, total)
        if not len(self._sales.between(0, before_ms).items):
            days = (self.last_ms - before_ms) / DAY_MS
            raise RowsError(
                f"nothing was bought before period {number + 1} of {total}, which begins "
                f"{days:.0f} days before the last event: fewer days in [lists], or an older log"
            )
        recipe = self._recipe
        knowledge = Knowledge.learn(self._sales, before_ms, recipe.knowledge, recipe.seed)
        self._progress("tables of items", number + 1, total)
        nothing = HeadsNetwork(len(FEATURES), 1, n_hidden=0)
        return Ranker(Heads.of(FEATURES, (BOUGHT,), nothing), knowledge)

    def _shown(self) -> Shown | None:
        if not self._recipe.joined:
            return None
        files = [self._folder / name for name in self._recipe.joined]
        return Shown.of(read_joined_log(files, reading=self._reading), self._recipe.looked)

    def _taught(
        self, periods: Sequence[Lists], shown: Shown | None, number: int
    ) -> tuple[Heads, dict[str, float]]:
        return taught(
            Lists.joined([part.thinned(self._rng) for part in periods]),
            shown,
            self._recipe.network,
            self._recipe.seed,
            self._rng,
            lambda done, total: self._progress(f"learning {number + 1} of 2", done, total),
        )


def _digest(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def measured(heads: Heads, lists: Lists) -> dict[str, dict[str, float]]:
    """Of lists with all candidates, by task."""
    codes = np.zeros(_ROWS_AT_ONCE, np.int64)  # what is bought reads no vectors of items
    found = []
    for start in range(0, len(lists.features), _ROWS_AT_ONCE):
        part = lists.features[start : start + _ROWS_AT_ONCE].astype(np.float32)
        found.append(heads.score(part, codes[: len(part)])[:, heads.tasks.index(BOUGHT)])
    chances = np.concatenate(found)
    return {BOUGHT: measures(lists, chances, chances)}


def read_events(
    files: Sequence[Path], reading: Reading, progress: Progress = lambda stage, done, total: None
) -> list[Click | Search]:
    """Clicks and searches in order of time, returns among them; other records have no place here.

    Raises:
        RowsError: A bad row, where they are not skipped.
        BadFileError: An event comes after a newer one.
    """
    found: list[Click | Search] = []
    for number, row in enumerate(past_events(files)):
        if isinstance(row, BadRow):
            reading.refuse(f"{row.path}:{row.line}", row.reason)
        elif row is None:
            reading.n_left_out += 1
        else:
            found.append(row)
        if number % 10_000 == 0:
            progress("reading events", number, 0)
    return found
