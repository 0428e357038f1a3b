"""What a query and an item cost to encode with MiniLM, on one core.

    OMP_NUM_THREADS=1 taskset -c 1 python -m tests.benchmarks.bench_encoder

CPU time of the process, medians of 40 calls. `cosine` is to float32, over the queries of the table.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from typing import Final

from scoring import Encoder, load_encoder

QUERIES: Final = (
    "wireless headphones",
    "red mug",
    "christmas lights outdoor",
    "kids bike 16 inch",
    "usb c cable",
    "stainless steel water bottle 1l",
    "doormat",
    "vintage tea cup set",
)
ITEM: Final = (
    "Hand painted ceramic tea cup set with saucers and a matching pot. Acme. Kitchen. A vintage "
    "set for six persons in red and white, dishwasher safe, comes in a gift box with a card"
)


def call_ms(encoder: Encoder, texts: Sequence[str], calls: int) -> float:
    """Median CPU milliseconds of one call."""
    spent = []
    for _ in range(calls):
        begun_ns = time.process_time_ns()
        encoder.encode_queries(texts)
        spent.append((time.process_time_ns() - begun_ns) / 1e6)
    return statistics.median(spent)


def main() -> None:
    """Print a table: precisions against sizes of batch."""
    sizes = (1, 2, 4, 8)
    exact = load_encoder(threads=1, precision="float32").encode_queries(QUERIES)
    print("precision " + "".join(f"{size:>8}" for size in sizes), " ms/query   items/s  min cosine")
    for precision in ("float32", "auto"):
        encoder = load_encoder(threads=1, precision=precision)
        per_query = [call_ms(encoder, QUERIES[:size], 40) / size for size in sizes]
        items_a_second = 32 / (call_ms(encoder, [ITEM] * 32, 5) / 1e3)
        cosine = (encoder.encode_queries(QUERIES) * exact).sum(axis=1).min()
        numbers = "".join(f"{ms:8.2f}" for ms in per_query)
        print(f"{precision:10}{numbers} {items_a_second:18.0f} {cosine:11.5f}")


if __name__ == "__main__":
    main()
