"""Next basket in the sample shop: the sequence tower beside the interests that rows give today.

    python -m tests.benchmarks.bench_sequence_shop

Real purchases and returns of five weeks with their moments and titles (streams/demo/data). Trained
on events before 24 November, early stopping on baskets of 24 to 30 November, tested on baskets of
December. Asked: up to five items of a basket that the customer has not had, at random, given all
that was done before the basket. Lines of a basket have one moment and, in the log, the order of
their ids: they are shuffled, or the order would give the answer away.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from functools import partial
from itertools import pairwise, product
from typing import Final

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from index import IndexStore, Snapshot
from scoring import Interaction, Policy, Request
from scoring.balancing import FixedWeights
from scoring.centroids import find_centroids
from scoring.history import MAX_INTERACTIONS, TYPE_CODES, History
from scoring.interests import LONG_TERM, SHORT_TERM, find_interests
from scoring.rings import TYPES, read_rings, type_weights
from scoring.sequence.full_ranking import Scorer, measures, ranks, tower_scorer
from scoring.sequence.item_vectors import ItemVectors
from scoring.sequence.next_item import NextItem, NextItemSettings
from scoring.sequence.sequences import Question, Sequences
from scoring.sequence.tower import SequenceTower, TowerSettings
from scoring.training.contracts import Progress
from scoring.training.loop import fit
from scoring.training.settings import LoopSettings
from streams.demo.shop import sample_events
from streams.demo.shop_index import ShopIndex
from tests.benchmarks.bench_sequence import say
from tests.benchmarks.sequence_baselines import ItemNeighbours, item_knn, popularity

_DAY_MS: Final = 86_400_000
_VALIDATION_MS: Final = 1_322_092_800_000  # 2011-11-24
_TEST_MS: Final = 1_322_697_600_000  # 2011-12-01
_END_MS: Final = 1_323_475_200_000  # 2011-12-10
_ASKED_OF_A_BASKET: Final = 5
_KNN_VALUES: Final = ((1.0, 10.0), (0.25, 0.75), (0.9, 0.97, 1.0))
_KNN: Final = "BM25 item-kNN"
_SHARES: Final = (0.0, 0.03, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0)
_LONG: Final = "long-term interest"
_CODES: Final = tuple(TYPE_CODES.values())


def read_shop(item_ids: list[str], seed: int) -> Sequences:
    """Every customer's events, the lines of a basket shuffled."""
    rows = {item_id: row for row, item_id in enumerate(item_ids)}
    events = [event for event in sample_events() if event.item_id in rows]
    np.random.default_rng(seed).shuffle(events)
    users = np.unique([event.user_id for event in events], return_inverse=True)[1]
    return Sequences.of(
        users.astype(np.int64),
        np.array([rows[event.item_id or ""] for event in events], np.int64),
        np.array([TYPES.index(event.type) for event in events], np.int64),
        np.array([event.at_ms for event in events], np.int64),
    )


def before(events: Sequences, at_ms: int) -> Sequences:
    """What was done before a moment; users who had done nothing have no events."""
    kept = events.at_ms < at_ms
    starts = np.concatenate([[0], np.cumsum(kept)])[events.starts]
    return Sequences(starts, events.items[kept], events.actions[kept], events.at_ms[kept])


def baskets(
    events: Sequences, from_ms: int, until_ms: int, seed: int
) -> tuple[Question, NDArray[np.int64]]:
    """Q questions about purchases within a time, and (Q,) whose they are."""
    rng = np.random.default_rng(seed)
    purchase = TYPES.index("purchase")
    pasts, targets, owners = [], [], []
    for user in range(events.n_users):
        places = np.arange(events.starts[user], events.starts[user + 1])
        moments = events.at_ms[places]
        for at_ms in np.unique(moments[(moments >= from_ms) & (moments < until_ms)]):
            past = places[moments < at_ms]
            bought = places[(moments == at_ms) & (events.actions[places] == purchase)]
            new = np.setdiff1d(events.items[bought], events.items[past])
            if not len(past) or not len(new):
                continue
            for item in rng.permutation(new)[:_ASKED_OF_A_BASKET]:
                pasts.append(past)
                targets.append(int(item))
                owners.append(user)
    flat = np.concatenate(pasts)
    starts = np.concatenate([[0], np.cumsum([len(past) for past in pasts])]).astype(np.int64)
    asked = Sequences(starts, events.items[flat], events.actions[flat], events.at_ms[flat])
    return Question(asked, np.array(targets, np.int64)), np.array(owners, np.int64)


def by_hand(snapshot: Snapshot, kinds: tuple[int, ...]) -> Scorer:
    """Cosine to the interests that `scoring.interests` makes of a ring; the larger of several.

    The moment of the decision is that of the last event, when none of them has faded.
    """
    policy = Policy()
    weights = type_weights(policy)
    centroids = find_centroids(snapshot.catalogue, snapshot.vectors)
    vectors = torch.from_numpy(np.ascontiguousarray(snapshot.vectors))  # (N, d)

    def score(pasts: Sequences) -> Tensor:
        requests = []
        for start, end in pairwise(pasts.starts.tolist()):
            ring = [
                Interaction(
                    event=place,
                    item_id=snapshot.catalogue.ids[pasts.items[place]],
                    type=_CODES[pasts.actions[place]],
                    at_ms=int(pasts.at_ms[place]),
                )
                for place in range(end - 1, max(start, end - MAX_INTERACTIONS) - 1, -1)
            ]
            requests.append(Request("", ring[0].at_ms, History(ring)))
        rings = read_rings(requests, snapshot, policy, weights)
        found = find_interests(requests, rings, centroids, None, policy)
        chosen = torch.from_numpy(found.vectors[:, kinds])  # (b, k, d)
        return (chosen @ vectors.T).amax(dim=1)  # (b, N)

    return score


def train(
    events: Sequences, asked: Question, snapshot: Snapshot, form: str, n_interests: int, seed: int
) -> Scorer:
    """A tower of one form, trained until the validation says enough."""
    torch.manual_seed(seed)
    settings, has_text = _FORMS[form]
    settings = msgspec.structs.replace(settings, n_interests=n_interests)
    text = torch.from_numpy(np.array(snapshot.vectors)) if has_text else None
    model = SequenceTower(settings, ItemVectors(len(snapshot), settings.width, text, None))
    task = NextItem(model, events, asked, NextItemSettings(seed=seed, n_asked=1500))
    loop = LoopSettings(
        epochs=12,
        learning_rate=2e-3,
        weight_decay=0.0,
        warmup=0.05,
        measure="ndcg@10",
        patience=3,
        seed=seed,
    )

    def tell(progress: Progress) -> None:
        if progress.measures is not None:
            said = f"epoch {progress.epoch}, {dict(progress.measures)}"
            say(f"{_named(form, n_interests)}: {said}")

    fit(task, loop, FixedWeights(["next"]), progress=tell)
    return tower_scorer(model)


_FORMS: Final[Mapping[str, tuple[TowerSettings, bool]]] = {
    "tower, ids only": (TowerSettings(dropout=0.3), False),
    "tower, ids and text": (TowerSettings(dropout=0.3), True),
    "tower, answers in the index's space": (TowerSettings(dropout=0.3, space="text"), True),
}


def _named(form: str, n_interests: int) -> str:
    return form if n_interests == 1 else f"{form}, {n_interests} interests"


def gains(found: NDArray[np.int64], name: str) -> NDArray[np.float64]:
    """(Q,) ranks -> (Q,) what each adds to a measure."""
    worth = np.ones(len(found)) if name == "hr@10" else 1 / np.log2(1 + found)
    return np.where(found <= 10, worth, 0.0)


def interval(worth: NDArray[np.float64], owners: NDArray[np.int64]) -> tuple[float, float]:
    """95 % of the mean of (Q,) values, by drawing customers again (bootstrap, 1,000 times)."""
    rng = np.random.default_rng(0)
    customers = np.unique(owners, return_inverse=True)[1]
    sums, counts = np.bincount(customers, worth), np.bincount(customers)
    drawn = rng.integers(0, len(sums), (1000, len(sums)))
    values = sums[drawn].sum(axis=1) / counts[drawn].sum(axis=1)
    low, high = np.quantile(values, [0.025, 0.975])
    return float(low), float(high)


def main() -> None:
    """Print a row for each way of ranking."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--interests", type=int, default=1, help="of towers, beside those of one")
    asked_for = parser.parse_args()
    seed, several = asked_for.seed, asked_for.interests
    shop = ShopIndex()
    if not shop.is_kept():
        shop.build()
    snapshot = IndexStore(shop.folder).open()
    events = read_shop(list(snapshot.catalogue.ids), seed)
    learned, n_items = before(events, _VALIDATION_MS), len(snapshot)
    tuned, _ = baskets(events, _VALIDATION_MS, _TEST_MS, seed)
    test, owners = baskets(events, _TEST_MS, _END_MS, seed)
    say(f"{len(learned.items)} events to learn, {len(tuned.targets)} and {len(test.targets)} asked")
    neighbours = (ItemNeighbours(k1, b, 200, d) for k1, b, d in product(*_KNN_VALUES))
    makers: dict[str, Callable[[], Scorer]] = {
        "popularity": lambda: popularity(learned, n_items),
        _KNN: lambda: max(
            (item_knn(learned, n_items, chosen) for chosen in neighbours),
            key=lambda scorer: measures(ranks(scorer, tuned))["ndcg@10"],
        ),
        "short-term interest": lambda: by_hand(snapshot, (SHORT_TERM,)),
        _LONG: lambda: by_hand(snapshot, (LONG_TERM,)),
        "both interests": lambda: by_hand(snapshot, (SHORT_TERM, LONG_TERM)),
    }
    towers = list(product(_FORMS, sorted({1, several})))
    for form, n_interests in towers:
        makers[_named(form, n_interests)] = partial(
            train, learned, tuned, snapshot, form, n_interests, seed
        )
    scorers = {name: make() for name, make in makers.items()}
    _table(scorers, test, owners)
    print("\nBeside item-kNN, as a worker has it:\n")
    asking = [_LONG, *(_named(*tower) for tower in towers)]
    together = {name: beside(scorers[_KNN], scorers[name], tuned) for name in asking}
    _table(together, test, owners)
    if several > 1:
        print(f"\n{several} interests − one:\n\n| model | HR@10 | NDCG@10 |\n|---|---|---|")
        for form in _FORMS:
            _against_one(form, form, several, scorers, test, owners)
            _against_one(f"{_KNN} and {form}", form, several, together, test, owners)


def beside(counted: Scorer, asked: Scorer, tuned: Question) -> Scorer:
    """What was counted, and a share of the cosine that does best on the validation."""

    def mixed(share: float) -> Scorer:
        def score(pasts: Sequences) -> Tensor:
            counts = counted(pasts)  # (b, N)
            most = counts.amax(dim=1, keepdim=True).clamp(min=1e-9)
            return counts / most + share * asked(pasts)

        return score

    return max(map(mixed, _SHARES), key=lambda scorer: measures(ranks(scorer, tuned))["ndcg@10"])


def _against_one(
    shown: str,
    form: str,
    several: int,
    scorers: Mapping[str, Scorer],
    test: Question,
    owners: NDArray[np.int64],
) -> None:
    """Print how far a form with several interests is from the same with one."""
    one, other = (ranks(scorers[_named(form, count)], test) for count in (1, several))
    cells = []
    for measure in measures(one):
        apart = gains(other, measure) - gains(one, measure)
        low, high = interval(apart, owners)
        cells.append(f"{apart.mean():+.4f} ({low:+.4f} – {high:+.4f})")
    print(f"| {shown} | {' | '.join(cells)} |", flush=True)


def _table(scorers: Mapping[str, Scorer], test: Question, owners: NDArray[np.int64]) -> None:
    print(f"| model | HR@10 | 95 % | − {_LONG} | NDCG@10 | 95 % | − {_LONG} |\n{'|---' * 7}|")
    by_row = ranks(scorers[_LONG], test)
    for name, scorer in scorers.items():
        found = ranks(scorer, test)
        shown = []
        for measure, value in measures(found).items():
            worth, apart = gains(found, measure), gains(found, measure) - gains(by_row, measure)
            low, high = interval(worth, owners)
            less, more = interval(apart, owners)
            shown.append(f"{value:.4f} | {low:.4f} – {high:.4f}")
            shown.append(f"{apart.mean():+.4f} ({less:+.4f} – {more:+.4f})")
        print(f"| {name} | {' | '.join(shown)} |", flush=True)


if __name__ == "__main__":
    main()
