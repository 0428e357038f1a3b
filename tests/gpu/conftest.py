"""The store of the index tests."""

from tests.index.conftest import store

__all__ = ["store"]
