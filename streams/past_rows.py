"""Files of events -> the rows and counts that a worker would hold, event by event. No Kafka."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from index import Catalogue
from streams.decision import Attributes, attributes_at
from streams.errors import BadFileError
from streams.events import Click, Search
from streams.files import BadRow, in_time_order
from streams.row import Source, UserRow
from streams.shop_counting import Counted, counted

_FILES = "files:0"


def known_in(catalogue: Catalogue) -> Callable[[str], Attributes]:
    """Item -> its category, brand and price in a catalogue."""
    return lambda item_id: attributes_at(catalogue, catalogue.position(item_id))


class PastRows:
    """`UserRow`s as they are after the events taken so far."""

    def __init__(self, attributes: Callable[[str], Attributes]) -> None:
        """Nothing has happened yet.

        Args:
            attributes: Of `known_in`.
        """
        self._attributes = attributes
        self._rows: dict[str, UserRow] = {}
        self._n_taken = 0

    def of(self, user_id: str) -> UserRow:
        """The user's row; an empty one of who has done nothing yet."""
        return self._rows.get(user_id) or UserRow.empty()

    def take(self, event: Click | Search) -> Counted | None:
        """Fold the next event in the order of time into its user's row.

        Returns:
            What it adds to the counts of the shop; None = nothing.
        """
        self._n_taken += 1
        source = Source(_FILES, self._n_taken)
        row = self.of(event.user_id)
        if isinstance(event, Search):
            self._rows[event.user_id] = row.observe_search(event, source)
            return None
        added = counted(event, source, row)
        self._rows[event.user_id] = self.observed(row, event, source)
        return added

    def observed(self, row: UserRow, click: Click, source: Source) -> UserRow:
        """A row with a click; the rows held here stay as they are."""
        category, brand, price = self._attributes(click.item_id or "")
        return row.observe_click(click, source, category=category, brand=brand, price=price)


def past_events(files: Sequence[Path]) -> Iterator[Click | Search | BadRow | None]:
    """Clicks and searches of several files in order of time; None for each record of another kind.

    Raises:
        BadFileError: A file is missing or unreadable, or an event comes after a newer one.
    """
    newest_ms = -1
    for row in in_time_order(files):
        if isinstance(row, BadRow):
            yield row
        elif not isinstance(row, Click | Search):
            yield None
        else:
            if row.at_ms < newest_ms:
                raise BadFileError(
                    f"event {row.event_id} is older than the one before it: sort the files by "
                    "at_ms, for what came before what decides what was known"
                )
            newest_ms = row.at_ms
            yield row
