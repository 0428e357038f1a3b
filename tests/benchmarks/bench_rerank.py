"""What it costs to put the last candidates of a search in order: ms a search, on one core.

    OMP_NUM_THREADS=1 python -m tests.benchmarks.bench_rerank --model models/home-depot-cross

Pairs of query and title have 45 tokens. The CPU time of the process is what counts, for others
share the machine; the least wall time stands beside it. `--device cuda` computes on a GPU, where
the wall time counts.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Final

import numpy as np

from scoring import load_reranker
from scoring.backbone import Precision
from scoring.encoder import load_tokenizer
from scoring.folder import read_folder

_PRECISIONS: Final[tuple[Precision, ...]] = ("bfloat16", "float32")
_WORDS: Final = (
    "heavy duty galvanized steel hex bolt with washer for outdoor wood deck garden".split()
)


def title_of(folder: Path, query: str, n_tokens: int, seed: int) -> str:
    """Words until the pair has so many tokens."""
    tokenizer = load_tokenizer(read_folder(folder), n_tokens + 20)
    rng = np.random.default_rng(seed)
    title = str(rng.choice(_WORDS))
    while len(tokenizer.encode(query, title).ids) < n_tokens:
        title += " " + str(rng.choice(_WORDS))
    return title


def main() -> None:
    """Print the median CPU time and the least wall time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--tokens", type=int, default=45)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    asked = parser.parse_args()
    query = "galvanized hex bolt"
    titles = [title_of(asked.model, query, asked.tokens, seed) for seed in range(50)]
    for precision in _PRECISIONS:
        reranker = load_reranker(asked.model, threads=1, precision=precision, device=asked.device)
        cpu_ms, wall_ms = [], []
        for _ in range(asked.rounds):
            cpu_s, wall_s = time.process_time(), time.monotonic()
            reranker.order(query, titles)
            cpu_ms.append(1e3 * (time.process_time() - cpu_s))
            wall_ms.append(1e3 * (time.monotonic() - wall_s))
        print(f"{precision}: {np.median(cpu_ms):.0f} ms of CPU, {min(wall_ms):.0f} ms at best")


if __name__ == "__main__":
    main()
