"""item-vectors topic -> a new current index version, announced; nothing is encoded."""

import time
from contextlib import closing
from typing import TYPE_CHECKING

from streams.cli.faiss_build import installed, require_one
from streams.cli.printing import remark
from streams.cli.progress import Bars
from streams.cli.release import release

if TYPE_CHECKING:
    from index import IndexStore, Manifest
    from index.staging import Staging
    from streams.building.popularity import Popularity
    from streams.settings import Settings


def rebuild_from_topic(
    settings: "Settings", *, engine: str | None = None, only_topic: bool = False
) -> "Manifest":
    """Build a version from the vectors that the workers have written, and announce it.

    Items of the current version that came from files stay, unless the topic has them newer or
    deleted. Popularity goes over from the current version.

    Args:
        settings: Names broker, topics, folder, encoder and recall target.
        engine: One that there is, or auto; None = what the current version was built with.
        only_topic: Leave out what the topic does not have.

    Raises:
        BusyError: Another build works in the folder.
        BrokerUnavailableError: No broker answers.
        TopicMismatchError: No worker has written vectors of this encoder yet.
        IndexFormatError: The current version is damaged, and items of files might be lost with it.
        RejectedInputError: There is no item at all.
        RecallError: It falls below the recall target.
    """
    from index import IndexFormatError, RejectedInputError, set_threads
    from index.build import build_staged
    from index.staging import Staging
    from index.workplace import workplace
    from scoring import Encoder
    from scoring.encoder import identify
    from streams.building.topic_items import TopicItems
    from streams.index_folder import index_store
    from streams.provenance import FILES_AND_TOPIC, TOPIC
    from streams.topics import item_vectors_topic

    require_one(installed())
    begun = time.monotonic()
    set_threads(settings.faiss_threads)
    store = index_store(settings)
    version, dim = identify(settings.encoder)
    name = item_vectors_topic(settings, version)
    with (
        workplace(store.root) as place,
        closing(TopicItems(settings, name, version, Encoder.item_text, remark)) as topic,
        Staging(place.staging, dim) as staging,
        Bars() as bars,
    ):
        base = _current(store, version, only_topic=only_topic)
        popularity, source = None, TOPIC
        if base is not None:
            keeps_rows = not only_topic and base.build_parameters.get("source") != TOPIC
            source = FILES_AND_TOPIC if keeps_rows else TOPIC
            try:
                popularity = _take_over(store, base, staging if keeps_rows else None)
            except IndexFormatError as error:
                if keeps_rows:
                    raise
                remark(f"popularity is lost, the current version is damaged: {error}")
        reading = topic.stage(
            staging, popularity, lambda done, total: bars.report("reading vectors", done, total)
        )
        staged = staging.finish()
        if not len(staged.items):
            raise RejectedInputError(
                f"the topic {name} holds no item: publish items "
                "while a worker runs, or build from a file (rillstream index build FILE)"
            )
        asked = base.build_parameters.get("engine", "auto") if base is not None else "auto"
        manifest = build_staged(
            store,
            staged,
            encoder_version=version,
            engine=engine or str(asked),
            progress=bars.report,
            make_current=False,
            items_read=reading.items_read,
            min_recall=settings.min_recall,
            build_parameters={
                "source": source,
                "records": reading.n_records,
                "unreadable": reading.n_unreadable,
            },
            started_s=begun,
        )
        release(settings, store, manifest.version, announce=True, keep=settings.index_keep)
    seconds = time.monotonic() - begun
    remark(
        f"{manifest.count:,} items from {reading.n_records:,} records in {seconds:,.1f} s, "
        f"{reading.n_records / seconds:,.0f} records/s; none encoded"
    )
    return manifest


def _current(store: "IndexStore", encoder_version: str, *, only_topic: bool) -> "Manifest | None":
    """The current version, if it is of this encoder.

    Raises:
        IndexFormatError: It cannot be believed, so whatever it has beyond the topic would be lost.
    """
    from index import IndexFormatError

    name = store.current()
    try:
        manifest = None if name is None else store.manifest(name)
    except IndexFormatError:
        if not only_topic:
            raise
        manifest = None
    if manifest is None or manifest.encoder_version != encoder_version:
        return None
    return manifest


def _take_over(store: "IndexStore", base: "Manifest", staging: "Staging | None") -> "Popularity":
    """What the topic does not know: how popular items are, and, if wanted, all rows."""
    from index.version_rows import version_rows
    from streams.building.popularity import Popularity

    popularity = Popularity()
    for rows in version_rows(store, base.version):
        known = rows.popularity > 0
        ids = [item.item_id for item, is_known in zip(rows.items, known, strict=True) if is_known]
        popularity.add(ids, rows.popularity[known])
        if staging is not None:
            staging.add(rows.items, rows.vectors, texts=rows.texts, popularity=rows.popularity)
    return popularity
