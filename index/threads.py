"""How many threads FAISS may use, remembered for every Python thread that searches.

OpenMP keeps its thread count *per calling thread*: a count set by the main thread does not hold in the
worker thread that searches. So the wish is kept here and applied on each thread's first search.
"""

from __future__ import annotations

import threading


class _Threads(threading.local):
    """The count that this thread has handed to OpenMP; 0 = none yet."""

    applied = 0
    wanted = 0  # class attribute, shared by all threads; 0 = FAISS's own default


_threads = _Threads()


def set_threads(n: int) -> None:
    """Let FAISS use at most ``n`` threads a call, from whichever thread it is called.

    Args:
        n: At least 1.
    """
    if n < 1:
        raise ValueError(f"FAISS needs at least 1 thread, got {n}")
    _Threads.wanted = n


def apply_threads() -> None:
    """Hand the wanted count to OpenMP, once per thread and change (about 0.1 µs otherwise)."""
    wanted = _Threads.wanted
    if _threads.applied != wanted:
        import faiss

        faiss.omp_set_num_threads(wanted)
        _threads.applied = wanted
