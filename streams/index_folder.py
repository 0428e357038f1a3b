"""Where index versions are: a folder, or an object store with a folder as its cache."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from index import IndexStore
    from streams.settings import Settings


def index_store(settings: Settings) -> IndexStore:
    """The versions that the settings name."""
    if settings.index_url is not None:
        from index.mirrored import MirroredStore

        return MirroredStore(settings.index_dir, settings.index_url)
    from index import IndexStore

    return IndexStore(settings.index_dir)
