"""items -> encoder -> a new current index version, with progress bars on a terminal."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from streams.cli.faiss_build import installed, require_one
from streams.cli.printing import remark
from streams.cli.progress import Bars
from streams.cli.release import release

if TYPE_CHECKING:
    from index import IndexStore, Item, Manifest
    from index.engines import EngineParameters
    from index.staging import Staging
    from streams.building.popularity import Popularity
    from streams.item_tower import ItemTower
    from streams.settings import Settings


def build_from_files(
    settings: "Settings",
    paths: Sequence[Path],
    *,
    events: Sequence[Path] = (),
    engine: str = "auto",
    parameters: "EngineParameters | None" = None,
    skip_bad: bool = False,
    allow_empty: bool = False,
    announce: bool = False,
) -> "Manifest":
    """Check a catalogue, encode what is new in it, and make it the current version.

    Args:
        settings: Names the folder, the encoder, the recall target and the thread counts.
        paths: Files of items.
        events: Files of clicks, counted for popularity.
        engine: One that there is, or auto.
        parameters: Of this engine, None = its own.
        skip_bad: Leave bad rows out.
        allow_empty: Build a version without items from files without rows.
        announce: Tell running workers.

    Raises:
        BadFileError: A row cannot be used, or there is none.
        BusyError: Another build works in the folder, or somebody has made another version current
            meanwhile; this one is there all the same.
        RecallError: It falls below the recall target.
    """
    from streams.building.item_files import ItemFiles
    from streams.building.popularity import Popularity

    require_one(installed())
    files = ItemFiles(paths)
    with Bars() as bars:
        files.check(
            lambda row: remark(str(row)),
            skip_bad=skip_bad,
            allow_empty=allow_empty,
            progress=lambda done: bars.report("checking rows", done, 0),
        )
        bars.report("checking rows", files.n_items, files.n_items)
        popularity = Popularity.of_files(events) if events else None
        return build_version(
            settings,
            files.items(),
            files.n_items,
            engine=engine,
            parameters=parameters,
            popularity=popularity,
            report=bars.report,
            announce=announce,
        )


def build_version(
    settings: "Settings",
    items: "Iterable[Item]",
    n_items: int,
    *,
    engine: str = "auto",
    parameters: "EngineParameters | None" = None,
    popularity: "Popularity | None" = None,
    report: Callable[[str, int, int], None],
    announce: bool = False,
) -> "Manifest":
    """Encode `items`, build a version in the settings' index folder and make it the current one.

    What an earlier version or a killed build has encoded is not encoded again.

    Args:
        settings: Names the folder, the encoder, the recall target and the thread counts.
        items: The catalogue, consumed once; the order does not matter.
        n_items: How many, for the bars.
        engine: One that there is, or auto.
        parameters: Of this engine, None = its own.
        popularity: How often each was clicked, none if unknown.
        report: Told of stage, done, total.
        announce: Tell running workers.

    Raises:
        BusyError: Likewise.
        IndexError_: the catalogue or the folder cannot be used.
    """
    from index import set_threads
    from index.build import build_staged
    from index.staging import Staging
    from index.workplace import workplace
    from scoring import load_encoder
    from streams.encoders import Encoders, last_known
    from streams.index_folder import index_store
    from streams.provenance import FILES

    begun = time.monotonic()
    set_threads(settings.faiss_threads)
    store = index_store(settings)
    with workplace(store.root) as place:
        seen = store.pointer()
        before = last_known(store)
        report("loading the encoder", 0, 1)
        encoders = Encoders(settings)
        source = encoders.of_build(before)
        encoder = load_encoder(source, threads=settings.torch_threads, device=settings.torch_device)
        report("loading the encoder", 1, 1)
        with Staging(place.staging, encoder.dim) as staging:
            encoding_begun = time.monotonic()
            n_encoded, n_reused = encode(
                store,
                encoder,
                items,
                staging,
                place.encoded(encoder.version),
                popularity=popularity,
                progress=lambda done: report("encoding items", done, n_items),
            )
            encoding_s = time.monotonic() - encoding_begun
            manifest = build_staged(
                store,
                staging.finish(),
                encoder_version=encoder.version,
                engine=engine,
                parameters=parameters,
                progress=report,
                make_current=False,
                min_recall=settings.min_recall,
                build_parameters={
                    "source": FILES,
                    "encoded": n_encoded,
                    "reused": n_reused,
                },
                started_s=begun,
            )
        encoders.keep(source, encoder.version)  # before anybody can hear of its index
        release(
            settings,
            store,
            manifest.version,
            announce=announce,
            seen=seen,
            keep=settings.index_keep,
        )
        place.forget_encoded(encoder.version)
    _say_rate(manifest, encoding_s, time.monotonic() - begun)
    if before is not None and 2 * manifest.count < before.count:
        remark(
            f"{before.version} had {before.count:,} items: files are taken for the whole "
            "catalogue, and a few changed items are for rillstream publish; "
            "rillstream index rollback goes back"
        )
    return manifest


def encode(
    store: "IndexStore",
    tower: "ItemTower",
    items: "Iterable[Item]",
    staging: "Staging",
    log_path: Path,
    *,
    popularity: "Popularity | None" = None,
    progress: Callable[[int], None] | None = None,
) -> tuple[int, int]:
    """Stage all items with their vectors; what was encoded before is looked up.

    Args:
        store: Its current and its newest version are asked.
        tower: Text to vectors.
        items: Consumed once.
        staging: Where they go.
        log_path: Keeps new vectors at once, and has those of a killed build.
        popularity: How often each was clicked, none if unknown.
        progress: Told how many items are done.

    Returns:
        How many texts were encoded, and how many items did not need it.
    """
    from index.encoded import EncodedLog
    from index.known import of_versions
    from streams.building.encoding import Encoding

    with EncodedLog(log_path, staging.dim) as log:
        if log.n_damaged:
            remark(
                f"{log.n_damaged:,} vectors that a killed build has left are damaged, and encoded"
            )
        known = of_versions(store, tower.version, staging.dim, remark)
        encoding = Encoding(tower, staging, log, known)
        encoding.run(items, popularity, progress)
    return encoding.n_encoded, encoding.n_reused


def _say_rate(manifest: "Manifest", encoding_s: float, all_s: float) -> None:
    done: Mapping[str, int | float | str] = manifest.build_parameters
    encoded = int(done["encoded"])
    rate = f" ({_short(encoded / encoding_s)} items/s)" if encoded else ""
    remark(
        f"{manifest.count:,} items in {_short(all_s)} s, {_short(manifest.count / all_s)} items/s: "
        f"{encoded:,} encoded in {_short(encoding_s)} s{rate}, {done['reused']:,} reused"
    )


def _short(number: float) -> str:
    """Two digits at least that say something: a small catalogue has less than one item a second."""
    return f"{number:.2g}" if number < 10 else f"{number:,.0f}"
