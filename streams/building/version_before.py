"""The current version, as a rebuild begins with it: what the topic of vectors does not know."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from index import (
    IndexFormatError,
    IndexStore,
    NoCurrentVersionError,
    UnknownVersionError,
)
from index.version_rows import version_rows
from streams.building.popularity import Popularity
from streams.provenance import FILES_AND_TOPIC, TOPIC

if TYPE_CHECKING:
    from index.staging import Staging
    from streams.building.encoding import Encoding


class VersionBefore:
    """Items of files are nowhere but in versions; so is how popular each item is.

    Attributes:
        manifest: Of the current version; None where none is.
        keeps_rows: Whether its items stay, but for what the topic has newer.
    """

    def __init__(self, store: IndexStore, *, only_topic: bool) -> None:
        """Look which it is.

        Args:
            store: Where.
            only_topic: Leave out what the topic does not have.

        Raises:
            IndexFormatError: It cannot be believed, so what it has beyond the topic would be lost.
            LostVersionError: It is gone, likewise.
        """
        self._store = store
        self.manifest = None
        try:
            self.manifest = store.manifest()
        except NoCurrentVersionError:
            pass
        except (IndexFormatError, UnknownVersionError):
            if not only_topic:
                raise
        from_topic = self.manifest is None or self.built_with.get("source") == TOPIC
        self.keeps_rows = not only_topic and not from_topic

    @property
    def built_with(self) -> Mapping[str, int | float | str]:
        """Its build parameters; none where there is no version."""
        return {} if self.manifest is None else self.manifest.build_parameters

    @property
    def source(self) -> str:
        """Of the items of the version that is built of it and the topic."""
        return FILES_AND_TOPIC if self.keeps_rows else TOPIC

    def needs_encoding(self, encoder_version: str) -> bool:
        """Whether rows stay whose vectors are not this encoder's."""
        return (
            self.keeps_rows
            and self.manifest is not None
            and self.manifest.encoder_version != encoder_version
        )

    def take_over(
        self,
        staging: Staging,
        again: Encoding | None,
        say: Callable[[str], None],
        progress: Callable[[int, int], None],
    ) -> Popularity | None:
        """Stage the rows that stay, and tell how popular items are.

        Args:
            staging: Where rows go.
            again: Encodes and stages them; None = their vectors stay.
            say: Told that popularity is lost, where the version is damaged and no row is needed.
            progress: Told how many items are encoded, and of how many.

        Returns:
            None where nothing is known.

        Raises:
            IndexFormatError: The version is damaged, and rows of it should stay.
        """
        if self.manifest is None:
            return None
        popularity, total = Popularity(), self.manifest.count
        try:
            for rows in version_rows(self._store, self.manifest.version):
                known = rows.popularity > 0
                popular = zip(rows.items, known, strict=True)
                ids = [item.item_id for item, is_known in popular if is_known]
                popularity.add(ids, rows.popularity[known])
                if again is not None:
                    again.run(rows.items, popularity, lambda done: progress(done, total))
                elif self.keeps_rows:
                    staging.add(
                        rows.items, rows.vectors, texts=rows.texts, popularity=rows.popularity
                    )
        except IndexFormatError as error:
            if self.keeps_rows:
                raise
            say(f"popularity is lost, the current version is damaged: {error}")
            return None
        return popularity
