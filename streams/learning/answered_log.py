"""Answered lists -> the joined log: a row for each item of a list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np

from scoring.joined_log import JoinedLog, joined_log
from streams.learning.answers import Answer
from streams.learning.join import AnsweredList

_NONE = Answer()


def log_of(lists: Sequence[AnsweredList], feature_names: tuple[str, ...]) -> JoinedLog:
    """The lists' rows.

    Args:
        lists: All with features of these columns; with none, where there are no names.
        feature_names: F.
    """
    rows = [row for each in lists for row in _rows(each)]
    features = np.empty((len(rows), 0), np.float32)
    if feature_names and lists:
        features = np.concatenate([each.made.features for each in lists])
    return joined_log(rows, features, feature_names)


def by_features(lists: Iterable[AnsweredList]) -> dict[str, list[AnsweredList]]:
    """Lists by what their columns are; '' = those without any."""
    found: dict[str, list[AnsweredList]] = {}
    for each in lists:
        found.setdefault(each.made.features_version or "", []).append(each)
    return found


def _rows(answered: AnsweredList) -> Iterator[tuple[Any, ...]]:
    """In the order of `scoring.joined_log.row_fields`."""
    made = answered.made
    versions = (made.heads_version, made.policy_version, made.index_version)
    shown = zip(made.items, made.propensities, strict=True)
    for rank, (item, propensity) in enumerate(shown, start=1):
        answer = answered.answers.get(item, _NONE)
        yield (
            made.recommendation_id,
            made.user_id,
            item,
            rank,
            propensity,
            made.moment_ms,
            item in answered.seen,
            answer.first_ms is not None,
            answer.carted,
            answer.purchased,
            answer.dwell_ms,
            answer.value,
            -1 if answer.first_ms is None else answer.first_ms,
            *versions,
            made.simulated,
        )
