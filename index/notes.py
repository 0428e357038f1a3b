"""Notes beside the versions of an object store: who makes which current, who removes which.

There are no locks, and no step changes two objects. So that the pointer never names what is gone,
who points and who removes each leave a note beside the version's files *before* they look for the
other's, and give way where they see one:

    pointing                                 removing
    1. note ``.held-…``                      1. note ``.removing-…``
    2. a ``.removing-…``? give way           2. a ``.held-…``? give way
    3. no manifest? give way                 3. does the pointer name it? give way
    4. replace the pointer                   4. remove the manifest, then the rest
    5. take the note away                    5. take the note away

Who gives way takes the note away, too. Whose note is the second sees the first; it may be that both
give way. Who has pointed and taken the note away is seen in the pointer, which is why that is
looked at last. This needs a store whose
reads and listings see every write that has ended: S3, GCS and Azure do, and so do file systems.

    ended after            there is            then
    1 to 3 of pointing     a note              the version is not removed for a day
    4 of pointing          it, the new pointer likewise; the new pointer holds
    1 to 3 of removing     a note              the version is served, and does not become current
                                               for a day; who removes old versions removes it
    4, the manifest        files and a note    the version is not there; they go a day later
    4 of removing          a note              it goes a day later

Where a driver cannot tell when a note was written, the note counts for ever.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Final

from index.errors import CurrentVersionError, StoreUnavailableError, UnknownVersionError
from index.manifest import VERSION_PATTERN

if TYPE_CHECKING:
    from index.object_store import ObjectStore

_HELD: Final = ".held-"
_REMOVING: Final = ".removing-"
_NOTE: Final = re.compile(rf"(\.held-|\.removing-)({VERSION_PATTERN.pattern})-[0-9a-f]{{32}}")


def clear_old(store: ObjectStore) -> None:
    """Take away what the killed have left a day ago."""
    for name in store.files():
        if _NOTE.fullmatch(name) and store.is_abandoned(name):
            store.remove_file(name)


@contextmanager
def held(store: ObjectStore, version: str) -> Iterator[None]:
    """Nobody removes the version before the block ends: what makes it current is inside.

    Raises:
        UnknownVersionError: It is not there, or somebody is removing it.
    """
    with _noted(store, version, _HELD):
        if _there(store, version, _REMOVING):
            raise UnknownVersionError(
                f"index version {version} in {store.url} is being removed: "
                "make another one current (rillstream index list)"
            )
        if store.is_gone(version):
            raise UnknownVersionError(
                f"index version {version} in {store.url} was removed a moment ago: "
                "make another one current (rillstream index list)"
            )
        yield


@contextmanager
def removing(store: ObjectStore, version: str) -> Iterator[None]:
    """Nobody makes the version current before the block ends: what removes it is inside.

    Raises:
        CurrentVersionError: It is current, or is just being made so.
    """
    with _noted(store, version, _REMOVING):
        if _there(store, version, _HELD):
            raise CurrentVersionError(f"{version} is being made current")
        if store.current() == version:
            raise CurrentVersionError(f"{version} is current")
        yield


@contextmanager
def _noted(store: ObjectStore, version: str, kind: str) -> Iterator[None]:
    note = f"{kind}{version}-{uuid.uuid4().hex}"
    store.touch(note)
    try:
        yield
    finally:
        with suppress(StoreUnavailableError):  # it is an old one a day later
            store.remove_file(note)


def _there(store: ObjectStore, version: str, kind: str) -> bool:
    """Whether there are notes of this kind, not older than a day."""
    found = filter(None, map(_NOTE.fullmatch, store.files()))
    notes = [match[0] for match in found if (match[1], match[2]) == (kind, version)]
    return not all(map(store.is_abandoned, notes))
