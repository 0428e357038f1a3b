"""Files of events -> the occasions of a time, each with its user's row as it was."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Literal

from scoring import Request
from scoring.ranker.past import SESSION_MS
from streams.decision import Attributes
from streams.errors import BadFileError, RejectedError
from streams.events import Click, Search
from streams.files import BadRow
from streams.filters import filter_of
from streams.occasions.occasion import GOAL_OF_TYPE, GOALS, Occasion
from streams.past_rows import PastRows, past_events
from streams.shop_counting import Counted, region_of

DAY_MS: Final = 24 * 3600 * 1000
_EVERY: Final = 10_000


@dataclass(frozen=True, slots=True)
class Span:
    """Time that is asked about.

    Attributes:
        from_ms: Occasions from this moment on.
        until_ms: Before this one.
        popularity_days: Popularity is counted in so many days before `from_ms`.
    """

    from_ms: int
    until_ms: int
    popularity_days: float = 28


@dataclass(slots=True)
class Past:
    """What was read.

    Attributes:
        occasions: In the order of their time; only those at which something was wanted.
        popularity: Item -> events before the span, returns left out.
        counted: What each event means for the counts of the shop, in order; empty unless asked for.
        n_events: How many were read.
        first_ms: Of the oldest event of the files; -1 where they have none.
        last_ms: Of the newest event before the span's end.
    """

    occasions: list[Occasion] = field(default_factory=list)
    popularity: Counter[str] = field(default_factory=Counter)
    counted: list[Counted] = field(default_factory=list)
    n_events: int = 0
    first_ms: int = -1
    last_ms: int = -1


@dataclass(slots=True)
class _Asked:
    """An occasion whose session goes on."""

    request: Request
    kind: Literal["visit", "search"]
    wanted: dict[str, set[str]] = field(default_factory=lambda: {goal: set() for goal in GOALS})


@dataclass(slots=True)
class _Session:
    latest_ms: int
    n_before: int
    country: str | None = None
    asked: list[_Asked] = field(default_factory=list)

    def occasions(self) -> Iterator[Occasion]:
        for asked in self.asked:
            wanted = {goal: frozenset(items) for goal, items in asked.wanted.items() if items}
            if wanted:
                yield Occasion(asked.request, asked.kind, wanted, self.n_before, self.country)


class Replay:
    """Folds events into rows, as a worker does, and notes what was wanted when.

    A session is what one user does under one `session_id`, or without one, with no pause of more
    than half an hour. A list is wanted at its start, before its first event, and at each search in
    it, after the search; of a search, what was wanted is what came after it.
    """

    def __init__(
        self, span: Span, attributes: Callable[[str], Attributes], *, counts: bool = False
    ) -> None:
        """Nothing was read yet.

        Args:
            span: Which occasions are kept.
            attributes: Item -> category, brand, price.
            counts: Whether the counts of the shop are wanted, too.
        """
        self._counts = counts
        self.past = Past()
        self._span = span
        self._rows = PastRows(attributes)
        self._bought: dict[str, set[str]] = {}
        self._open: dict[tuple[str, str | None], _Session] = {}
        self._n_sessions: Counter[str] = Counter()
        self._popular_from_ms = span.from_ms - span.popularity_days * DAY_MS

    def take(self, event: Click | Search) -> None:
        """The next event in the order of time."""
        self.past.n_events += 1
        self.past.last_ms = event.at_ms
        session = self._session(event)
        if isinstance(event, Click):
            self._note(event, session)
        added = self._rows.take(event)
        if self._counts and added is not None:
            self.past.counted.append(added)
        if isinstance(event, Search) and self._asks(event.at_ms):
            session.asked.append(self._asked(event, event))

    def end(self) -> Past:
        """There are no more events."""
        for session in self._open.values():
            self.past.occasions += session.occasions()
        self._open.clear()
        self.past.occasions.sort(key=lambda each: each.request.at_ms)
        return self.past

    def _session(self, event: Click | Search) -> _Session:
        key = event.user_id, event.session_id
        session = self._open.get(key)
        if session is None or event.at_ms - session.latest_ms > SESSION_MS:
            if session is not None:
                self.past.occasions += session.occasions()
            n_before = self._n_sessions[event.user_id]
            session = self._open[key] = _Session(event.at_ms, n_before)
            self._n_sessions[event.user_id] += 1
            if self._asks(event.at_ms):
                session.asked.append(self._asked(event, None))
        session.latest_ms = event.at_ms
        country = (event.context or {}).get("country")
        session.country = session.country or (None if country is None else str(country))
        return session

    def _asked(self, event: Click | Search, search: Search | None) -> _Asked:
        request = Request(
            event.user_id,
            event.at_ms,
            self._rows.of(event.user_id).history(event.at_ms),
            query=None if search is None else search.query,
            filter=None if search is None else filter_of(search.filters),
            region=region_of(event.context),
            recommendation_id=f"{event.event_id}:{'visit' if search is None else 'search'}",
        )
        return _Asked(request, "visit" if search is None else "search")

    def _note(self, click: Click, session: _Session) -> None:
        """What is done is what was wanted, of all that was asked before it in the session."""
        item_id = click.item_id
        if item_id is None:
            return
        if click.type != "return" and self._popular_from_ms <= click.at_ms < self._span.from_ms:
            self.past.popularity[item_id] += 1
        bought = self._bought.setdefault(click.user_id, set())
        goal = GOAL_OF_TYPE.get(click.type)
        for asked in session.asked:
            if goal is not None:
                asked.wanted[goal].add(item_id)
            if click.type == "purchase" and item_id not in bought:
                asked.wanted["new"].add(item_id)
        if click.type == "purchase":
            bought.add(item_id)

    def _asks(self, at_ms: int) -> bool:
        return self._span.from_ms <= at_ms < self._span.until_ms


def read_past(
    files: Sequence[Path],
    span: Span,
    attributes: Callable[[str], Attributes],
    progress: Callable[[int], None] = lambda n_events: None,
    *,
    counts: bool = False,
) -> Past:
    """Replay files of events up to the end of the span.

    Args:
        files: Clicks and searches; each should be in the order of its time.
        span: Which occasions are kept.
        attributes: Item -> category, brand, price, as the index has them.
        progress: Called now and then with the number of events read.
        counts: Whether the counts of the shop are wanted, too.

    Raises:
        BadFileError: A row is no valid record, or an event comes after a newer one.
    """
    replay = Replay(span, attributes, counts=counts)
    for event in past_events(files):
        if isinstance(event, BadRow):
            raise BadFileError(str(event))
        if event is None:
            continue
        if replay.past.first_ms < 0:
            replay.past.first_ms = event.at_ms
        if event.at_ms >= span.until_ms:
            break
        try:
            replay.take(event)
        except RejectedError as error:
            raise BadFileError(f"event {event.event_id}: {error.reason}") from None
        if replay.past.n_events % _EVERY == 0:
            progress(replay.past.n_events)
    return replay.end()
