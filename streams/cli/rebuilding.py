"""item-vectors topic -> a new current index version, announced; only what it lacks is encoded."""

import time
from contextlib import ExitStack, closing
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from streams.cli.faiss_build import installed, require_one
from streams.cli.printing import remark
from streams.cli.progress import Bars
from streams.cli.release import release

if TYPE_CHECKING:
    from index import IndexStore, Manifest
    from index.known import Known
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
    deleted; they are encoded where the version is of another encoder. Popularity goes over from the
    current version. What workers have taken with another encoder is read from the items topic, and
    encoded.

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
    from index import RejectedInputError, set_threads
    from index.build import build_staged
    from index.encoded import EncodedLog
    from index.engines import asked_for, check_name
    from index.known import of_versions
    from index.staging import Staging
    from index.workplace import workplace
    from scoring import Encoder
    from streams.building.encoding import Encoding
    from streams.building.kept_tower import KeptTower
    from streams.building.topic_items import TopicItems
    from streams.building.version_before import VersionBefore
    from streams.encoders import Encoders
    from streams.index_folder import index_store
    from streams.item_gaps import ItemGaps
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
        base = VersionBefore(store, only_topic=only_topic)
        is_other = base.needs_encoding(version)
        if gaps.gaps or is_other:
            ensure_topic(settings, name)
        topic = TopicItems(settings, name, version, Encoder.item_text, remark, gaps.positions)
        opened.enter_context(closing(topic))
        parameters = None
        if engine is None:
            engine, parameters = asked_for(base.built_with)
        if engine != "auto":
            check_name(engine)
        tower = cache(lambda: encoders.load(version))
        known = cache(lambda: of_versions(store, version, dim, remark))
        again = log = None
        if gaps.gaps or is_other:
            log = opened.enter_context(EncodedLog(place.encoded(version), dim))
            if is_other:
                again = Encoding(tower(), staging, log, known())
        popularity = base.take_over(
            staging, again, remark, lambda done, n: bars.report("encoding items", done, n)
        )
        patience_s = settings.session_timeout_s + 60
        lacking = gaps.newest(timeout_s=patience_s)
        reading = topic.stage(
            staging,
            popularity,
            lambda done, total: bars.report("reading vectors", done, total),
            lacking.settled,
        )
        n_gaps = len(lacking)
        if n_gaps and log is not None:
            parts = gaps.changes(
                lacking,
                KeptTower(tower(), log),
                lambda: [_kept(place.encoded(version), dim), *known()],
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
                "source": base.source,
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
        if log is not None:  # else it is of a killed build of files, which needs it yet
            place.forget_encoded(version)
    encoded = []
    if again is not None:
        encoded.append(f"{again.n_encoded:,} texts of the version before encoded")
    if n_gaps:
        encoded.append(f"{n_gaps:,} items were taken with another encoder")
    seconds = time.monotonic() - begun
    remark(
        f"{manifest.count:,} items in {seconds:,.1f} s, of {base.source}: {reading.n_records:,} "
        f"records of the topic read, {', '.join(encoded) or 'none encoded'}"
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


def _kept(log: Path, dim: int) -> "Known":
    """Vectors that a killed build, or this one, has made up to now."""
    from index.encoded import EncodedLog

    with EncodedLog(log, dim) as kept:
        return kept.known
