"""Memory and time of a build as it streams: bytes of memory an item, beside the vectors on disk.

    python -m tests.benchmarks.bench_build --counts 250000,1000000 --engine exact
    python -m tests.benchmarks.bench_build --encode 4000 --items products.parquet:name,manufacturer

The first makes catalogues of any size from the sample shop: real titles, numbered; their real
vectors, each moved by noise. All is as in `rillstream index build`, but the encoder. The second
runs the real encoder. Each build is a process of its own. *Anonymous* memory is what the process
alone has; other pages that it touches are its files', which the system takes back when it needs
them.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from index import IndexStore, Item, set_threads
from index.build import build_staged
from index.staging import Staging
from index.workplace import workplace
from scoring import load_encoder
from streams.building.item_files import ItemFiles
from streams.cli.building import build_version, encode
from streams.demo.shop import sample_items
from streams.files import BadRow
from streams.indexed import as_indexed
from streams.settings import Settings

_NOISE = 0.6  # length, beside a unit vector: cosine .86 to the original
_EVERY_S = 0.02


class Perturbing:
    """In the encoder's place: the vector of a numbered title is its original's, moved by noise."""

    version = "perturbed-1"

    def __init__(self, originals: NDArray[np.float32]) -> None:
        self._originals = originals

    @staticmethod
    def item_text(item: Item) -> str:
        """The title, which ends in a number."""
        return item.title

    def encode_items(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """(n, d)."""
        numbers = np.array([int(text.rsplit(" ", 1)[1]) for text in texts])
        rng = np.random.default_rng(numbers[:1])
        noise = rng.standard_normal((len(texts), self._originals.shape[1]), np.float32)
        noise *= _NOISE / np.linalg.norm(noise, axis=1, keepdims=True)
        vectors: NDArray[np.float32] = self._originals[numbers % len(self._originals)] + noise
        return vectors


class Memory(threading.Thread):
    """The most anonymous memory since the stage began, looked at fifty times a second."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._most = 0
        self._done = threading.Event()

    def run(self) -> None:
        """Watch until the process ends."""
        while not self._done.wait(_EVERY_S):
            self._most = max(self._most, anonymous())

    def most(self) -> int:
        """Bytes; begins anew."""
        most, self._most = max(self._most, anonymous()), anonymous()
        return most


def anonymous() -> int:
    """Bytes that only this process has."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("RssAnon:")[2].split()[0]) * 1024


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--counts", default="250000,1000000", help="items, made up by perturbing")
    parser.add_argument("--engine", default="exact")
    parser.add_argument("--encode", type=int, help="so many items with the real encoder instead")
    parser.add_argument("--items", help="FILE.parquet:column,column for --encode")
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()) / "bench-build")
    parser.add_argument("--core", type=int, help="the one that everything runs on")
    options = parser.parse_args()
    if options.core is not None:
        os.sched_setaffinity(0, {options.core})
    options.folder.mkdir(parents=True, exist_ok=True)
    if options.encode:
        run_apart(real_encoder, options.folder, options.encode, options.items)
        return
    originals = options.folder / "originals.npy"
    if not originals.exists():
        encoder = load_encoder(None, threads=1)
        texts = [encoder.item_text(as_indexed(item)) for item in sample_items()]
        np.save(originals, encoder.encode_items(texts))
    results = []
    for count in map(int, options.counts.split(",")):
        results.append(run_apart(synthetic, options.folder, count, options.engine))
    if len(results) > 1:
        small, large = results[0], results[-1]
        more = large["items"] - small["items"]
        for stage in ("checking", "encoding", "engine and writing"):
            slope = (large[stage]["bytes"] - small[stage]["bytes"]) / more
            print(f"| {stage} | {slope:.1f} bytes for each further item |")


def run_apart(work: Callable[..., Any], *arguments: Any) -> Any:
    """In a fresh process, so that nothing of another build is measured."""
    ours, theirs = multiprocessing.get_context("spawn").Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=_answer, args=(theirs, work, arguments)
    )
    process.start()
    theirs.close()
    found = ours.recv()
    process.join()
    return found


def _answer(connection: Connection, work: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
    connection.send(work(*arguments))


def synthetic(folder: Path, count: int, engine: str) -> dict[str, Any]:
    """Build `count` items through the whole of the stream."""
    path, root = folder / f"items-{count}.jsonl", folder / f"index-{count}"
    shutil.rmtree(root, ignore_errors=True)
    if not path.exists():
        _write(path, count)
    set_threads(1)
    tower = Perturbing(np.load(folder / "originals.npy"))
    # What is imported and allocated once is no overhead an item.
    _build(Memory(), folder / "warm-up", [_sample(folder)], tower, engine, {})
    watch = Memory()
    watch.start()
    result: dict[str, Any] = {"items": count}
    before = anonymous()
    _build(watch, root, [path], tower, engine, result)
    print(f"\n{count:,} items, engine {engine}, {before / 2**20:.0f} MiB before the first item")
    for stage in ("checking", "encoding", "engine and writing"):
        found = result[stage]
        found["bytes"] -= before
        print(
            f"| {stage} | {found['s']:.1f} s | {count / found['s']:,.0f} items/s "
            f"| {found['bytes'] / 2**20:.0f} MiB | {found['bytes'] / count:.1f} bytes/item |"
        )
    shutil.rmtree(root)
    return result


def _build(
    watch: Memory,
    root: Path,
    paths: list[Path],
    tower: Perturbing,
    engine: str,
    result: dict[str, Any],
) -> None:
    store = IndexStore(root)
    begun = time.monotonic()

    def ends(stage: str) -> None:
        nonlocal begun
        result[stage] = {"s": time.monotonic() - begun, "bytes": watch.most()}
        begun = time.monotonic()

    with workplace(root) as place, Staging(place.staging, 384) as staging:
        files = ItemFiles(paths)
        files.check(_unexpected)
        ends("checking")
        encode(store, tower, files.items(), staging, place.encoded(tower.version))
        ends("encoding")
        manifest = build_staged(store, staging.finish(), encoder_version="p", engine=engine)
        place.forget_encoded(tower.version)
        ends("engine and writing")
    result["recall"] = manifest.recall_at_100


def _unexpected(row: BadRow) -> None:
    raise AssertionError(str(row))


def _sample(folder: Path) -> Path:
    path = folder / "items-warm-up.jsonl"
    if not path.exists():
        _write(path, 6_000)
    return path


def _write(path: Path, count: int) -> None:
    originals = [as_indexed(item) for item in sample_items()]
    with path.open("w") as file:
        for n in range(count):
            item = originals[n % len(originals)]
            row = {"item_id": f"item-{n:08d}", "title": f"{item.title} {n}", "price": item.price}
            file.write(json.dumps(row) + "\n")


def real_encoder(folder: Path, count: int, source: str | None) -> None:
    """Build with the real encoder, then again with one item in a hundred changed."""
    root = folder / "encoded"
    shutil.rmtree(root, ignore_errors=True)
    # Nothing of the environment's: one thread, the encoder that comes along.
    settings = Settings.model_construct(index_dir=root)
    for turn in (0, 1):
        items = list(_items(count, source, turn))
        build_version(settings, items, len(items), report=lambda *_: None)
    shutil.rmtree(root)


def _items(count: int, source: str | None, turn: int) -> Iterator[Item]:
    if source is None:
        texts = [as_indexed(item).title for item in sample_items()]
    else:
        path, _, columns = source.rpartition(":")
        table = pq.read_table(path, columns=columns.split(","))
        rows = table.slice(0, count).to_pylist()
        texts = [" ".join(value for value in row.values() if value) for row in rows]
    for n in range(min(count, len(texts))):
        words = f"{texts[n]} (new)" if turn and n % 100 == 0 else texts[n]
        yield Item(item_id=f"i{n}", title=words or "unnamed")


if __name__ == "__main__":
    main()
