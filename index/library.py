"""The one door to FAISS: imported when first used, since most commands never need it."""

from __future__ import annotations

import importlib
from functools import cache
from typing import Any

from index.errors import EngineUnavailableError


@cache
def faiss() -> Any:  # its stubs lack half of what it has
    """The FAISS module.

    Raises:
        EngineUnavailableError: It is not installed.
    """
    try:
        return importlib.import_module("faiss")
    except ImportError as error:
        raise EngineUnavailableError(
            f"FAISS cannot be imported ({error}): pip install 'rillstream[cpu]', "
            "or 'rillstream[gpu]' on a machine with CUDA 13, never both"
        ) from error
