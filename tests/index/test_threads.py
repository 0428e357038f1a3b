"""The thread count holds in the thread that searches, not only in the one that set it."""

from __future__ import annotations

import threading

import pytest

from index import ExactEngine, set_threads
from index.library import faiss
from tests.index.vectors import unit_rows


def test_a_count_set_here_holds_in_a_thread_that_searches_later() -> None:
    set_threads(2)
    seen: list[int] = []

    def search() -> None:
        ExactEngine(unit_rows(5)).search(unit_rows(1), 1)
        seen.append(faiss().omp_get_max_threads())

    try:
        for n in (2, 1):
            set_threads(n)
            worker = threading.Thread(target=search)
            worker.start()
            worker.join()
    finally:
        set_threads(1)
    assert seen == [2, 1]


def test_less_than_one_thread_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        set_threads(0)
