"""A version becomes the current one: pointer first, then the announcement, then old ones go."""

from typing import TYPE_CHECKING

from streams.cli.printing import remark
from streams.cli.waiting import tell_if_awaited

if TYPE_CHECKING:
    from index import IndexStore, Manifest
    from index.pointer import Pointer
    from streams.settings import Settings


def release(
    settings: "Settings",
    store: "IndexStore",
    version: str,
    *,
    announce: bool,
    seen: "Pointer | None" = None,
    keep: int | None = None,
) -> "Manifest":
    """Make a version current, tell the workers if wanted, and remove the oldest ones.

    In this order, so that a worker that starts or hears of it finds it. Ended in between, the next
    worker to start serves it, the others go on with the old one.

    Args:
        settings: Where to announce, and how many versions to keep.
        store: Where the version is.
        version: Which.
        announce: Whether workers shall take it over now.
        seen: The pointer when a build of it began: who has gone to another version meanwhile, with
            a rollback, knew more than that build. None = it may be any.
        keep: How many versions; None = leave them all.

    Raises:
        IndexFormatError: The version is damaged; nothing changes.
        BusyError: The pointer has moved since it was seen; nothing changes.
        BrokerUnavailableError: It could not be announced; it is current all the same.
    """
    from index.retention import prune

    store.set_current(version, seen=seen)
    manifest = store.manifest(version)
    if announce:
        from streams import index_versions

        tell_if_awaited(settings.bootstrap_servers)
        index_versions.announce(settings, manifest)
        if (now := store.current()) not in (version, None):
            # The pointer moved before the broker had stored this: the last word must be what a
            # worker that starts would serve.
            remark(f"{now} was made current meanwhile, and is announced after this one")
            index_versions.announce(settings, store.manifest(now))
    if keep is not None:
        for removed in prune(store, keep):
            remark(f"removed the old version {removed}")
        _prune_encoders(settings, store)
    return manifest


def _prune_encoders(settings: "Settings", store: "IndexStore") -> None:
    """Remove those that no version needs; none while it cannot be known what one needs."""
    from index import EncoderFolders
    from index.errors import NotReadableHereError

    versions, unreadable = store.versions_and_unreadable()
    if any(isinstance(error, NotReadableHereError) for error in unreadable):
        return
    folders = EncoderFolders(settings.index_dir, settings.index_url)
    for removed in folders.prune({each.encoder_version for each in versions}):
        remark(f"removed the encoder {removed}, which no version needs")
