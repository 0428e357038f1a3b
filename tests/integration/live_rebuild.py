"""`rillstream index rebuild` for the tests of live items: with the tower of digests."""

import sys
from pathlib import Path

import scoring.encoder
from streams.cli.main import run
from tests.integration.live_worker import DIM, Digests


def identify(source: str | Path | None = None, *, max_tokens: int | None = None) -> tuple[str, int]:
    """Version and width of the tower, whatever the settings say."""
    return Digests.version, DIM


if __name__ == "__main__":
    scoring.encoder.identify = identify
    sys.exit(run(["index", "rebuild"]))
