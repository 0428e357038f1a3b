"""A worker process for the crash tests: real step, rows and writer; tiny index, no text encoder.

Settings come from the environment, like a real worker's.  CRASH_AT=<boundary>:<n> ends it with
kill -9 the n-th time it passes that line of the writer's crash table, FREEZE_AT freezes it there;
EVENT_LOOP chooses the event loop, STUCK_AFTER_S when it counts as dead, LEAVE_AFTER_S when it then
leaves the group.
"""

import os
import signal
import sys

from index import IndexStore
from scoring import Recommender
from streams import consumer_thread
from streams.health import STUCK_AFTER_S, Health
from streams.logs import configure_logging
from streams.metrics import StepMetrics
from streams.probes import offered
from streams.serve import serve
from streams.settings import load_settings
from streams.worker import event_plan
from streams.writer import Boundary


def crash_at(where: str, how: signal.Signals = signal.SIGKILL) -> Boundary:
    """`lists sent:3` ends (or freezes) the process the third time that boundary is passed."""
    name, _, number = where.rpartition(":")
    passed = 0

    def boundary(at: str) -> None:
        nonlocal passed
        passed += at == name
        if at == name and passed == int(number):
            os.kill(os.getpid(), how)

    return boundary


def main() -> int:
    """Serve until SIGTERM."""
    settings = load_settings()
    configure_logging(settings)
    consumer_thread.LEAVE_AFTER_S = float(
        os.environ.get("LEAVE_AFTER_S", consumer_thread.LEAVE_AFTER_S)
    )
    recommender = Recommender(IndexStore(settings.index_dir).open(), None)
    metrics = StepMetrics()
    health = Health(float(os.environ.get("STUCK_AFTER_S", STUCK_AFTER_S)))
    plan = event_plan(settings, recommender, metrics)
    crash = crash_at(os.environ.get("CRASH_AT", "nowhere:0"))
    freeze = crash_at(os.environ.get("FREEZE_AT", "nowhere:0"), signal.SIGSTOP)

    def boundary(at: str) -> None:
        crash(at)
        freeze(at)

    with offered(settings.metrics_port, settings.metrics_address, health, metrics.registry):
        return serve(
            settings,
            lambda rows: [plan(rows)],
            metrics=metrics,
            health=health,
            boundary=boundary,
            loop=os.environ.get("EVENT_LOOP", "uvloop"),
        )


if __name__ == "__main__":
    sys.exit(main())
