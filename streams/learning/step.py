"""runs of decisions, impressions and clicks -> rounds of learning -> heads, state and positions.

Nothing is sent before a round has ended; then one transaction has the new heads, the learner's
whole state, and how far was read, with from where to read again beside it. Crash table in
docs/learning.md.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol

import structlog
import torch

from scoring.errors import RankerError
from scoring.online.examples import Examples
from scoring.online.learner import OnlineLearner
from scoring.online.settings import OnlineSettings
from scoring.online.state import from_bytes, to_bytes
from scoring.ranker.heads import Heads
from streams.errors import RejectedError, SettingsError
from streams.learning import checkpoint
from streams.learning.course import Course, Taught
from streams.learning.model_versions import heads_record
from streams.learning.reading import decode_joinable, moment_of
from streams.learning.reread import Reread
from streams.learning.timing import Timing
from streams.learning.watermark import IDLE_S, Watermark
from streams.outbox import Letter, Outbox
from streams.positions import Source
from streams.runs import Claim, Run
from streams.step import Rows, letter

log = structlog.get_logger(__name__)

_MOST_LETTERS: Final = 1_000
"""Dead letters that wait for a round to end."""


class KeptRows(Rows, Protocol):
    """Where the state is kept; `streams.table.RowTable` is one."""

    @property
    def assigned(self) -> frozenset[int]:
        """Partitions whose rows are here."""


@dataclass(frozen=True, slots=True)
class LearnedTopics:
    """Names of the topics.

    Attributes:
        lettered: Of those read, whose unreadable messages nobody else puts aside.
    """

    decisions: str
    impressions: str
    clicks: str
    model_versions: str
    partitions: int
    lettered: frozenset[str]

    @property
    def sources(self) -> list[Source]:
        """All partitions that are read."""
        names = (self.decisions, self.impressions, self.clicks)
        return [(name, partition) for name in names for partition in range(self.partitions)]


@dataclass(frozen=True, slots=True)
class Learning:
    """What learns, and how.

    Attributes:
        base: Heads to begin with.
        settings: Of the learner.
        timing: Of the join and of the rounds.
        past: Rows from before, which replay begins with.
        idle_s: See `Watermark`.
        pause_s: Between two checkpoints at least, while a backlog is read; each has all the state.
        max_bytes: Longer impressions and clicks are refused unread.
        threads: Of a step; another number may give other last bits.
    """

    base: Heads
    settings: OnlineSettings
    timing: Timing
    past: Examples | None = None
    idle_s: float = IDLE_S
    pause_s: float = 1.0
    max_bytes: int = 65_536
    threads: int = 1


@dataclass(slots=True)
class _Life:
    """From one claim of the partitions to the next."""

    claim: Claim
    course: Course
    stood: dict[Source, int]
    version: str
    ends: dict[Source, int] = field(default_factory=dict)
    reread: dict[Source, Reread] = field(default_factory=dict)
    letters: list[Letter] = field(default_factory=list)
    settled_ms: int = -1
    moved: bool = False
    checkpoint_s: float = 0.0


class LearningStep:
    """Called in the lane's thread, batch by batch."""

    def __init__(
        self,
        learning: Learning,
        topics: LearnedTopics,
        rows: KeptRows,
        stood: Callable[[], Mapping[Source, int | None]],
        report: Callable[[Taught, Course], None],
        watch: Callable[[Course], None] = lambda course: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Connect the parts.

        Args:
            learning: What learns.
            topics: What is read and written.
            rows: Where the state is kept.
            stood: The group's committed positions, asked at the beginning of a claim.
            report: Told each round, and the course.
            watch: Told the course after each batch.
            clock: Seconds.
        """
        self._learning = learning
        self._topics = topics
        self._rows = rows
        self._stood = stood
        self._report = report
        self._watch = watch
        self._clock = clock
        self._kinds = {
            topics.decisions: "decisions",
            topics.impressions: "impressions",
            topics.clicks: "clicks",
        }
        self._life: _Life | None = None
        self._held: Claim | None = None

    def __call__(self, runs: Sequence[Run], claim: Claim) -> Outbox:
        """One batch."""
        outbox = Outbox(claim)
        if self._held is claim:
            return outbox
        life = self._life
        if life is None or life.claim is not claim:
            life = self._life = self._begin(claim)
            if life is None:
                self._held = claim
                return outbox
        for run in runs:
            self._read(run, life)
        for taught in life.course.advance():
            life.moved |= taught.round.moved
            self._report(taught, life.course)
        self._watch(life.course)
        if self._is_due(life):
            self._settle(life, outbox)
        return outbox

    def _begin(self, claim: Claim) -> _Life | None:
        """Go on from the last checkpoint; None while another learner has some of the partitions.

        Raises:
            SettingsError: Another learner has the first partition.
        """
        mine = self._rows.assigned
        if len(mine) < self._topics.partitions:
            if checkpoint.PARTITION not in mine:
                raise SettingsError(
                    f"another learner has {self._topics.partitions - len(mine)} of "
                    f"{self._topics.partitions} partitions: one learner learns, stop the other"
                )
            log.warning("another learner has partitions, nothing is learned until it ends")
            return None
        course = self._course()
        stood = {source: at for source, at in self._stood().items() if at is not None}
        log.info(
            "learning",
            base=course.learner.base.version,
            heads=course.learner.heads.version,
            learned_to_ms=course.learned_to_ms,
            rows=course.learner.n_rows,
            window_s=self._learning.timing.window_ms / 1000,
        )
        return _Life(claim, course, stood, course.learner.heads.version)

    def _course(self) -> Course:
        learning = self._learning
        torch.set_num_threads(learning.threads)  # it holds for the thread that says it
        mark = Watermark(self._topics.sources, learning.timing.lateness_ms, idle_s=learning.idle_s)
        kept = checkpoint.read(self._rows)
        if kept is None:
            return Course(self._new_learner, learning.timing, mark)
        facts, state = kept
        restored = from_bytes(state, learning.base, learning.settings)
        if restored is None:
            log.warning("another ranker: learning begins anew with it", base=learning.base.version)
        return Course(
            self._new_learner,
            learning.timing,
            mark,
            learner=restored,
            learned_to_ms=facts.learned_to_ms,
            shown_to_ms=facts.shown_to_ms,
            encoder_version=facts.encoder_version if restored else "",
        )

    def _new_learner(self) -> OnlineLearner:
        learner = OnlineLearner(self._learning.base, self._learning.settings)
        if self._learning.past is not None:
            learner.replay.add(self._learning.past)
        return learner

    def _read(self, run: Run, life: _Life) -> None:
        life.stood.setdefault(run.source, run.begin)
        newest_ms = -1
        for record in run.records:
            try:
                found = decode_joinable(
                    self._kinds[run.topic],
                    record.key,
                    record.value,
                    max_bytes=self._learning.max_bytes,
                )
            except RejectedError as error:
                life.course.counts["unreadable"] += 1
                # What is read again after a restart has been put aside before.
                if run.topic in self._topics.lettered and record.offset >= life.stood[run.source]:
                    life.letters.append(letter(record, run, error))
                continue
            at_ms = moment_of(found)
            newest_ms = max(newest_ms, at_ms)
            life.course.observe(run.source, found, at_ms, record.timestamp)
        life.reread.setdefault(run.source, Reread()).note(run.begin, newest_ms)
        life.ends[run.source] = run.end

    def _is_due(self, life: _Life) -> bool:
        """Whether a round has ended since; what an earlier life did is not written once more.

        Where nothing can be read no round ends, and what is put aside must not wait for one.
        """
        return (
            (life.course.join.closed_ms > life.settled_ms or len(life.letters) >= _MOST_LETTERS)
            and (life.moved or any(end > life.stood[at] for at, end in life.ends.items()))
            and self._clock() - life.checkpoint_s >= self._learning.pause_s
        )

    def _settle(self, life: _Life, outbox: Outbox) -> None:
        """Everything so far is to be durable with this batch."""
        course = life.course
        for source, end in life.ends.items():
            begin = life.stood[source]
            life.stood[source] = max(begin, end)
            outbox.reached[source] = (begin, life.stood[source])
            outbox.notes[source] = str(life.reread[source].start(course.horizon_ms, end))
        outbox.letters, life.letters = life.letters, []
        state = to_bytes(course.learner)
        outbox.rows[checkpoint.PARTITION] = checkpoint.rows_of(
            course.learned_to_ms, course.shown_to_ms, course.encoder_version, state
        )
        heads = course.learner.heads
        if life.moved and heads.version != life.version:
            try:
                outbox.marked.append(
                    heads_record(
                        self._topics.model_versions,
                        heads,
                        course.learner.base,
                        course.encoder_version,
                        course.learned_to_ms,
                        life.stood,
                    )
                )
            except RankerError as error:
                raise SettingsError(f"heads cannot be published: {error}") from error
            life.version = heads.version
        life.moved = False
        life.settled_ms = course.join.closed_ms
        life.checkpoint_s = self._clock()
