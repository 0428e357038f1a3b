"""`rillstream worker` as a process of the tests."""

import sys

from streams.cli.main import run

if __name__ == "__main__":
    sys.exit(run(["worker"]))
