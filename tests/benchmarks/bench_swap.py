"""Latency of lists while index versions are swapped, and the memory that a swap leaves behind.

    python -m tests.benchmarks.bench_swap --items 100000 --rate 200 --swaps 8 --cpu 0
    python -m tests.benchmarks.bench_swap --pairs --items 20000 --rate 100 --swaps 4

The real worker serves a steady load (`bench_latency`: open loop, from the due time to a separate
subscriber's receipt), pinned to one processor; the broker and the generator share the rest. The
same version under new names is announced again and again; with `--pairs` it takes turns with one of
another encoder (the first three layers of MiniLM), and lists of mixed versions are counted.
"During" are the events that were due between an announcement and half a second after its swap;
"before" those until the first one.
"""

import argparse
import itertools
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import msgspec
import numpy as np

from index import IndexStore, Manifest
from index.manifest import MANIFEST_NAME, encode_manifest
from scoring import load_encoder
from streams import index_versions
from streams.brokers.kafka import KafkaBroker
from streams.encoders import Encoders
from streams.settings import Settings
from streams.topics import create_topics
from tests.benchmarks.bench_latency import receive, send, wait_until_it_answers
from tests.benchmarks.big_shop import build_big, ensure_index
from tests.benchmarks.sides import Topics
from tests.integration.shop import read_all

AFTER_S = 0.5
SWAPPED = b"index version swapped in"


def copy_under_new_name(store: IndexStore, manifest: Manifest, number: int) -> Manifest:
    """The same files as another version, made current."""
    copy = msgspec.structs.replace(manifest, version=f"{manifest.version}.{number}").sealed()
    folder = store.root / copy.version
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(store.root / manifest.version, folder, copy_function=os.link)
    (folder / MANIFEST_NAME).unlink()
    (folder / MANIFEST_NAME).write_bytes(encode_manifest(copy))
    store.set_current(copy.version)
    return copy


def shallow_minilm(folder: Path) -> Path:
    """MiniLM without its upper three layers: another encoder, of the same width."""
    from transformers import AutoModel

    from scoring.folder import find_folder

    source = find_folder(None)
    model = AutoModel.from_pretrained(source, local_files_only=True, use_safetensors=True)
    model.encoder.layer = model.encoder.layer[:3]
    model.config.num_hidden_layers = 3
    model.save_pretrained(folder)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        shutil.copyfile(source / name, folder / name)
    return folder


def ensure_pair(settings: Settings, args: argparse.Namespace) -> Manifest:
    """The same items by another encoder, kept beside the versions; not made current."""
    store = IndexStore(settings.index_dir)
    first = store.manifest()
    folder = args.cache / "minilm-3"
    encoder = load_encoder(
        folder if folder.is_dir() else shallow_minilm(folder), threads=os.cpu_count() or 1
    )
    Encoders(settings).keep(folder, encoder.version)
    built = [m for m in store.versions() if m.encoder_version == encoder.version]
    other = built[0] if built else build_big(store, encoder, args.items, args.engine)
    store.set_current(first.version)
    return other


class _Pair(msgspec.Struct):
    encoder_version: str
    index_version: str


def n_mixed(settings: Settings, topic: str) -> tuple[int, int]:
    """Lists, and those of them whose encoder is not that of their index."""
    decode = msgspec.json.Decoder(_Pair).decode
    belongs = {m.version: m.encoder_version for m in IndexStore(settings.index_dir).versions()}
    pairs = [decode(message.value() or b"") for message in read_all(settings, [topic])]
    return len(pairs), sum(belongs[p.index_version] != p.encoder_version for p in pairs)


def memory_mib(pid: int) -> dict[str, float]:
    """Resident memory: of the process itself, and with the files that it maps."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    found = dict(line.split(":", 1) for line in lines if line.startswith(("VmRSS", "RssAnon")))
    return {name: int(value.split()[0]) / 1024 for name, value in found.items()}


class Swaps(threading.Thread):
    """Announces a version every so many seconds, beginning after a while."""

    def __init__(
        self,
        settings: Settings,
        log: Path,
        pid: int,
        args: argparse.Namespace,
        other: Manifest | None,
    ) -> None:
        super().__init__(daemon=True)
        self._settings, self._log, self._pid, self._args = settings, log, pid, args
        self._store = IndexStore(settings.index_dir)
        self._original = self._store.manifest()
        turns = [self._original] if other is None else [other, self._original]
        self._copies = [
            copy_under_new_name(self._store, turns[n % len(turns)], n) for n in range(args.swaps)
        ]
        self.windows: list[tuple[int, int]] = []
        self.memory: list[dict[str, float]] = []

    def run(self) -> None:
        """Swap, and look at the memory before each announcement and after the last."""
        begun = time.monotonic()
        for number, copy in enumerate(self._copies):
            at = begun + self._args.warm + self._args.seconds + number * self._args.every
            time.sleep(max(0.0, at - time.monotonic()))
            self.memory.append(memory_mib(self._pid))
            announced = time.time_ns()
            self._store.set_current(copy.version)
            index_versions.announce(self._settings, copy)
            while self._log.read_bytes().count(SWAPPED) <= number:
                time.sleep(0.01)
            time.sleep(AFTER_S)
            self.windows.append((announced, time.time_ns()))
        time.sleep(self._args.every / 2)
        self.memory.append(memory_mib(self._pid))

    def tidy(self) -> None:
        """The store as it was."""
        self._store.set_current(self._original.version)
        for copy in self._copies:
            shutil.rmtree(self._store.root / copy.version)


def measure(broker: KafkaBroker, folder: Path, args: argparse.Namespace) -> None:
    """One worker, one load, all swaps; prints two tables."""
    settings = Settings(
        bootstrap_servers=broker.bootstrap,
        app_id="swap",
        topic_prefix="swap.",
        index_dir=ensure_index(args.cache, args.items, args.engine),
        state_dir=folder / "state",
        publish_latest=False,
    )
    create_topics(settings)
    other = ensure_pair(settings, args) if args.pairs else None
    names = {kind: settings.topic(kind) for kind in ("clicks", "searches", "recommendations")}
    topics = Topics(names["clicks"], names["searches"], names["recommendations"], "swap")
    chosen = ("bootstrap_servers", "app_id", "topic_prefix", "index_dir", "state_dir")
    values = {f"RILLSTREAM_{name.upper()}": str(getattr(settings, name)) for name in chosen}
    log = folder / "worker.log"
    pin = [] if args.cpu is None else ["taskset", "-c", str(args.cpu)]
    with log.open("wb") as file:
        process = subprocess.Popen(
            [*pin, sys.executable, "-m", "streams.cli.main", "worker"],
            env={
                **os.environ,
                **values,
                "RILLSTREAM_PUBLISH_LATEST": "false",
                "OPENBLAS_NUM_THREADS": "1",
            },
            stdout=file,
            stderr=file,
        )
    try:
        wait_until_it_answers(process, settings.bootstrap_servers, topics)
        ours, theirs = multiprocessing.Pipe()
        reader = multiprocessing.get_context("spawn").Process(
            target=receive, args=(settings.bootstrap_servers, topics.lists, theirs)
        )
        reader.start()
        time.sleep(3)
        swaps = Swaps(settings, log, process.pid, args, other)
        begun = time.time_ns()
        swaps.start()
        seconds = args.warm + args.seconds + args.swaps * args.every
        due = send(settings.bootstrap_servers, topics, args.rate, seconds, args)
        swaps.join()
        time.sleep(3)
        ours.send("done")
        received = ours.recv()
        reader.join()
        lists, mixed = n_mixed(settings, topics.lists)
        swaps.tidy()
    finally:
        process.terminate()
        process.wait(30)
    report(due, received, begun + int(args.warm * 1e9), swaps)
    print(f"lists: {lists}, of mixed versions: {mixed}")


def report(due: dict[str, int], received: dict[str, int], warm_ns: int, swaps: Swaps) -> None:
    """Two tables."""
    first = swaps.windows[0][0]
    spans = {"before": [(warm_ns, first)], "during": swaps.windows}
    spans["between"] = [(end, begin) for (_, end), (begin, _) in itertools.pairwise(swaps.windows)]
    print("| | events | p50 ms | p95 ms | p99 ms | max ms | missing |")
    print("|---|---|---|---|---|---|---|")
    for name, windows in spans.items():
        events = [e for e, at in due.items() if any(b <= at < end for b, end in windows)]
        took = np.array([received[e] - due[e] for e in events if e in received]) / 1e6
        p50, p95, p99 = np.percentile(took, [50, 95, 99])
        missing = len(events) - len(took)
        print(
            f"| {name} | {len(took)} | {p50:.1f} | {p95:.1f} | {p99:.1f} | {took.max():.1f} | "
            f"{missing} |"
        )
    lasted = [(end - begin) / 1e9 - AFTER_S for begin, end in swaps.windows]
    print(f"\nannouncement to swap: {', '.join(f'{s:.2f}' for s in lasted)} s")
    for name in swaps.memory[0]:
        print(f"{name} MiB before each swap: {', '.join(f'{m[name]:.0f}' for m in swaps.memory)}")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--engine", default="hnsw")
    parser.add_argument("--rate", type=float, default=200)
    parser.add_argument("--pairs", action="store_true", help="another encoder at every swap")
    parser.add_argument("--swaps", type=int, default=8)
    parser.add_argument("--every", type=float, default=12, help="seconds from swap to swap")
    parser.add_argument("--warm", type=float, default=60, help="seconds of traffic beforehand")
    parser.add_argument("--seconds", type=float, default=30, help="measured before the first swap")
    parser.add_argument("--users", type=int, default=2_000)
    parser.add_argument("--cpu", type=int, default=0)
    parser.add_argument(
        "--cache", type=Path, default=Path(tempfile.gettempdir()) / "rillstream-bench"
    )
    args = parser.parse_args()
    if others := os.sched_getaffinity(0) - {args.cpu}:
        os.sched_setaffinity(0, others)  # broker, generator and subscriber inherit it
    with (
        tempfile.TemporaryDirectory() as temporary,
        KafkaBroker(Path(temporary, "kafka")) as broker,
    ):
        measure(broker, Path(temporary), args)


if __name__ == "__main__":
    main()
