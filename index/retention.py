"""Old versions go: never the current one, never one that a process of this machine has open."""

from __future__ import annotations

from contextlib import suppress

from index.errors import CurrentVersionError, NotReadableHereError, UnknownVersionError
from index.naming import age, age_of, is_of_build
from index.store import IndexStore


def prune(store: IndexStore, keep: int) -> list[str]:
    """Remove all but the newest versions, and what is left of older ones.

    The current version is kept besides, however old it is, and so is every version that a process
    of this machine has open. Readers of other machines cannot be known: keep enough for the time
    that they take to follow.

    A version whose manifest is missing or damaged counts for none: nobody can serve it. It goes
    when ``keep`` others are newer by name, if a build has named it, nothing else is in its folder
    and nobody has written to it for a day, for it may be coming back from a backup. One that cannot
    be judged here (of a newer program, on a disk that is away) stays.

    Args:
        store: Where.
        keep: How many of the newest to keep, at least 1.

    Returns:
        Those that were removed: versions, newest first, then what could not be read.
    """
    if keep < 1:
        raise ValueError(f"keep is {keep}, at least 1 version is needed")
    versions, unreadable = store.versions_and_unreadable()
    leaving = [manifest.version for manifest in versions[keep:]]
    if len(versions) >= keep:
        oldest = age_of(versions[keep - 1])
        leaving += [
            error.version
            for error in unreadable
            if not isinstance(error, NotReadableHereError)
            and is_of_build(error.version)
            and age(error.version, 0) < oldest
            and store.is_debris(error.version)
        ]
    removed = []
    for version in leaving:
        # Somebody may go back to it at any time, or be removing it.
        with suppress(CurrentVersionError, UnknownVersionError):
            if store.remove(version):
                removed.append(version)
    return removed
