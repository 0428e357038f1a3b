"""items -> encoder -> a new current index version, with progress bars on a terminal."""

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
)

from streams.cli.faiss_build import installed, require_one
from streams.errors import BadFileError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from index import Item, Manifest
    from streams.settings import Settings


def read_items(path: Path) -> Iterator["Item"]:
    """Yield the items of a file.

    Raises:
        BadFileError: A row is no valid item; the message has file and line.
    """
    from streams import items
    from streams.files import BadRow, read_records
    from streams.indexed import as_indexed

    for row in read_records(path):
        if isinstance(row, BadRow):
            raise BadFileError(str(row))
        if not isinstance(row, items.Item):
            raise BadFileError(f"{path}: a {type(row).__name__.lower()} where items belong")
        yield as_indexed(row)


def count_events(paths: Sequence[Path], items: "Sequence[Item]") -> "NDArray[np.float32]":
    """Count how often each item occurs in files of events; returns are no sign of popularity.

    Returns:
        (N,) counts, aligned with `items`.

    Raises:
        BadFileError: A row is no valid record; the message has file and line.
    """
    import numpy as np

    from streams.events import Click
    from streams.files import BadRow, read_records

    counts: Counter[str | None] = Counter()
    for path in paths:
        for row in read_records(path):
            if isinstance(row, BadRow):
                raise BadFileError(str(row))
            if isinstance(row, Click) and row.type != "return":
                counts[row.item_id] += 1
    return np.array([counts[item.item_id] for item in items], dtype=np.float32)


def build_version(
    settings: "Settings",
    items: "Sequence[Item]",
    *,
    engine: str = "auto",
    popularity: "NDArray[np.float32] | None" = None,
) -> "Manifest":
    """Encode `items`, build a version in the settings' index folder and make it the current one.

    Args:
        settings: Names the folder, the encoder and the thread counts.
        items: The catalogue; the order does not matter.
        engine: exact, hnsw or auto.
        popularity: (N,) weights aligned with `items`, none if unknown.

    Raises:
        IndexError_: the catalogue or the folder cannot be used.
    """
    from index import IndexStore, build_index, set_threads
    from scoring import load_encoder

    require_one(installed())
    set_threads(settings.faiss_threads)
    with _progress() as progress:
        loading = progress.add_task("loading the encoder", total=1)
        encoder = load_encoder(settings.encoder, threads=settings.torch_threads)
        progress.update(loading, completed=1)

        encoding = progress.add_task("encoding items", total=len(items))
        texts = [encoder.item_text(item) for item in items]
        vectors = encoder.encode_items(
            texts, progress=lambda done, total: progress.update(encoding, completed=done)
        )
        stages: dict[str, TaskID] = {}

        def show(stage: str, done: int, total: int) -> None:
            if stage not in stages:
                stages[stage] = progress.add_task(stage, total=total)
            progress.update(stages[stage], completed=done, total=total)

        return build_index(
            IndexStore(Path(settings.index_dir)),
            items,
            vectors,
            encoder_version=encoder.version,
            engine=engine,
            popularity=popularity,
            progress=show,
        )


def _progress() -> Progress:
    """Return bars on stderr, so that stdout stays for output; none where stderr is no terminal."""
    console = Console(stderr=True)
    return Progress(
        TextColumn("{task.description:<22}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        disable=not console.is_terminal,
    )
