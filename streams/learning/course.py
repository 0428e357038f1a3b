"""Records -> answered lists -> rounds of learning; a function of the set of records, no Kafka.

The state after a round depends on the rounds alone, and these on what was closed before their ends.
So what has been learned is said by one moment: whoever joins the same records again, from far
enough back, leaves out the lists that were due before it, and goes on bit for bit. It is kept as
what had been shown by then, which another window does not move.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from scoring.online.examples import examples_of
from scoring.online.learner import OnlineLearner, Round
from streams.learning.answered_log import log_of
from streams.learning.join import AnsweredList, Join, Joinable
from streams.learning.timing import Timing
from streams.learning.watermark import Watermark
from streams.positions import Source

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Taught:
    """One round.

    Attributes:
        until_ms: Its lists were due before.
        version: Of the heads after it.
        n_lists: That were learned from.
        round: What the learner says of it.
    """

    until_ms: int
    version: str
    n_lists: int
    round: Round


class Course:
    """What waits, and what learns.

    Attributes:
        learner: What learns; another one, from the base on, for the lists of another encoder.
        learned_to_ms: Event time up to which rounds were held.
        shown_to_ms: Lists that were first shown before have been learned. A window before the
            former; after a restart with another window, what it was before.
        encoder_version: Of the lists; '' = none yet. The first one decides, then a round that has
            lists of one other encoder only.
    """

    def __init__(
        self,
        begin: Callable[[], OnlineLearner],
        timing: Timing,
        mark: Watermark,
        *,
        learner: OnlineLearner | None = None,
        learned_to_ms: int = 0,
        shown_to_ms: int | None = None,
        encoder_version: str = "",
    ) -> None:
        """Begin, or go on.

        Args:
            begin: Makes a learner that has learned nothing yet.
            timing: Of the join and of the rounds.
            mark: New.
            learner: As it was at `learned_to_ms`; None = a new one.
            learned_to_ms: Of an earlier course.
            shown_to_ms: Likewise; None = a window before that moment.
            encoder_version: Likewise.
        """
        self.learner = learner or begin()
        self._begin = begin
        self.join = Join(timing.window_ms)
        self.counts = Counter[str]()
        self.learned_to_ms = learned_to_ms
        self._window_ms = timing.window_ms
        self.shown_to_ms = self._shown_by(learned_to_ms) if shown_to_ms is None else shown_to_ms
        self.encoder_version = encoder_version
        self._every_ms = timing.every_ms
        self._mark = mark

    @property
    def horizon_ms(self) -> int:
        """Nothing older is needed to go on from here."""
        return self.join.horizon_ms

    def observe(self, source: Source, record: Joinable, at_ms: int, sent_ms: int) -> None:
        """A record was read.

        Args:
            source: Where.
            record: What.
            at_ms: Its event time.
            sent_ms: Its message's timestamp.
        """
        self._mark.observe(source, at_ms, sent_ms)
        self.join.observe(record)

    def advance(self) -> list[Taught]:
        """Hold the rounds whose time has come."""
        mark = self._mark.at_ms
        if mark is None:
            return []
        until_ms = mark // self._every_ms * self._every_ms
        rounds: dict[int, list[AnsweredList]] = {}
        for each in self.join.close(until_ms):
            if self._shown_by(each.due_ms) >= self.shown_to_ms:
                rounds.setdefault(each.due_ms // self._every_ms, []).append(each)
        taught = [self._teach(lists, number) for number, lists in sorted(rounds.items())]
        self.learned_to_ms = max(self.learned_to_ms, until_ms)
        self.shown_to_ms = max(self.shown_to_ms, self._shown_by(until_ms))
        return [each for each in taught if each is not None]

    def _shown_by(self, due_ms: int) -> int:
        """When what is due at a moment was first shown."""
        return due_ms - self._window_ms

    def _teach(self, lists: Sequence[AnsweredList], number: int) -> Taught | None:
        readable = [each for each in lists if self._is_readable(each)]
        self._follow_encoder({each.made.encoder_version for each in readable})
        fitting = [each for each in readable if self._fits(each)]
        if not fitting:
            return None
        heads = self.learner.base
        rows = examples_of(log_of(fitting, heads.features), heads)
        held = self.learner.learn(rows)
        version = self.learner.heads.version
        return Taught((number + 1) * self._every_ms, version, len(fitting), held)

    def _is_readable(self, answered: AnsweredList) -> bool:
        """Rows of other columns mean something else."""
        base, made = self.learner.base, answered.made
        is_readable = (made.features_version, made.width) == (
            base.features_version,
            len(base.features),
        )
        self.counts["other_features"] += not is_readable
        return is_readable

    def _follow_encoder(self, encoders: set[str]) -> None:
        """Begin anew where all lists of a round are of one other encoder.

        While workers change encoders, a round has lists of both. Workers take heads that were
        learned from lists of their own encoder: to go on with the old one is to learn no more.
        """
        if not self.encoder_version or len(encoders) != 1 or "" in encoders:
            return
        (encoder,) = encoders
        if encoder != self.encoder_version:
            log.warning(
                "lists are made with another encoder: learning begins anew with the base",
                encoder=encoder,
                before=self.encoder_version,
            )
            self.learner, self.encoder_version = self._begin(), encoder

    def _fits(self, answered: AnsweredList) -> bool:
        """Another encoder's cosines mean something else, too."""
        encoder = answered.made.encoder_version
        if encoder != (self.encoder_version or encoder):
            self.counts["other_encoder"] += 1
            return False
        self.encoder_version = encoder
        return True
