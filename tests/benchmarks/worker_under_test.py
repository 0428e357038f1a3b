"""A rillstream worker around the reference work, for the throughput benchmark and the crash tests."""

import argparse
import logging
import os
import signal
import sys
from pathlib import Path

from streams.serve import Work, serve
from streams.settings import Settings
from streams.writer import Boundary
from tests.benchmarks.reference_work import ReferenceWork


def kill_at(where: str | None) -> Boundary:
    """`lists sent:3` ends the process, as kill -9 would, the third time that boundary is passed."""
    name, _, number = (where or "nowhere:0").rpartition(":")
    passed = 0

    def boundary(at: str) -> None:
        nonlocal passed
        passed += at == name
        if at == name and passed == int(number):
            os.kill(os.getpid(), signal.SIGKILL)

    return boundary


def main() -> int:
    """Serve until SIGTERM."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--broker", required=True)
    parser.add_argument("--group", required=True)
    parser.add_argument("--sources", required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--state", type=Path, required=True)
    parser.add_argument("--delivery", default="exactly_once")
    parser.add_argument("--store", default="rocksdb")
    parser.add_argument("--loop", default="uvloop")
    parser.add_argument("--session", type=float, default=10)
    parser.add_argument("--batch-max", type=int, default=512)
    parser.add_argument("--window-ms", type=float, default=5)
    parser.add_argument("--static", action="store_true")
    parser.add_argument("--kill-at")
    args = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    settings = Settings(
        bootstrap_servers=args.broker,
        app_id=args.group,
        state_dir=args.state,
        delivery=args.delivery,
        store=args.store,
        session_timeout_s=args.session,
        heartbeat_s=args.session / 4,
        batch_max=args.batch_max,
        batch_window_ms=args.window_ms,
        static_membership=args.static,
    )
    sources = args.sources.split(",")
    return serve(
        settings,
        lambda rows: [Work("events", sources, ReferenceWork(rows, args.out))],
        boundary=kill_at(args.kill_at),
        loop=args.loop,
    )


if __name__ == "__main__":
    sys.exit(main())
