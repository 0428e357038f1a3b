"""The one door to FAISS: imported when first used, since most commands never need it."""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any, Final

from index.errors import EngineUnavailableError

PRODUCT_FROM: Final = 3_072
"""From so many queries x width on, rows are compared by multiplying matrices: 8 queries of 384."""


@cache
def faiss() -> Any:  # its stubs lack half of what it has
    """The FAISS module.

    Raises:
        EngineUnavailableError: It is not installed.
    """
    try:
        library = importlib.import_module("faiss")
    except ImportError as error:
        raise EngineUnavailableError(
            f"FAISS cannot be imported ({error}): pip install 'rillstream[cpu]', "
            "or 'rillstream[gpu]' on a machine with CUDA 13, never both"
        ) from error
    # It would begin at 128,000, where it has long been slower than it could be (releases before
    # 1.15 count the queries alone, and begin at 20 of them).
    library.cvar.distance_compute_blas_threshold = min(
        library.cvar.distance_compute_blas_threshold, PRODUCT_FROM
    )
    return library
