"""A rillstream worker around the work that is measured.

`RILLSTREAM_BOOTSTRAP_SERVERS=… python -m tests.benchmarks.worker_under_test reference`
"""

import sys

from streams.logs import configure_logging
from streams.serve import serve
from streams.settings import load_settings
from tests.benchmarks.work import make_work


def main() -> int:
    """Serve until SIGTERM."""
    settings = load_settings()
    configure_logging(settings)
    plan = make_work(sys.argv[1], settings)
    return serve(settings, lambda rows: [plan(rows)])


if __name__ == "__main__":
    sys.exit(main())
