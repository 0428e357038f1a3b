"""`rillstream demo`: embedded broker, sample shop, one worker process, lists as they arrive."""

import math
import tempfile
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path

from streams.brokers.embedded import EmbeddedBroker
from streams.cli.console import Console
from streams.cli.exits import Exit
from streams.cli.printing import print_json, remark
from streams.dead_letters import list_dead_letters
from streams.demo.ledger import Ledger
from streams.demo.replay import Replay
from streams.demo.screen import LineScreen, LiveScreen, Screen
from streams.demo.shop import sample_items
from streams.demo.shop_index import ShopIndex
from streams.demo.worker_process import WorkerEndedError, WorkerProcess
from streams.errors import RetryError
from streams.logs import configure_logging
from streams.publish import parse_speed
from streams.settings import Settings
from streams.subscribe import Subscription
from streams.topics import create_topics

SPEED_ON_A_TERMINAL = "60x"
EVENTS_WITHOUT_A_TERMINAL = 500
MOST_ON_THE_WAY = 64
READY_S = 120.0
STALLED_S = 30.0
REFRESH_S = 0.1
WORKER_HAS = {"TITLE_CAP": "1"}
"""The shop sells several items under one title: no list has the same line twice."""


class StalledError(RetryError):
    """Events are on their way, and no list has come for a while."""


@dataclass(frozen=True, slots=True)
class Summary:
    """How a demo went; times in milliseconds from an event's send to its list's receipt."""

    clicks: int
    simulated_searches: int
    lists: int
    unanswered: int
    dead_letters: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    first_list_s: float | None


class Demo:
    """One run of the demo.

    Args:
        speed: 1x, 60x, … or max; None chooses by the kind of output.
        n_events: End after so many; None chooses by the kind of output.
        as_json: Print the summary as one JSON object, and nothing else on stdout.
    """

    def __init__(self, *, speed: str | None, n_events: int | None, as_json: bool) -> None:
        self._begun_s = time.monotonic()
        self._console = Console(stderr=as_json)
        terminal = self._console.is_terminal
        chosen = parse_speed(speed or (SPEED_ON_A_TERMINAL if terminal else "max"))
        self._speed = math.inf if chosen is None else chosen
        self._n_events = n_events
        if n_events is None and not terminal:
            self._n_events = EVENTS_WITHOUT_A_TERMINAL
        self._as_json = as_json
        self._ledger = Ledger(MOST_ON_THE_WAY)
        self._first_list_s: float | None = None
        self._refreshed_s = self._moved_s = 0.0

    def run(self) -> int:
        """Run it; return the exit code."""
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="rillstream-")))
            broker = stack.enter_context(EmbeddedBroker())
            index = ShopIndex()
            # A demo is the same for everybody: settings of the user's own do not reach it.
            settings = Settings.model_construct(
                bootstrap_servers=broker.bootstrap, state_dir=folder, index_dir=index.folder
            )
            configure_logging(settings)
            create_topics(settings)
            replay = stack.enter_context(
                Replay(settings, self._ledger, speed=self._speed, limit=self._n_events)
            )
            worker = self._start_worker(settings, index, folder, stack)
            interrupted = False
            try:
                self._watch(settings, worker, replay)
            except KeyboardInterrupt:
                interrupted = True  # the way to end it: what is still on its way is not missing
                remark("Ending …")
            replay.stop()
            summary = self._summary(settings)
        self._print(summary)
        return Exit.OK if interrupted or not summary.unanswered else Exit.UNEXPECTED

    def _start_worker(
        self, settings: Settings, index: ShopIndex, folder: Path, stack: ExitStack
    ) -> WorkerProcess:
        kept = index.is_kept()
        if not kept:
            remark("Building the shop's index; it is kept for the next time.")
            index.build()
        remark("Starting a worker …")
        worker = WorkerProcess(settings, folder, WORKER_HAS)
        stack.callback(worker.stop)
        try:
            worker.wait_until_ready(READY_S)
        except WorkerEndedError as ended:
            if not kept or ended.code != Exit.FATAL:
                raise
            # The index that was kept belongs to another encoder: one more try with a new one.
            index.build()
            worker = WorkerProcess(settings, folder, WORKER_HAS)
            stack.callback(worker.stop)
            worker.wait_until_ready(READY_S)
        return worker

    def _watch(self, settings: Settings, worker: WorkerProcess, replay: Replay) -> None:
        """Show lists until the events have ended and all lists are there, or Ctrl-C."""
        titles = {item.item_id: item.title for item in sample_items()}
        screen: Screen = LineScreen(self._console, titles)
        if self._console.is_terminal:
            pace = "as fast as it goes" if math.isinf(self._speed) else f"{self._speed:g}x"
            headline = f"a gift shop of {len(titles):,} items, November 2011, {pace}"
            screen = LiveScreen(self._console, titles, headline)
        self._moved_s = time.monotonic()

        def ended() -> bool:
            self._look_after(worker, replay, screen)
            return not replay.is_alive() and self._ledger.n_waiting == 0

        with Subscription(settings, should_stop=ended) as lists, screen:
            replay.begin()
            for recommendation in lists:
                arrival = self._ledger.received(recommendation)
                if arrival is None:
                    continue
                self._moved_s = time.monotonic()
                if self._first_list_s is None:
                    self._first_list_s = self._moved_s - self._begun_s
                screen.show(arrival)

    def _look_after(self, worker: WorkerProcess, replay: Replay, screen: Screen) -> None:
        """Refresh the figures and notice what has ended or stalled; cheap when called often."""
        now = time.monotonic()
        if now - self._refreshed_s < REFRESH_S:
            return
        self._refreshed_s = now
        screen.refresh(self._ledger)
        worker.check()
        replay.raise_failure()
        if self._ledger.n_waiting == 0:
            self._moved_s = now
        elif now - self._moved_s > STALLED_S:
            raise StalledError(
                f"{self._ledger.n_waiting} events have waited {STALLED_S:g} s for their lists: "
                f"{worker.tail()}"
            )

    def _summary(self, settings: Settings) -> Summary:
        ledger = self._ledger
        p50, p95, p99 = ledger.percentiles_ms() or (None, None, None)
        return Summary(
            clicks=ledger.n_clicks,
            simulated_searches=ledger.n_searches,
            lists=ledger.n_received,
            unanswered=ledger.n_waiting,
            dead_letters=sum(1 for _ in list_dead_letters(settings)),
            p50_ms=p50,
            p95_ms=p95,
            p99_ms=p99,
            first_list_s=self._first_list_s,
        )

    def _print(self, summary: Summary) -> None:
        if self._as_json:
            print_json(asdict(summary))
        else:
            self._console.print(in_words(summary), markup=False, highlight=False)


def in_words(summary: Summary) -> str:
    """Return the summary as a person reads it."""
    lines = [
        f"events in      {summary.clicks + summary.simulated_searches:,} "
        f"({summary.clicks:,} of the shop, {summary.simulated_searches:,} simulated searches)",
        f"lists out      {summary.lists:,}",
        f"dead letters   {summary.dead_letters:,}",
    ]
    if summary.p50_ms is not None:
        lines.append(
            f"event to list  p50 {summary.p50_ms:.0f} ms, p95 {summary.p95_ms:.0f} ms, "
            f"p99 {summary.p99_ms:.0f} ms"
        )
    if summary.first_list_s is not None:
        lines.append(f"first list     after {summary.first_list_s:.1f} s")
    if summary.unanswered:
        lines.append(f"unanswered     {summary.unanswered:,} when it ended")
    return "\n".join(lines)
