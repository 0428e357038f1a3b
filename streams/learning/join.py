"""decisions + impressions + clicks -> answered lists, in event time; a function of the set of them.

A list waits from its first impression for a window, so that what comes late within it still counts;
then it is closed, and what nobody did with it are its negatives. What was never shown has none.

`close` moves the border. Whatever order records come in, with each of them before the border passes
it, the same lists come out in the same order. What comes behind it, as from a phone that was
offline, still counts in lists that are open; what is a window behind belongs to none, and is late.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import structlog

from streams.events import Click, Impression
from streams.learning.answers import ANSWERS, Answer, Shown, answers_to
from streams.learning.learned_users import LearnedUsers
from streams.learning.shown_list import MadeList
from streams.learning.user_clicks import UserClicks
from streams.learning.user_lists import UserLists
from streams.learning.waiting import Waiting

log = structlog.get_logger(__name__)

Joinable = MadeList | Impression | Click


@dataclass(frozen=True, slots=True)
class AnsweredList:
    """A list that is closed.

    Attributes:
        made: Its decision.
        seen: Its items that were shown.
        answers: Item -> what was done with it.
        due_ms: When it was closed: first impression plus window.
    """

    made: MadeList
    seen: frozenset[str]
    answers: dict[str, Answer]
    due_ms: int


class Join:
    """What waits, and counts of what became of records.

    Counts: `lists` closed; `never_shown` decisions without an impression; `no_decision` impressions
    without a decision; `late` and `duplicates` of any kind; `other_user` impressions that are not
    of their list's user; `too_far` impressions before the decision, or later than the window;
    `lost_answers` clicks that name a list and do not count, `early_answers` and `unseen_answers`
    among them; `overflow` records of users who are left out because more waits than fits.
    """

    def __init__(self, window_ms: int, *, most: int = 200_000) -> None:
        """Begin empty.

        Args:
            window_ms: From the first impression to the last answer; an impression may come so long
                after its decision, too.
            most: Decisions that wait, and impressions, and clicks. Where there are more, half of
                the users are left out, and taken in again when there is room. Of clicks the oldest
                are dropped: they are kept for longer than lists are open, and have decisions, too.
        """
        self._window_ms = window_ms
        self._most = most
        self._users = LearnedUsers()
        self._shared_ms = -1
        self.closed_ms = -1
        self.counts: Counter[str] = Counter()
        self._made: Waiting[MadeList] = Waiting(most, self._leave_out, self._lose)
        self._shown: Waiting[Shown] = Waiting(most, self._leave_out, self._lose)
        self._clicks: Waiting[Click] = Waiting(most, lambda: None, self._lose)
        self._shown_to: dict[str, UserLists] = {}
        self._clicks_of: dict[str, UserClicks] = {}
        self._used: set[tuple[str, str]] = set()

    @property
    def n_waiting(self) -> int:
        """Records that are kept."""
        return len(self._made) + len(self._shown) + len(self._clicks)

    @property
    def n_shown(self) -> int:
        """Lists that are open."""
        return len(self._shown)

    @property
    def horizon_ms(self) -> int:
        """Nothing older can be part of a list that is still open, or have taken an answer from it.

        A click on an open list may have answered one that was shown a window before it; that one
        was made a window before it was shown.
        """
        return self.closed_ms - 3 * self._window_ms

    def observe(self, record: Joinable) -> None:
        """Take one record; a repeated one changes nothing."""
        match record:
            case MadeList():
                self._observe_decision(record)
            case Impression():
                self._observe_impression(record)
            case Click() if record.type in ANSWERS:
                self._observe_click(record)

    def close(self, through_ms: int) -> list[AnsweredList]:
        """Lists that are due before that moment, by `(due_ms, recommendation_id)`.

        Args:
            through_ms: The new border; nothing happens where it is not ahead of the old one.
        """
        closed: list[AnsweredList] = []
        if through_ms <= self.closed_ms:
            return closed
        while (due := self._shown.oldest_before(through_ms - self._window_ms)) is not None:
            # What came later of the same list finds it closed, whenever it was read.
            shown, late = due.parted(due.at_ms + self._window_ms)
            if (answered := self._answered(shown)) is not None:
                closed.append(answered)
            self._forget_shown(shown)
            if late is not None:
                self._keep(late)
        self.closed_ms = through_ms
        for made in self._made.before(through_ms - self._window_ms):
            if made.recommendation_id in self._shown_to.get(made.user_id, ()):
                self._made.put((made.recommendation_id,), made.moment_ms + self._window_ms, made)
            else:
                self.counts["never_shown"] += 1
        for click in self._clicks.before(self.horizon_ms):
            self._forget_click(click)
        self._take_in()
        return closed

    def _observe_decision(self, made: MadeList) -> None:
        if made.shadow or not made.items or self._is_out(made.user_id, made.moment_ms):
            return
        known = self._made.get((made.recommendation_id,))
        if known is not None:
            self.counts["duplicates"] += 1
            made = min(known, made, key=lambda each: (each.moment_ms, each.at_ms, each.items))
        self._made.put((made.recommendation_id,), made.moment_ms, made)

    def _observe_impression(self, impression: Impression) -> None:
        if self._is_out(impression.user_id, impression.at_ms):
            return
        name, user = impression.recommendation_id, impression.user_id
        of_user = self._shown_to.get(user, UserLists())
        shown = of_user.get(name) or Shown(name, user, {})
        self.counts["duplicates"] += shown.items.keys() >= set(impression.item_ids)
        self._keep(shown.also(impression.item_ids, impression.at_ms))

    def _observe_click(self, click: Click) -> None:
        if self._is_out(click.user_id, click.at_ms):
            return
        of_user = self._clicks_of.setdefault(click.user_id, UserClicks())
        if (known := of_user.get(click.event_id)) is not None:
            self.counts["duplicates"] += 1
            click = min(known, click, key=lambda each: (each.at_ms, each.type, str(each.item_id)))
        of_user.put(click)
        self._clicks.put((click.event_id, click.user_id), click.at_ms, click)

    def _answered(self, shown: Shown) -> AnsweredList | None:
        made = self._made.get((shown.recommendation_id,))
        if made is None:
            self.counts["no_decision"] += 1
            return None
        if made.user_id != shown.user_id:
            self.counts["other_user"] += 1
            return None
        if not made.moment_ms <= shown.at_ms <= made.moment_ms + self._window_ms:
            self.counts["too_far"] += 1
            return None
        self._made.drop((shown.recommendation_id,))
        clicks = self._clicks_of.get(shown.user_id, UserClicks())
        due_ms = shown.at_ms + self._window_ms
        lists = self._shown_to[shown.user_id]
        may = (
            click  # one click is one answer, also where the list that it answered is gone
            for click in clicks.that_may_answer(shown.recommendation_id, shown.items)
            if (shown.user_id, click.event_id) not in self._used
        )
        found = answers_to(shown, made.moment_ms, due_ms, may, lists.showed_last)
        self._used.update((shown.user_id, event_id) for event_id in found.used)
        self.counts["lists"] += 1
        self.counts["early_answers"] += found.n_early
        self.counts["unseen_answers"] += found.n_unseen
        seen = frozenset(shown.items.keys() & set(made.items))
        answers = {item: each for item, each in found.by_item.items() if item in seen}
        return AnsweredList(made, seen, answers, due_ms)

    def _keep(self, shown: Shown) -> None:
        self._shown_to.setdefault(shown.user_id, UserLists()).put(shown)
        self._shown.put((shown.recommendation_id, shown.user_id), shown.at_ms, shown)

    def _is_out(self, user_id: str, at_ms: int) -> bool:
        late = at_ms < self.closed_ms - self._window_ms
        over = not late and user_id not in self._users
        self.counts["late"] += late
        self.counts["overflow"] += over
        return late or over

    def _forget_shown(self, shown: Shown) -> None:
        of_user = self._shown_to[shown.user_id]
        of_user.drop(shown.recommendation_id)
        if not len(of_user):
            del self._shown_to[shown.user_id]

    def _forget_click(self, click: Click) -> None:
        of_user = self._clicks_of[click.user_id]
        of_user.drop(click.event_id)
        if not len(of_user):
            del self._clicks_of[click.user_id]
        used = (click.user_id, click.event_id)
        if used in self._used:
            self._used.remove(used)
        elif click.recommendation_id is not None:
            self.counts["lost_answers"] += 1

    def _leave_out(self) -> None:
        """Half of the users, with all that waits of them."""
        if not self._users.halve():
            return
        self._shared_ms = self.closed_ms
        waiting: tuple[Waiting[Any], ...] = (self._made, self._shown, self._clicks)
        for each in waiting:
            for record in each.without(self._users):
                self._lose(record)
        log.warning("more waits than fits, users are left out", learned_share=self._users.share)

    def _take_in(self) -> None:
        """Twice as many users, where these have needed a quarter of the room for two windows."""
        fits = max(len(self._made), len(self._shown)) * 4 < self._most
        settled = self.closed_ms - self._shared_ms > 2 * self._window_ms
        if fits and settled and self._users.share < 1:
            self._users.double()
            self._shared_ms = self.closed_ms
            log.info("users are taken in again", learned_share=self._users.share)

    def _lose(self, record: MadeList | Shown | Click) -> None:
        self.counts["overflow"] += 1
        if isinstance(record, Shown):
            self._forget_shown(record)
        elif isinstance(record, Click):
            self._forget_click(record)
