"""The clicks of one user, by what they may answer: an id that thousands share has thousands."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from streams.events import Click


class UserClicks:
    """By event id; those that name a list by its id, the others by their item."""

    def __init__(self) -> None:
        """Begin empty."""
        self._clicks: dict[str, Click] = {}
        self._naming: dict[str, dict[str, Click]] = {}
        self._of_item: dict[str, dict[str, Click]] = {}

    def __len__(self) -> int:
        """Number of clicks."""
        return len(self._clicks)

    def get(self, event_id: str) -> Click | None:
        """The click of that id."""
        return self._clicks.get(event_id)

    def put(self, click: Click) -> None:
        """Keep one, in place of that of its id."""
        self.drop(click.event_id)
        self._clicks[click.event_id] = click
        shelves, name = self._shelf(click)
        shelves.setdefault(name, {})[click.event_id] = click

    def drop(self, event_id: str) -> None:
        """Keep it no longer, if it was there."""
        click = self._clicks.pop(event_id, None)
        if click is None:
            return
        shelves, name = self._shelf(click)
        del shelves[name][event_id]
        if not shelves[name]:
            del shelves[name]

    def that_may_answer(self, recommendation_id: str, items: Iterable[str]) -> Iterator[Click]:
        """Those that name the list, or no list and one of its items; each once, in any order."""
        yield from self._naming.get(recommendation_id, {}).values()
        for item in items:
            yield from self._of_item.get(item, {}).values()

    def _shelf(self, click: Click) -> tuple[dict[str, dict[str, Click]], str]:
        if click.recommendation_id is not None:
            return self._naming, click.recommendation_id
        return self._of_item, click.item_id or ""
