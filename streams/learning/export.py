"""decisions, impressions, clicks -> files of the joined log, partition by partition, to the end.

The three topics are partitioned alike by user, so each partition is joined by itself. Nothing is
committed: an export changes nothing, and may be repeated.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import msgspec
from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from scoring.joined_log import JoinedLog, joined
from scoring.joined_log_file import write_joined_log
from streams.errors import BrokerUnavailableError, RejectedError
from streams.kafka_config import consumer_config
from streams.learning.answered_log import by_features, log_of
from streams.learning.join import AnsweredList, Join
from streams.learning.reading import decode_joinable, moment_of
from streams.learning.shown_list import MadeList
from streams.learning.watermark import Watermark
from streams.positions import Source, place_of
from streams.records import MAX_AHEAD_MS
from streams.topics import as_ours, connect, is_embedded, topic_ids

if TYPE_CHECKING:
    from confluent_kafka import Message

    from streams.learning.timing import Timing
    from streams.settings import Settings

FILES: Final = (
    *(f"{kind}{suffix}" for kind in ("joined", "plain") for suffix in (".parquet", ".jsonl")),
    "decisions.jsonl",
)
"""What an export may write; what an earlier one has left of them would belong to other lists."""

MOST: Final = 5_000_000
"""Records of a partition that may wait for others."""

ANSWER_S: Final = 15.0
SILENCE_S: Final = 30.0

Progress = Callable[[str, int, int], None]


@dataclass(slots=True)
class Exported:
    """What was written.

    Attributes:
        rows: File -> rows in it.
        n_lists: That were shown and are closed.
        counts: What became of records, see `Join`; `open` lists are not due yet.
    """

    rows: dict[str, int] = field(default_factory=dict)
    n_lists: int = 0
    counts: Counter[str] = field(default_factory=Counter)


def export(
    settings: Settings,
    timing: Timing,
    out: Path,
    *,
    suffix: str,
    since_ms: int,
    names: dict[str, tuple[str, ...]],
    progress: Progress,
    decisions: bool = False,
) -> Exported:
    """Write `joined<suffix>`, lists with features, and `plain<suffix>`, those without.

    The files of an earlier export are replaced at the end, all together; one that this export has
    nothing for goes. What fails leaves them as they were.

    Args:
        settings: Where the topics are.
        timing: Of the join.
        out: Folder; made where it is missing.
        suffix: .parquet or .jsonl.
        since_ms: Lists that were made before are left out.
        names: Version of columns -> their names; rows of others go without features.
        progress: Told the stage, how far, and of how much.
        decisions: Also write `decisions.jsonl`: the records as they are, a line each.

    Raises:
        BrokerUnavailableError: No broker answers, or it fell silent.
        TopicMismatchError: A topic is missing.
    """
    exported = Exported()
    logs: dict[str, list[JoinedLog]] = {}
    out.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory(prefix=".export-", dir=out) as folder, ExitStack() as opened:
        part = Path(folder)
        records = _Records(opened, part / "decisions.jsonl", since_ms) if decisions else None
        for partition in range(settings.partitions):
            read = _Partition(settings, timing, partition, since_ms, records)
            for lists in read.closed(progress):
                kept = [each for each in lists if each.made.moment_ms >= since_ms]
                exported.n_lists += len(kept)
                for version, some in by_features(kept).items():
                    name = version if version in names else ""
                    exported.counts["other_features"] += len(some) if version and not name else 0
                    logs.setdefault(name, []).append(log_of(some, names.get(name, ())))
            exported.counts += read.counts
        opened.close()
        if records is not None:
            exported.rows[str(out / records.file.name)] = records.n_written
        for version, parts in logs.items():
            name = f"{'joined' if version else 'plain'}{suffix}"
            log = joined(parts)
            write_joined_log(log, part / name)
            exported.rows[str(out / name)] = len(log)
        _replace(part, out)
    return exported


def _replace(part: Path, out: Path) -> None:
    """Put the files of an export in the place of those of an earlier one."""
    for name in FILES:
        if (part / name).exists():
            (part / name).replace(out / name)
        else:
            (out / name).unlink(missing_ok=True)


class _Records:
    """A file of the decisions' own records."""

    def __init__(self, opened: ExitStack, file: Path, since_ms: int) -> None:
        self.file = file
        self.n_written = 0
        self._since_ms = since_ms
        self._lines = opened.enter_context(file.open("wb"))

    def take(self, made: MadeList, raw: bytes) -> None:
        """A record, in one line; those of shadows are written, too."""
        if made.moment_ms >= self._since_ms:
            self._lines.write(msgspec.json.format(raw, indent=-1) + b"\n")
            self.n_written += 1


class _Partition:
    """One partition of the three topics, from a moment to the end that it has now."""

    def __init__(
        self,
        settings: Settings,
        timing: Timing,
        partition: int,
        since_ms: int,
        records: _Records | None,
    ) -> None:
        self._settings = settings
        self._partition = partition
        self._since_ms = since_ms
        self._records = records
        self._kinds = {
            settings.topic(kind): kind for kind in ("decisions", "impressions", "clicks")
        }
        self._sources: list[Source] = [(topic, partition) for topic in self._kinds]
        self._join = Join(timing.window_ms, most=MOST)
        self._mark = Watermark(self._sources, timing.lateness_ms, idle_s=float("inf"))
        self.counts: Counter[str] = Counter()

    def closed(self, progress: Progress) -> Iterator[list[AnsweredList]]:
        """Lists as they are closed."""
        topic_ids(self._settings, self._kinds)  # or a missing topic would be an empty one
        consumer = Consumer(
            consumer_config(
                self._settings,
                f"{self._settings.app_id}-export",
                **{"enable.partition.eof": True},
            )
        )
        try:
            yield from self._read(consumer, progress)
        except KafkaException as exception:
            raise as_ours(self._settings, exception.args[0], "the export stopped") from None
        finally:
            consumer.close()
        newest = max(time.time_ns() // 1_000_000, self._join.closed_ms)
        yield self._join.close(newest)
        self.counts += self._join.counts
        self.counts["open"] += self._join.n_shown

    def _read(self, consumer: Consumer, progress: Progress) -> Iterator[list[AnsweredList]]:
        starts, n_left = self._starts(consumer)
        stage, n_all, n_read = f"partition {self._partition}", n_left, 0
        consumer.assign(starts)
        waiting, heard_s = set(self._sources), time.monotonic()
        while waiting:
            messages = consumer.consume(1_000, 1.0)
            if messages:
                heard_s = time.monotonic()
            elif time.monotonic() - heard_s > SILENCE_S:
                raise BrokerUnavailableError(
                    f"the export stopped: {self._settings.bootstrap_servers} was silent for "
                    f"{SILENCE_S:.0f} s; try again"
                )
            for message in messages:
                source = (message.topic() or "", place_of(message)[0])
                error = message.error()
                if error is None:
                    n_read += 1
                    self._take(source, message)
                elif error.code() == KafkaError._PARTITION_EOF:  # noqa: SLF001 - it has no public name
                    waiting.discard(source)
                    self._mark.end(source)
                elif not error.retriable():
                    raise KafkaException(error)
            progress(stage, min(n_read, n_all), n_all)
            yield self._join.close(self._mark.at_ms or 0)

    def _starts(self, consumer: Consumer) -> tuple[list[TopicPartition], int]:
        """Where each source begins; nothing of a later moment was produced much before it."""
        asked = [
            TopicPartition(topic, partition, max(0, self._since_ms - MAX_AHEAD_MS))
            for topic, partition in self._sources
        ]
        _, cluster = connect(self._settings, ANSWER_S)
        if self._since_ms and not is_embedded(cluster):  # which knows no times
            asked = consumer.offsets_for_times(asked, timeout=ANSWER_S)
        else:
            asked = [TopicPartition(*source, 0) for source in self._sources]
        n_left = 0
        for place in asked:
            low, high = consumer.get_watermark_offsets(place, timeout=ANSWER_S)
            place.offset = high if place.offset < 0 else max(low, place.offset)
            n_left += high - place.offset
        return asked, n_left

    def _take(self, source: Source, message: Message) -> None:
        try:
            record = decode_joinable(
                self._kinds[source[0]],
                message.key(),
                message.value(),
                max_bytes=self._settings.max_message_bytes,
            )
        except RejectedError:
            self.counts["unreadable"] += 1
            return
        if self._records is not None and isinstance(record, MadeList):
            self._records.take(record, message.value() or b"")
        self._mark.observe(source, moment_of(record), message.timestamp()[1])
        self._join.observe(record)
