"""What `index` offers, and what importing it costs."""

from __future__ import annotations

import subprocess
import sys

import pytest

import index


def test_the_public_names_are_these() -> None:
    assert index.__all__ == sorted(index.__all__, key=lambda name: (name[0].islower(), name))
    assert [name for name in index.__all__ if not hasattr(index, name)] == []


@pytest.mark.parametrize("library", ["faiss", "pyarrow", "torch"])
def test_importing_it_loads_no_heavy_library(library: str) -> None:
    code = f"import index, sys; sys.exit({library!r} in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_without_faiss_a_search_says_how_to_get_it() -> None:
    code = (
        "import sys; sys.modules['faiss'] = None\n"
        "import numpy, index\n"
        "rows = numpy.ones((1, 2), numpy.float32)\n"
        "try: index.ExactEngine(rows).search(rows, 1)\n"
        "except index.EngineUnavailableError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, timeout=60, capture_output=True, text=True
    )
    assert "rillstream[cpu]" in done.stdout


def test_each_error_is_one_of_the_tree() -> None:
    errors = [getattr(index, name) for name in index.__all__ if "Error" in name]
    assert all(issubclass(error, index.IndexError_) for error in errors)
