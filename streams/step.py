"""The step that all events share: a batch's rows -> decisions -> one ranking call -> lists."""

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import structlog

from scoring import Request, Slate
from streams.dead_letter import dead_letter_record
from streams.decision import Decision, Shop
from streams.errors import FatalError, RejectedError
from streams.list_records import ListRecords, Pending, Ranking, recommendation_id
from streams.metrics import StepMetrics
from streams.outbox import Letter, Outbox
from streams.records import encode
from streams.row import Source, UserRow
from streams.runs import Claim, Record, Run
from streams.shop_count_record import is_count
from streams.shop_counting import count_batch
from streams.shown_items import ShownItems

log = structlog.get_logger(__name__)

Apply = Callable[[Record, Source, UserRow, Shop], tuple[UserRow, Decision | None]]
"""What an agent's file offers: a record and its user's row -> the new row, and the list to make."""


class Rows(Protocol):
    """Where rows are read; `streams.table.RowTable` is one."""

    def get_many(self, partition: int, keys: Sequence[bytes]) -> list[bytes | None]:
        """The row of each key, None where there is none."""


@dataclass(frozen=True, slots=True)
class Publishing:
    """Which topics the lists go to; None where a setting has switched one off."""

    recommendations: str
    latest: str | None
    features: str | None
    decisions: str | None = None
    shop_counts: str | None = None

    @property
    def topics(self) -> list[str]:
        """Those that are on."""
        every = (self.recommendations, self.latest, self.features, self.decisions, self.shop_counts)
        return [topic for topic in every if topic is not None]


class RecommendationStep:
    """Applies a batch of runs.  Bad records become dead letters; the batch always goes on."""

    def __init__(
        self,
        rows: Rows,
        ranking: Ranking,
        apply: Mapping[str, Apply],
        topic_ids: Mapping[str, str],
        publishing: Publishing,
        *,
        max_bytes: int,
        metrics: StepMetrics,
        items_read: Callable[[], Mapping[str, int]] = dict,
    ) -> None:
        self._records = ListRecords(ranking, items_read)
        self._rows = rows
        self._ranking = ranking
        self._apply = apply
        self._topic_ids = topic_ids
        self._publishing = publishing
        self._max_bytes = max_bytes
        self._metrics = metrics
        self._shown = ShownItems()
        metrics.shown_gini.set_function(self._shown.gini)

    def __call__(self, runs: Sequence[Run], claim: Claim) -> Outbox:
        """One batch; called in the lane's thread."""
        outbox = Outbox.of(runs, claim)
        now_ms = time.time_ns() // 1_000_000
        shop_counts = self._publishing.shop_counts
        shop = Shop(self._ranking.catalogue, now_ms, self._max_bytes)
        if shop_counts is not None:
            shop.counted = []
        pending: list[Pending] = []
        users: dict[int, dict[bytes, UserRow]] = {}
        for run in runs:
            pending += self._apply_run(run, shop, users, outbox)
        for partition, rows in users.items():
            outbox.rows[partition] = {key: row.encode() for key, row in rows.items()}
        if shop_counts is not None and shop.counted:
            count_batch(shop.counted, self._rows, shop_counts, outbox)
        self._publish(pending, self._recommend(pending, now_ms, outbox), now_ms, outbox)
        n_lists = len(outbox.messages.get(self._publishing.recommendations, ()))
        self._metrics.batch(runs, n_lists, shop.counts["unknown_items"])
        return outbox

    def _apply_run(
        self, run: Run, shop: Shop, users: dict[int, dict[bytes, UserRow]], outbox: Outbox
    ) -> list[Pending]:
        apply, source_key = self._apply[run.topic], f"{self._topic_ids[run.topic]}:{run.partition}"
        known = self._load(run, users.get(run.partition, {}))
        changed = users.setdefault(run.partition, {})
        pending = []
        for record in run.records:
            key, source = record.key, Source(source_key, record.offset)
            before = changed.get(key) if key in changed else known.get(key)
            try:
                row, decision = apply(record, source, before or UserRow.empty(), shop)
            except RejectedError as error:
                outbox.letters.append(letter(record, run, error))
            except FatalError:
                raise
            except Exception as error:  # a fault of ours must not lose the event either
                log.exception("event could not be applied", topic=run.topic, offset=record.offset)
                outbox.letters.append(letter(record, run, error))
            else:
                # Assign even when the row is as it was: the crash may have come before its
                # changelog entry was sent.
                changed[key] = row  # type: ignore[index]  # a record that was applied has a key
                if decision is not None:
                    pending.append(Pending(decision, record, run, source, row))
        return pending

    def _load(self, run: Run, here: Mapping[bytes, UserRow]) -> dict[bytes | None, UserRow]:
        wanted = {r.key for r in run.records if r.key is not None and r.key not in here}
        # Who sends under the key of a count gets a dead letter: a count is no row.
        keys = [key for key in wanted if not is_count(key)]
        stored = self._rows.get_many(run.partition, keys)
        return {k: UserRow.decode(row) for k, row in zip(keys, stored, strict=True) if row}

    def _recommend(self, pending: list[Pending], now_ms: int, outbox: Outbox) -> list[Slate | None]:
        requests = [
            Request(
                d.user_id,
                d.event_at_ms,
                d.history,
                d.query,
                filter=d.filter,
                recommendation_id=recommendation_id(p.source),
                region=d.region,
            )
            for p, d in ((p, p.decision) for p in pending)
        ]
        if not requests:
            return []
        try:
            return list(self._ranking.recommend(requests))
        except FatalError:
            raise
        except Exception:  # one bad request must not take the batch with it
            log.exception("ranking a batch failed, ranking its events one by one")
        slates: list[Slate | None] = []
        for p, request in zip(pending, requests, strict=True):
            try:
                slates.append(self._ranking.recommend([request])[0])
            except FatalError:
                raise
            except Exception as error:
                log.exception(
                    "event could not be ranked", topic=p.run.topic, offset=p.record.offset
                )
                outbox.letters.append(letter(p.record, p.run, error))
                slates.append(None)
        return slates

    def _publish(
        self, pending: list[Pending], slates: list[Slate | None], now_ms: int, outbox: Outbox
    ) -> None:
        publishing, latest = self._publishing, dict[bytes | None, bytes]()
        effects: Counter[str] = Counter()
        for p, slate in zip(pending, slates, strict=True):
            if slate is None:
                continue
            body = encode(self._records.recommendation(p, slate, now_ms))
            outbox.send(publishing.recommendations, p.record.key, body)
            latest[p.record.key] = body
            if publishing.features is not None:
                outbox.send(
                    publishing.features, p.record.key, self._records.features(p, slate, now_ms)
                )
            if publishing.decisions is not None:
                for each in (slate, *slate.shadows):
                    if each.evidence is not None:
                        made = self._records.decision(
                            p, each, each.evidence, now_ms, each is not slate
                        )
                        outbox.send(publishing.decisions, p.record.key, made)
            effects.update(slate.rules)
        self._metrics.rules(effects)
        lists = [[item.item_id for item in slate.items] for slate in slates if slate is not None]
        ranking = self._ranking
        self._metrics.shown(*self._shown.take(ranking.index_version, ranking.catalogue, lists))
        if publishing.latest is not None:
            for key, body in latest.items():
                outbox.send(publishing.latest, key, body)


def letter(record: Record, run: Run, error: Exception) -> Letter:
    """A record that cannot be used, as it was, with where it was and why."""
    rejected = error if isinstance(error, RejectedError) else RejectedError(repr(error), "internal")
    topic, key, value, headers = dead_letter_record(
        record.value,
        run.topic,
        run.partition,
        record.offset,
        record.key,
        rejected.reason,
        rejected.kind,
        headers=record.headers,
    )
    return Letter(topic, key, value, headers)
