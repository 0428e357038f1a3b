"""Old versions go: never the current one, never one that a process of this machine has open."""

from __future__ import annotations

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
    current = store.current()
    removed = []
    for manifest in store.versions()[keep:]:
        if manifest.version != current and store.remove(manifest.version):
            removed.append(manifest.version)
    return removed
