"""searches, clicks and an index version -> rows of query and title: what an encoder learns from."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from index.version_rows import version_rows
from scoring.encoder import Encoder
from scoring.training.split import place_of
from streams.errors import RejectedError
from streams.events import decode_click, decode_search
from streams.learning.search_answers import SearchAnswers, Wanted
from streams.learning.to_the_end import to_the_end
from streams.list_records import recommendation_id
from streams.positions import place_of as position_of
from streams.records import check_key
from streams.row import Source
from streams.topics import topic_ids

if TYPE_CHECKING:
    from confluent_kafka import Message

    from index import IndexStore
    from streams.settings import Settings

Progress = Callable[[str, int, int], None]


class SearchedRow(msgspec.Struct, frozen=True):
    """One item that was wanted after one search.

    Attributes:
        query: What was typed.
        title: What the encoder reads of the item, see `scoring.Encoder.item_text`.
        score: 1 looked at, 2 put in the cart or kept, 3 bought.
        item_id: The item.
        user_id: Who.
        event_id: Of the search.
        at_ms: Of the search.
        simulated: Made up by a program.
    """

    query: str
    title: str
    score: int
    item_id: str
    user_id: str
    event_id: str
    at_ms: int
    simulated: bool


@dataclass(slots=True)
class Searched:
    """What was found.

    Attributes:
        rows: In the order of searches.
        counts: `searches`, `duplicates`, `unasked` clicks, `unreadable` records; `no_item` rows
            about items that the index does not have, which are left out.
    """

    rows: list[SearchedRow] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


def searched(
    settings: Settings,
    store: IndexStore,
    *,
    window_ms: int,
    since_ms: int,
    progress: Progress,
) -> Searched:
    """Everything that the topics hold.

    Args:
        settings: Where the topics are.
        store: Its current version says what items are.
        window_ms: From a search to its last answer.
        since_ms: Earlier searches are left out.
        progress: Told the stage, how far, and of how much.

    Raises:
        BrokerUnavailableError: No broker answers, or it fell silent.
        TopicMismatchError: A topic is missing.
        NoCurrentVersionError: There is no index.
    """
    manifest = store.manifest()
    found, wanted = Searched(), list[Wanted]()
    ids = topic_ids(settings, [settings.topic(kind) for kind in ("searches", "clicks")])
    for partition in range(settings.partitions):
        read = _Partition(settings, ids, partition, window_ms, since_ms, progress)
        wanted += read.wanted()
        found.counts += read.counts
    texts = _texts(store, manifest.version, {each.item_id for each in wanted})
    wanted.sort()
    for each in wanted:
        title = texts.get(each.item_id)
        if title is None:
            found.counts["no_item"] += 1
            continue
        found.rows.append(SearchedRow(title=title, **each._asdict()))
    return found


def write_searched(rows: Sequence[SearchedRow], file: Path) -> None:
    """Write rows as .jsonl, or else as .parquet."""
    if file.suffix == ".jsonl":
        file.write_bytes(b"".join(msgspec.json.encode(row) + b"\n" for row in rows))
        return
    import pyarrow as pa
    from pyarrow import parquet

    kinds = {"score": pa.int64(), "at_ms": pa.int64(), "simulated": pa.bool_()}
    names = SearchedRow.__struct_fields__
    columns: dict[str, Any] = {
        name: pa.array([getattr(row, name) for row in rows], kinds.get(name, pa.string()))
        for name in names
    }
    parquet.write_table(pa.table(columns), file)


def read_searched(file: Path) -> list[SearchedRow]:
    """The rows of a .parquet file that `write_searched` has written."""
    from pyarrow import parquet

    return msgspec.convert(parquet.read_table(file).to_pylist(), list[SearchedRow])


def read_queries(file: Path) -> set[str]:
    """What was typed, of such a file: its other columns would take 1 KB of memory a row."""
    from pyarrow import parquet

    found = parquet.read_table(file, columns=["query"]).column("query")
    return set(found.unique().to_pylist())


def _texts(store: IndexStore, version: str, wanted: Set[str]) -> dict[str, str]:
    return {
        item.item_id: Encoder.item_text(item)
        for rows in version_rows(store, version)
        for item in rows.items
        if item.item_id in wanted
    }


def some_texts(store: IndexStore, version: str, share: float) -> list[str]:
    """What an encoder reads of a share of a version's items, the same ones each time."""
    return [
        Encoder.item_text(item)
        for rows in version_rows(store, version)
        for item in rows.items
        if place_of(item.item_id, "some texts") < share
    ]


class _Partition:
    """One partition of both topics: a user's records are all in one."""

    def __init__(
        self,
        settings: Settings,
        topic_ids: dict[str, str],
        partition: int,
        window_ms: int,
        since_ms: int,
        progress: Progress,
    ) -> None:
        self._settings = settings
        self._ids = topic_ids
        self._partition = partition
        self._since_ms = since_ms
        self._progress = progress
        self._answers = SearchAnswers(window_ms)
        self.counts: Counter[str] = Counter()

    def wanted(self) -> list[Wanted]:
        """All of it: searches are read before clicks, so none need wait for another."""
        self._read("searches", self._take_search)
        self._read("clicks", self._take_click)
        self.counts += self._answers.counts
        return list(self._answers.wanted())

    def _read(self, kind: str, take: Callable[[Message, int], None]) -> None:
        source = (self._settings.topic(kind), self._partition)  # type: ignore[arg-type]
        stage = f"{kind} {self._partition}"
        for found in to_the_end(
            self._settings,
            [source],
            self._since_ms,
            lambda done, total: self._progress(stage, done, total),
        ):
            now_ms = time.time_ns() // 1_000_000
            for _, message in found:
                if message is None:
                    continue
                try:
                    take(message, now_ms)
                except RejectedError:
                    self.counts["unreadable"] += 1

    def _take_search(self, message: Message, now_ms: int) -> None:
        search = decode_search(message.value(), now_ms, max_bytes=self._settings.max_message_bytes)
        check_key(message.key(), search.user_id)
        if search.at_ms >= self._since_ms:
            partition, offset = position_of(message)
            place = Source(f"{self._ids[message.topic() or '']}:{partition}", offset)
            self._answers.search(search, recommendation_id(place))

    def _take_click(self, message: Message, now_ms: int) -> None:
        click = decode_click(message.value(), now_ms, max_bytes=self._settings.max_message_bytes)
        check_key(message.key(), click.user_id)
        self._answers.click(click)
