"""A worker process for the tests of live items: the real worker, with a text tower made of digests.

Settings come from the environment.  CRASH_AT=<boundary>:<n> ends it with kill -9 the n-th time it
passes that line of a crash table.
"""

import hashlib
import os
import sys
from collections.abc import Sequence
from functools import partial

import numpy as np
from numpy.typing import NDArray

import index
from index import EncoderMismatchError
from streams.cli.exits import explain
from streams.live.rebuilds import Rebuilds
from streams.settings import load_settings
from streams.worker import run
from tests.integration.shop_worker import crash_at

DIM = 16


class Digests:
    """The vector of a text is drawn from its digest; an item's text is its title."""

    version = "digests"

    @classmethod
    def of(cls, version: str) -> "Digests":
        """The tower of a version, as a worker finds it."""
        here = {Digests, WiderDigests} - ({WiderDigests} if "ONLY_DIGESTS" in os.environ else set())
        towers = [kind for kind in here if kind.version == version]
        if not towers:
            raise EncoderMismatchError(f"no encoder {version!r} is here")
        return towers[0]()

    def item_text(self, item: index.Item) -> str:
        return item.title

    def encode_items(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return vectors_of(texts)

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return vectors_of(texts)


class WiderDigests(Digests):
    """Another encoder: other vectors, of another width."""

    version = "wider-digests"

    def encode_items(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return vectors_of([f"wide {text}" for text in texts], 2 * DIM)

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        return self.encode_items(texts)


def vectors_of(texts: Sequence[str], dim: int = DIM) -> NDArray[np.float32]:
    """(n, dim) unit vectors; equal texts have equal ones."""
    rows = np.empty((len(texts), dim), np.float32)
    for row, text in zip(rows, texts, strict=True):
        seed = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little")
        row[:] = np.random.default_rng(seed).standard_normal(dim)
    unit: NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


REBUILDS = partial(
    Rebuilds, command=[sys.executable, "-m", "tests.integration.live_rebuild"], pause_s=1.0
)

if __name__ == "__main__":
    boundary = crash_at(os.environ.get("CRASH_AT", "nowhere:0"))
    try:
        sys.exit(run(load_settings(), load_tower=Digests.of, boundary=boundary, rebuilds=REBUILDS))
    except Exception as error:
        code, line = explain(error)
        print(line, file=sys.stderr)
        sys.exit(code)
