"""item-vectors topic -> a new current index version, announced; only gaps in it are encoded."""

import time
from contextlib import ExitStack, closing
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
    settings: "Settings",
    *,
    encoder: str | None = None,
    engine: str | None = None,
    only_topic: bool = False,
) -> "Manifest":
    """Build a version from the vectors that the workers have written, and announce it.

    Items of the current version that came from files stay, unless the topic has them newer or
    deleted. Popularity goes over from the current version. What workers have taken with another
    encoder is read from the items topic, and encoded.

    Args:
        settings: Names broker, topics, folder and recall target.
        encoder: Whose vectors; None = of the current version's encoder.
        engine: One that there is, or auto; None = what the current version was built with, with
            the parameters that it was given by hand.
        only_topic: Leave out what the topic does not have.

    Raises:
        BusyError: Another build works in the folder, or somebody has made another version current
            meanwhile; this one is there all the same.
        BrokerUnavailableError: No broker answers.
        TopicMismatchError: No worker has written vectors of this encoder yet.
        IndexFormatError: The current version is damaged, and items of files might be lost with it.
        LostVersionError: It is gone, likewise.
        RejectedInputError: There is no item at all.
        RecallError: It falls below the recall target.
        UnknownEngineError: There is no such engine.
    """
    from index import IndexFormatError, RejectedInputError, set_threads
    from index.build import build_staged
    from index.engines import asked_for, check_name
    from index.known import of_versions
    from index.staging import Staging
    from index.workplace import workplace
    from scoring import Encoder
    from streams.building.topic_items import TopicItems
    from streams.encoders import Encoders
    from streams.index_folder import index_store
    from streams.item_gaps import ItemGaps
    from streams.provenance import FILES_AND_TOPIC, TOPIC
    from streams.topics import ensure_topic, item_vectors_topic

    require_one(installed())
    begun = time.monotonic()
    set_threads(settings.faiss_threads)
    store = index_store(settings)
    seen = store.pointer()
    encoders = Encoders(settings)
    version, dim, source = _encoder(settings, store, encoder)
    encoders.keep(source, version)  # before anybody can hear of its index
    name = item_vectors_topic(settings, version)
    with (
        workplace(store.root) as place,
        # Asked before the topic's ends: what was taken until then is in the topic, or in a gap.
        closing(ItemGaps(settings, version, {}, whole=True)) as gaps,
        ExitStack() as opened,
        Staging(place.staging, dim) as staging,
        Bars() as bars,
    ):
        if gaps.gaps:
            ensure_topic(settings, name)
        topic = TopicItems(settings, name, version, Encoder.item_text, remark, gaps.positions)
        opened.enter_context(closing(topic))
        base = _current(store, version, only_topic=only_topic)
        parameters = None
        if engine is None:
            engine, parameters = asked_for({} if base is None else base.build_parameters)
        if engine != "auto":
            check_name(engine)
        popularity, origin = None, TOPIC
        if base is not None:
            keeps_rows = not only_topic and base.build_parameters.get("source") != TOPIC
            origin = FILES_AND_TOPIC if keeps_rows else TOPIC
            try:
                popularity = _take_over(store, base, staging if keeps_rows else None)
            except IndexFormatError as error:
                if keeps_rows:
                    raise
                remark(f"popularity is lost, the current version is damaged: {error}")
        patience_s = settings.session_timeout_s + 60
        lacking = gaps.newest(timeout_s=patience_s)
        reading = topic.stage(
            staging,
            popularity,
            lambda done, total: bars.report("reading vectors", done, total),
            lacking.settled,
        )
        n_gaps = len(lacking)
        if n_gaps:
            tower = encoders.load(version)
            parts = gaps.changes(
                lacking,
                tower,
                lambda: of_versions(store, version, dim, remark),
                timeout_s=patience_s,
            )
            for done, changes in enumerate(parts):
                topic.stage_changes(changes, staging, popularity)
                bars.report("filling gaps", done, 0)
        staged = staging.finish()
        if not len(staged.items):
            raise RejectedInputError(
                f"the topic {name} holds no item: publish items "
                "while a worker runs, or build from a file (rillstream index build FILE)"
            )
        manifest = build_staged(
            store,
            staged,
            encoder_version=version,
            engine=engine,
            parameters=parameters,
            progress=bars.report,
            make_current=False,
            items_read={**reading.items_read, **gaps.positions},
            min_recall=settings.min_recall,
            build_parameters={
                "source": origin,
                "records": reading.n_records,
                "unreadable": reading.n_unreadable,
            },
            started_s=begun,
        )
        release(
            settings,
            store,
            manifest.version,
            announce=True,
            seen=seen,
            keep=settings.index_keep,
        )
    seconds = time.monotonic() - begun
    remark(
        f"{manifest.count:,} items in {seconds:,.1f} s, of {origin}: {reading.n_records:,} records "
        "of the topic read, "
        + (f"{n_gaps:,} items were taken with another encoder" if n_gaps else "none encoded")
    )
    return manifest


def _encoder(
    settings: "Settings", store: "IndexStore", encoder: str | None
) -> tuple[str, int, str | None]:
    """Version and width of the vectors: as asked, else the current version's, else as set.

    The third is where the encoder is; None = workers that serve the current version have it.
    """
    from scoring.encoder import identify
    from streams.encoders import last_known

    if encoder is not None:
        return *identify(encoder), encoder
    manifest = last_known(store)
    if manifest is None:
        return *identify(settings.encoder), settings.encoder
    return manifest.encoder_version, manifest.dim, None


def _current(store: "IndexStore", encoder_version: str, *, only_topic: bool) -> "Manifest | None":
    """The current version, if it is of this encoder.

    Raises:
        RejectedInputError: It is of another one, and has items that no topic has.
        IndexFormatError: It cannot be believed, so whatever it has beyond the topic would be lost.
        LostVersionError: It is gone, likewise.
    """
    from index import (
        IndexFormatError,
        NoCurrentVersionError,
        RejectedInputError,
        UnknownVersionError,
    )
    from streams.provenance import TOPIC

    manifest = None
    try:
        manifest = store.manifest()
    except NoCurrentVersionError:
        pass
    except (IndexFormatError, UnknownVersionError):
        if not only_topic:
            raise
    if manifest is None or manifest.encoder_version == encoder_version:
        return manifest
    if not only_topic and manifest.build_parameters.get("source") != TOPIC:
        raise RejectedInputError(
            f"{manifest.version} has items of files, which encoder {encoder_version} has not read: "
            "rillstream index build FILE --encoder FOLDER, or --only-topic to leave them out"
        )
    return None


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
