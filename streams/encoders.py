"""Which encoder belongs to an index, and where it is: beside the versions, in a setting, packaged.

A pair is an index version and the encoder that made its vectors. `rillstream index build` keeps a
copy of the encoder beside the versions, so whoever gets the index gets its encoder.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from index import (
    EncoderFilesError,
    EncoderFolders,
    EncoderMismatchError,
    IndexFormatError,
    NoCurrentVersionError,
    UnknownVersionError,
)
from scoring import QueryTower
from streams.item_tower import ItemTower

if TYPE_CHECKING:
    from index import IndexStore, Manifest
    from scoring import Encoder
    from streams.settings import Settings


class Tower(QueryTower, ItemTower, Protocol):
    """Queries and items -> vectors that may be compared; `scoring.Encoder` is one."""

    version: str


class Encoders:
    """Finds encoders by the version that an index names; loads nothing that is not that version."""

    def __init__(self, settings: Settings) -> None:
        """Say where to look.

        Raises:
            StoreUnavailableError: There is no driver for the object store.
        """
        self._settings = settings
        self._folders = EncoderFolders(settings.index_dir, settings.index_url)

    def load(self, encoder_version: str) -> Encoder:
        """Load the encoder of this version, from wherever it is.

        Raises:
            EncoderMismatchError: No place has it.
            EncoderFilesError: Its copy beside the versions is damaged.
            StoreUnavailableError: The object store does not answer.
        """
        from scoring import load_encoder

        source = self.source(encoder_version)
        encoder = load_encoder(
            source, threads=self._settings.torch_threads, device=self._settings.torch_device
        )
        if encoder.version != encoder_version:  # changed under our hands
            raise EncoderFilesError(
                f"{source} held the encoder {encoder_version} a moment ago, now it holds "
                f"{encoder.version}: do not write into a folder that is served"
            )
        return encoder

    def source(self, encoder_version: str) -> Path | str | None:
        """Where the encoder of this version is, as `scoring.load_encoder` takes it.

        Every file of a copy beside the versions has been verified; see `load` for errors.
        """
        from scoring.encoder import identify
        from scoring.errors import EncoderFormatError, EncoderSourceError

        if (own := self._folders.find(encoder_version)) is not None:
            if (found := identify(own)[0]) != encoder_version:
                raise EncoderFilesError(
                    f"{own} is the encoder {found}, not {encoder_version}: build the index again"
                )
            return own
        looked = [f"{self._folders.place} has none of that name"]
        places: list[tuple[str, str | None]] = [("the MiniLM that comes along", None)]
        if self._settings.encoder is not None:
            name = f"RILLSTREAM_ENCODER={self._settings.encoder}"
            places.insert(0, (name, self._settings.encoder))
        for name, source in places:
            try:
                found = identify(source)[0]
            except (EncoderSourceError, EncoderFormatError) as error:
                looked.append(f"{name}: {error}")
                continue
            if found == encoder_version:
                return source
            looked.append(f"{name} is {found}")
        raise EncoderMismatchError(
            f"the index was built with encoder {encoder_version}, which is not here: "
            f"{'; '.join(looked)}. Build the index with its encoder (rillstream index build FILE "
            "--encoder FOLDER), or go back to another pair (rillstream index rollback)"
        )

    def of_build(self, before: Manifest | None) -> Path | str | None:
        """What a build encodes with: what is asked for, else what the version before it has.

        Args:
            before: See `last_known`.

        Raises:
            EncoderMismatchError: That version's encoder is nowhere: say which to take.
        """
        if self._settings.encoder is not None:
            return self._settings.encoder
        return None if before is None else self.source(before.encoder_version)

    def keep(self, source: Path | str | None, encoder_version: str) -> None:
        """Put an encoder beside the versions, unless every worker has it anyway.

        Raises:
            StoreUnavailableError: The object store does not answer.
        """
        from scoring.encoder import identify
        from scoring.errors import EncoderSourceError
        from scoring.folder import PACKAGED, find_folder, read_folder

        if source is None or source == PACKAGED:
            return
        try:
            if identify()[0] == encoder_version:
                return
        except EncoderSourceError:  # it need not be installed
            pass
        folder = read_folder(find_folder(source))
        self._folders.keep(encoder_version, folder.home, folder.files())


def last_known(store: IndexStore) -> Manifest | None:
    """What the current version says; where it is damaged or gone, the newest that can be read.

    A build is the way out of a broken version, and goes on with the shop's encoder.

    Returns:
        None where no version is current, or none can be read.

    Raises:
        StoreUnavailableError: The object store does not answer.
    """
    try:
        return store.manifest()
    except NoCurrentVersionError:
        return None
    except (IndexFormatError, UnknownVersionError):
        return next(iter(store.versions()), None)
