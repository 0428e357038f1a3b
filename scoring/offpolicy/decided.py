"""Logged lists beside the records of their decisions: candidates, caps and pins, in batches."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from scoring.offpolicy.logged_lists import LoggedLists
from scoring.slates.chance import uniforms
from scoring.slates.draw import draw
from scoring.slates.drawing import Drawing
from scoring.slates.evidence import Evidence, floor_of, sampled_scores
from scoring.slates.field import UNLIMITED, Cap, Drawn, Field, Floor

NO_RECORD: Final = "no record of its decision"
DIVERSE: Final = "a diverse draw, whose vectors no record has"
OTHER_LIST: Final = "not the list that its decision draws"
OTHER_PROPENSITY: Final = "a propensity that is not that of its decision"

_CLOSE: Final = 1e-6


@dataclass(frozen=True, slots=True)
class Decided:
    """B lists that were drawn in one way, with what they were drawn from.

    Attributes:
        rows: (B,) their numbers among the logged lists.
        ids: B recommendation ids.
        item_ids: B times the ids of the candidates.
        field: Scores are the log's own.
        drawing: How they were drawn.
        lists: Drawn again, with what was pinned.
    """

    rows: NDArray[np.int64]
    ids: list[str]
    item_ids: list[tuple[str, ...]]
    field: Field
    drawing: Drawing
    lists: Drawn

    @property
    def is_uniform(self) -> bool:
        """Whether every list of candidates, none twice, was as likely as any other."""
        acts = bool(self.field.caps) or bool(self.field.floors) or bool(self.lists.pinned.any())
        return self.drawing.epsilon == 1 and not acts


def decided(
    lists: LoggedLists, records: Iterable[Evidence], at_once: int, lost: Counter[str]
) -> Iterator[Decided]:
    """Batches of the lists that their records draw again, as the records come.

    A list counts only if its record, by the code that made it, gives the same items with the same
    propensities: a shop that shows something else, or a log that was joined wrongly, is noticed.

    Args:
        lists: Of the log.
        records: Of decisions, in any order, more than are needed; the first of each id counts.
        at_once: At most so many lists in a batch; so many records of each kind are held.
        lost: Lists that are in no batch are counted here, all of them when the last has come.
    """
    wanted: dict[str, int] = {each: row for row, each in enumerate(lists.ids.tolist())}
    alike: defaultdict[tuple[object, ...], list[tuple[int, Evidence]]] = defaultdict(list)
    for record in records:
        row = wanted.pop(record.recommendation_id, None)
        if row is None:
            continue
        if record.drawing.is_diverse:
            lost[DIVERSE] += 1
            continue
        if not record.item_ids:
            lost[OTHER_LIST] += 1
            continue
        floors = tuple((floor.name, floor.share) for floor in record.floors)
        names = (*(cap.name for cap in record.caps), *floors)
        size = 1 << (len(record.item_ids) - 1).bit_length()
        kind = record.drawing, names, bool(record.pins), size
        alike[kind].append((row, record))
        if len(alike[kind]) == at_once:
            yield from _kept(alike.pop(kind), lists, lost)
    if wanted:
        lost[NO_RECORD] += len(wanted)
    for pairs in alike.values():
        yield from _kept(pairs, lists, lost)


def _kept(
    pairs: list[tuple[int, Evidence]], lists: LoggedLists, lost: Counter[str]
) -> Iterator[Decided]:
    batch = _batch(pairs, pairs[0][1].drawing)
    kept = _compared(batch, lists, lost)
    if kept.any():
        yield _part(batch, kept)


def _batch(pairs: list[tuple[int, Evidence]], drawing: Drawing) -> Decided:
    rows = np.array([row for row, _ in pairs])
    records = [record for _, record in pairs]
    ids = [record.recommendation_id for record in records]
    lengths = np.array([len(record.item_ids) for record in records])
    there = np.arange(lengths.max()) < lengths[:, None]
    caps = [
        Cap(
            cap.name,
            _padded([each.caps[at].groups for each in records], there, -1).astype(np.int64),
            _padded([each.caps[at].limits for each in records], there, UNLIMITED).astype(np.int64),
        )
        for at, cap in enumerate(records[0].caps)
    ]
    floors = []
    for at, floor in enumerate(records[0].floors):
        rows_at = [floor_of(each.floors[at], there.shape[1]).members for each in records]
        floors.append(Floor(floor.name, np.vstack(rows_at), floor.share))
    field = Field(
        scores=_padded([each.scores for each in records], there, 0.0),
        there=there,
        caps=caps,
        floors=floors,
        pins=np.array([each.pins for each in records], np.int64) if records[0].pins else None,
        features=[np.array(each.features) for each in records] if records[0].features else (),
    )
    chance = uniforms(ids, drawing.size)
    drawn = draw(field, drawing, chance, sampled_scores(field, ids, drawing))
    return Decided(rows, ids, [each.item_ids for each in records], field, drawing, drawn)


def _padded(
    rows: Sequence[Sequence[float]], there: NDArray[np.bool_], rest: float
) -> NDArray[np.float64]:
    found = np.full(there.shape, float(rest))
    found[there] = np.concatenate([np.asarray(row, np.float64) for row in rows])
    return found


def _compared(batch: Decided, lists: LoggedLists, lost: Counter[str]) -> NDArray[np.bool_]:
    """(B,) whether the log has what was drawn again; counts what it has not."""
    drawn, n_ranks = batch.lists, lists.there.shape[1]
    kept = np.zeros(len(batch.rows), np.bool_)
    for at, row in enumerate(batch.rows.tolist()):
        n = int(drawn.exists[at].sum())
        again = [batch.item_ids[at][place] for place in drawn.places[at, :n].tolist()]
        if n > n_ranks or again != lists.items[row, lists.there[row]].tolist():
            lost[OTHER_LIST] += 1
        elif not np.allclose(
            lists.propensities[row, :n], drawn.propensities[at, :n], rtol=_CLOSE, atol=0
        ):
            lost[OTHER_PROPENSITY] += 1
        else:
            kept[at] = True
    return kept


def _part(batch: Decided, kept: NDArray[np.bool_]) -> Decided:
    """Some lists of a batch."""
    if kept.all():
        return batch
    users = np.flatnonzero(kept)
    return Decided(
        batch.rows[kept],
        [batch.ids[at] for at in users.tolist()],
        [batch.item_ids[at] for at in users.tolist()],
        rows_of(batch.field, users),
        batch.drawing,
        lists_of(batch.lists, users),
    )


def rows_of(field: Field, users: NDArray[np.int64]) -> Field:
    """The field of some users, each as often as it is named."""
    return Field(
        scores=field.scores[users],
        there=field.there[users],
        caps=[Cap(cap.name, cap.groups[users], cap.limits[users]) for cap in field.caps],
        floors=[Floor(each.name, each.members[users], each.share) for each in field.floors],
        pins=None if field.pins is None else field.pins[users],
        features=[field.features[at] for at in users.tolist()] if field.features else (),
    )


def lists_of(drawn: Drawn, users: NDArray[np.int64]) -> Drawn:
    """The lists of some users."""
    return Drawn(
        drawn.places[users], drawn.exists[users], drawn.propensities[users], drawn.pinned[users], {}
    )
