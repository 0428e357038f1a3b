"""Items that were shown again and again and never answered: counted from a row's impressions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from scoring.history import History, item_digest
from scoring.policy import DAY_MS
from scoring.rules.pairs import USER_SHIFT
from scoring.rules.rule_file import Seen
from scoring.slate import Request


def shown_too_often(requests: Sequence[Request], rule: Seen) -> NDArray[np.int64]:
    """Sorted pairs user << USER_SHIFT | `item_digest` that this rule takes out.

    An item counts as often as it was shown within the rule's days, after the last thing that the
    user did with it. An item that stands twice in one impression was shown once.
    """
    found: list[int] = []
    for user, request in enumerate(requests):
        history, since_ms = request.history, request.at_ms - rule.days * DAY_MS
        recent = [(each.at_ms, each.items) for each in history.shown if each.at_ms >= since_ms]
        if len(recent) < rule.times:
            continue
        lists = [np.unique(np.frombuffer(items, "<u4")) for _, items in recent]
        digests, counts = np.unique(np.concatenate(lists), return_counts=True)
        for digest in digests[counts >= rule.times].tolist():
            last_ms = _last_done_ms(history, digest)
            n_times = sum(
                at_ms > last_ms and digest in shown
                for (at_ms, _), shown in zip(recent, lists, strict=True)
            )
            if n_times >= rule.times:
                found.append(user << USER_SHIFT | digest)
    return np.array(found, np.int64)


def _last_done_ms(history: History, digest: int) -> int:
    """When the user last did something with the item; -1 = never, as far as the ring reaches."""
    return next(
        (each.at_ms for each in history.interactions if item_digest(each.item_id) == digest), -1
    )
