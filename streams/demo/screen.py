"""What the demo shows: a live view on a terminal, one line a list elsewhere."""

from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Protocol, Self

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.text import Text

from streams.demo.ledger import Arrival, Event, Ledger
from streams.events import Search

VERBS = {
    "visit": "visited the shop",
    "view": "looked at",
    "click": "clicked on",
    "cart": "put in the cart",
    "purchase": "bought",
    "return": "returned",
    "favorite": "likes",
    "share": "shared",
    "review": "reviewed",
    "rating": "rated",
}
ITEMS_SHOWN = 4
LINES_A_LIST = ITEMS_SHOWN + 2


class Screen(Protocol):
    """Where lists are shown as they arrive."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...
    def show(self, arrival: Arrival) -> None:
        """Show a list."""

    def refresh(self, ledger: Ledger) -> None:
        """Show the figures; called a few times a second."""


class LiveScreen:
    """The newest lists and the running figures, redrawn in place."""

    def __init__(self, console: Console, titles: Mapping[str, str], headline: str) -> None:
        self._console = console
        self._titles = titles
        self._headline = headline
        self._newest: deque[Arrival] = deque(maxlen=12)
        self._live = Live(console=console, auto_refresh=False, vertical_overflow="crop")

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def show(self, arrival: Arrival) -> None:
        """Put a list on top of the others."""
        self._newest.appendleft(arrival)

    def refresh(self, ledger: Ledger) -> None:
        """Redraw everything."""
        fits = max(1, (self._console.height - 6) // LINES_A_LIST)
        lists = [self._list(arrival) for arrival in list(self._newest)[:fits]]
        head = Panel(Text(f"{self._headline}\n{figures(ledger)}"), title="rillstream demo")
        self._live.update(Group(head, *lists), refresh=True)

    def _list(self, arrival: Arrival) -> Text:
        event = arrival.event
        text = Text(no_wrap=True, overflow="ellipsis")
        text.append(f"{_clock(event.at_ms)}  ", style="dim")
        text.append(event.user_id, style="bold cyan")
        text.append(f" {what(event, self._titles)}", style="bold")
        text.append(f"  {arrival.latency_ms:.0f} ms\n", style="green")
        for item in arrival.recommendation.items[:ITEMS_SHOWN]:
            text.append(f"  {item.rank}. {self._titles.get(item.item_id, item.item_id)}")
            text.append(f"  {item.reason}\n", style="dim")
        return text


class LineScreen:
    """One line a list, for logs and pipes."""

    def __init__(self, console: Console, titles: Mapping[str, str]) -> None:
        self._console = console
        self._titles = titles

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def show(self, arrival: Arrival) -> None:
        """Print a list with its first items."""
        event = arrival.event
        items = "; ".join(
            f"{self._titles.get(item.item_id, item.item_id)} ({item.reason})"
            for item in arrival.recommendation.items[:2]
        )
        line = (
            f"{event.user_id} {what(event, self._titles)} -> {items}  [{arrival.latency_ms:.0f} ms]"
        )
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)

    def refresh(self, ledger: Ledger) -> None:
        """Nothing to redraw."""


def what(event: Event, titles: Mapping[str, str]) -> str:
    """Return what the user just did, in words; what was simulated says so."""
    mark = " (simulated)" if event.simulated else ""
    if isinstance(event, Search):
        return f"searched “{event.query}”{mark}"
    title = titles.get(event.item_id, event.item_id) if event.item_id else ""
    times = f" × {event.quantity}" if event.quantity and event.quantity > 1 else ""
    return f"{VERBS[event.type]} {title}{times}{mark}".strip()


def figures(ledger: Ledger) -> str:
    """Return the running figures in one line."""
    found = ledger.percentiles_ms()
    latency = "waiting for the first list"
    if found is not None:
        latency = "event to list p50 {:.0f} ms, p95 {:.0f} ms, p99 {:.0f} ms".format(*found)
    return (
        f"{ledger.n_clicks:,} shop events + {ledger.n_searches:,} simulated searches in, "
        f"{ledger.n_received:,} lists out; {latency}"
    )


def _clock(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%F %H:%M")
