"""How many threads FAISS may use, whichever Python thread searches.

OpenMP keeps its thread count *per calling thread*: a count set by the main thread does not hold in
the worker thread that searches. So the wish is kept here and applied at each thread's first search.
"""

from __future__ import annotations

import threading

from index.library import faiss


class _Threads(threading.local):
    """What this thread has told OpenMP, and what all threads should; 0 = FAISS's own default."""

    applied = 0
    wanted = 0  # only ever set on the class, so that all threads see it


_threads = _Threads()


def set_threads(n: int) -> None:
    """Let FAISS use at most n threads a call, from whichever thread it is called.

    Args:
        n: At least 1.
    """
    if n < 1:
        raise ValueError(f"FAISS needs at least 1 thread, got {n}")
    _Threads.wanted = n


def apply_threads() -> None:
    """Hand the wanted count to OpenMP, once a thread and change (about 0.1 µs otherwise)."""
    wanted = _Threads.wanted
    if _threads.applied != wanted:
        faiss().omp_set_num_threads(wanted)
        _threads.applied = wanted
