"""Old versions go: never the current one, never one that a process of this machine has open."""

from __future__ import annotations

from contextlib import suppress

from index.errors import CurrentVersionError, UnknownVersionError
from index.store import IndexStore


def prune(store: IndexStore, keep: int) -> list[str]:
    """Remove all but the newest versions.

    The current version is kept besides, however old it is, and so is every version that a process
    of this machine has open. Readers of other machines cannot be known: keep enough for the time
    that they take to follow.

    Args:
        store: Where.
        keep: How many of the newest to keep, at least 1.

    Returns:
        Those that were removed, newest first.
    """
    if keep < 1:
        raise ValueError(f"keep is {keep}, at least 1 version is needed")
    removed = []
    for manifest in store.versions()[keep:]:
        # Somebody may go back to it at any time, or be removing it.
        with suppress(CurrentVersionError, UnknownVersionError):
            if store.remove(manifest.version):
                removed.append(manifest.version)
    return removed
