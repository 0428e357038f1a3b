"""`rillstream index rebuild` for the tests of live items: with the towers of digests."""

import sys
from typing import Any

from streams.cli.main import run
from streams.encoders import Encoders
from tests.integration.live_worker import Digests


def load(self: Encoders, encoder_version: str) -> Any:
    """The tower of a version, as the tests' worker finds it."""
    return Digests.of(encoder_version)


if __name__ == "__main__":
    Encoders.load = load  # type: ignore[method-assign]
    sys.exit(run(["index", "rebuild"]))
