"""decisions, impressions, clicks -> files of the joined log, partition by partition, to the end.

The three topics are partitioned alike by user, so each partition is joined by itself. Nothing is
committed: an export changes nothing, and may be repeated.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Final

import msgspec

from scoring.joined_log import JoinedLog, joined
from scoring.joined_log_file import write_joined_log
from streams.errors import RejectedError
from streams.learning.answered_log import by_features, log_of
from streams.learning.join import AnsweredList, Join
from streams.learning.reading import decode_joinable, moment_of
from streams.learning.searched import Progress, searched, write_searched
from streams.learning.shown_list import MadeList
from streams.learning.to_the_end import to_the_end
from streams.learning.watermark import Watermark
from streams.positions import Source
from streams.topics import topic_ids

if TYPE_CHECKING:
    from confluent_kafka import Message

    from index import IndexStore
    from streams.learning.timing import Timing
    from streams.settings import Settings

FILES: Final = (
    *(
        f"{kind}{suffix}"
        for kind in ("joined", "plain", "searched")
        for suffix in (".parquet", ".jsonl")
    ),
    "decisions.jsonl",
)
"""What an export may write; what an earlier one has left of them would belong to other lists."""

MOST: Final = 5_000_000
"""Records of a partition that may wait for others."""


@dataclass(slots=True)
class Exported:
    """What was written.

    Attributes:
        rows: File -> rows in it.
        n_lists: That were shown and are closed.
        counts: What became of records, see `Join`; `open` lists are not due yet.
        searches: Likewise, see `streams.learning.searched.Searched`.
    """

    rows: dict[str, int] = field(default_factory=dict)
    n_lists: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    searches: Counter[str] = field(default_factory=Counter)


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
    index: IndexStore | None = None,
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
        index: Says what items are: also write `searched<suffix>`, a row for each item that was
            wanted after a search.

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
        if index is not None:
            found = searched(
                settings,
                index,
                window_ms=timing.window_ms,
                since_ms=since_ms,
                progress=progress,
            )
            name = f"searched{suffix}"
            write_searched(found.rows, part / name)
            exported.rows[str(out / name)] = len(found.rows)
            exported.searches = found.counts
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
        stage = f"partition {self._partition}"
        for found in to_the_end(
            self._settings,
            self._sources,
            self._since_ms,
            lambda done, total: progress(stage, done, total),
        ):
            for source, message in found:
                if message is None:
                    self._mark.end(source)
                else:
                    self._take(source, message)
            yield self._join.close(self._mark.at_ms or 0)
        newest = max(time.time_ns() // 1_000_000, self._join.closed_ms)
        yield self._join.close(newest)
        self.counts += self._join.counts
        self.counts["open"] += self._join.n_shown

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
