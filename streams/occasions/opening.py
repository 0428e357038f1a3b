"""Settings, files of events and a time -> a shop as it was then, and what was asked of it."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from index import set_threads
from scoring import QueryVectors, RelatedItems, load_ranker
from streams.encoders import Encoders
from streams.errors import BadFileError
from streams.index_folder import index_store
from streams.occasions.asking import Hindsight
from streams.occasions.occasion import Occasion
from streams.occasions.reading import Past, Span, read_past
from streams.past_rows import known_in
from streams.rules_file import rules_of
from streams.settings import Settings


def open_hindsight(
    settings: Settings,
    files: Sequence[Path],
    span: Span,
    *,
    at_most: int | None = None,
    seed: int = 0,
    progress: Callable[[int], None] = lambda n_events: None,
) -> Hindsight:
    """The current index under the popularity of that time, and the occasions of the span.

    Args:
        settings: Where the index is, and the rules, related items and encoder that lists use.
        files: Events from long enough before the span.
        span: Which occasions.
        at_most: So many of them, drawn by chance.
        seed: Of that chance.
        progress: See `reading.read_past`.

    Raises:
        BadFileError: A bad row, or nothing that was wanted in that time.
        NoCurrentVersionError: There is no index.
        RulesError: The file of rules cannot be followed.
    """
    set_threads(settings.faiss_threads)
    rules = rules_of(settings)
    related = None if settings.related is None else RelatedItems.load(settings.related)
    snapshot = index_store(settings).open(ef_search=settings.ef_search)
    catalogue = snapshot.catalogue
    past = read_past(files, span, known_in(catalogue), progress, counts=settings.shop_counts)
    occasions = _some(past, span, at_most, seed)
    counts = np.array([past.popularity[item_id] for item_id in catalogue.ids], np.float32)
    ranker = None
    if settings.ranker is not None:
        ranker = load_ranker(settings.ranker, settings.torch_device)
    queries = None
    if any(each.request.query for each in occasions):
        queries = QueryVectors(Encoders(settings).load(snapshot.encoder_version))
    return Hindsight(
        snapshot.with_popularity(counts),
        occasions,
        queries=queries,
        rules=rules,
        related=related,
        ranker=ranker,
        counted=past.counted if settings.shop_counts else None,
    )


def _some(past: Past, span: Span, at_most: int | None, seed: int) -> list[Occasion]:
    if not past.occasions:
        raise BadFileError(
            f"no purchase, view or click {_day(span.from_ms)} to {_day(span.until_ms)}: "
            f"{_extent(past)}; set --since and --until to days that the files have"
        )
    if at_most is None or len(past.occasions) <= at_most:
        return past.occasions
    chosen = sorted(random.Random(seed).sample(range(len(past.occasions)), at_most))  # noqa: S311 - no secret
    return [past.occasions[place] for place in chosen]


def _extent(past: Past) -> str:
    """What the files have up to the end of the span."""
    if past.first_ms < 0:
        return "the files have no events"
    begins = f"events begin on {_day(past.first_ms)}"
    return begins + (f", the last before that end is of {_day(past.last_ms)}" * bool(past.n_events))


def _day(at_ms: int) -> str:
    return time.strftime("%F", time.gmtime(at_ms / 1000))
