"""A small simulated shop as messages: decisions, impressions, clicks, some bad. Made up."""

from __future__ import annotations

import random
from dataclasses import dataclass

from scoring.online.settings import OnlineSettings
from streams.events import Click, Impression
from streams.learning.shown_list import ShownList
from streams.learning.step import LearnedTopics, Learning
from streams.learning.timing import Timing
from streams.records import encode
from tests.scoring.online.stream import some_heads

KINDS = ("decisions", "impressions", "clicks")
START_MS = 1_700_000_000_000
N_PARTITIONS = 2
BASE = some_heads()
LEARNING = Learning(
    BASE,
    OnlineSettings(rate=0.01, batch=16, replay=64),
    Timing(window_ms=20_000, lateness_ms=2_000, every_ms=10_000),
    idle_s=1e9,
    pause_s=0.0,
)


@dataclass(frozen=True, slots=True)
class Sent:
    """One message, in the order in which it arrives."""

    kind: str
    partition: int
    key: bytes
    value: bytes


def topics(prefix: str = "") -> LearnedTopics:
    decisions, impressions, clicks = (prefix + kind for kind in KINDS)
    models = f"{prefix}model-versions"
    lettered = frozenset([decisions])
    return LearnedTopics(decisions, impressions, clicks, models, N_PARTITIONS, lettered)


def messages(n_lists: int, seed: int, *, n_of_first: int | None = None) -> list[Sent]:
    """One list a second, clicks on the first feature; all up to two seconds late.

    Args:
        n_lists: How many.
        seed: Of what is drawn.
        n_of_first: So many are made with the encoder `e1`, the others with `e2`; None = all.
    """
    rng = random.Random(seed)
    timed: list[tuple[float, Sent]] = []

    def send(kind: str, user: int, at_ms: int, value: bytes) -> None:
        sent = Sent(kind, user % N_PARTITIONS, f"u{user}".encode(), value)
        timed.extend((at_ms + rng.uniform(0, 2_000), sent) for _ in range(rng.choice([1, 1, 1, 2])))

    for number in range(n_lists):
        user, at_ms, name = rng.randrange(20), START_MS + 1_000 * number, f"l{number}"
        items = tuple(f"i{n}" for n in rng.sample(range(40), 4))
        features = tuple(tuple(rng.gauss(0, 1) for _ in range(4)) for _ in items)
        made = ShownList(
            recommendation_id=name,
            user_id=f"u{user}",
            at_ms=at_ms + 50,
            event_at_ms=at_ms,
            shown_items=items,
            shown_propensities=(1.0,) * 4,
            shown_features=features,
            features_version=BASE.features_version,
            encoder_version="e1" if n_of_first is None or number < n_of_first else "e2",
        )
        send("decisions", user, at_ms, encode(made))
        shown = Impression(
            recommendation_id=name, user_id=f"u{user}", at_ms=at_ms + 500, item_ids=items[:3]
        )
        send("impressions", user, at_ms + 500, encode(shown))
        for n, row in enumerate(features[:3]):
            if rng.random() < (0.8 if row[0] > 0 else 0.2):
                click = Click(
                    event_id=f"{name}-{n}",
                    user_id=f"u{user}",
                    type="click",
                    item_id=items[n],
                    at_ms=at_ms + 1_000 + 100 * n,
                    recommendation_id=rng.choice([name, None]),
                )
                send("clicks", user, click.at_ms, encode(click))
        if number % 40 == 0:
            send(rng.choice(KINDS), user, at_ms, b"no JSON")
    return [sent for _, sent in sorted(timed, key=lambda each: each[0])]
