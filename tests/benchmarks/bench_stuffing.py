"""What keyword stuffing gains: items whose titles are filled with words that people search for.

    OMP_NUM_THREADS=1 python -m tests.benchmarks.bench_stuffing --data shared/data

Real titles and customers (online_retail) and the default encoder. 60 items of the long tail attack
together: each title gets words added, and the items are encoded again. Searches are two words in a
row of a title, by newcomers; users are customers before their next basket, without a search. What
is counted is how often an attacker is in a list of the recommender, per 1,000 lists.
"""

from __future__ import annotations

import argparse
import random
import re
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from index import IndexStore, Item, Snapshot, build_index, set_threads
from scoring import History, Policy, QueryVectors, Recommender, Request, load_encoder
from scoring.encoder import Encoder
from scoring.exposure import is_tail
from tests.benchmarks.bench_slates_shop import baskets, open_shop, read_lines

_WORD: Final = re.compile(r"[A-Za-z]{3,}")
_N_ATTACKERS: Final = 60
_N_SEARCHES: Final = 500
_N_USERS: Final = 300

Attack = Callable[[str, random.Random], str]
Defence = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Known:
    """What an attacker knows of the shop.

    Attributes:
        words: The most frequent ones of titles.
        searches: Some that people make.
        sold: Titles of best sellers.
    """

    words: list[str]
    searches: list[str]
    sold: list[str]

    def attacks(self) -> dict[str, Attack]:
        """Name -> how a title is stuffed."""
        return {
            "none": lambda title, _: title,
            "one common word 20 times": lambda title, _: f"{title} {' '.join(self.words[:1] * 20)}",
            "10 common words": lambda title, _: f"{title} {' '.join(self.words[:10])}",
            "40 common words": lambda title, _: f"{title} {' '.join(self.words[:40])}",
            "3 searches": lambda title, rng: f"{title} {' '.join(rng.sample(self.searches, 3))}",
            "10 searches": lambda title, rng: f"{title} {' '.join(rng.sample(self.searches, 10))}",
            "a search before it": lambda title, rng: f"{rng.choice(self.searches)} {title}",
            "5 best sellers' titles": lambda title, _: f"{title} {' '.join(self.sold[:5])}",
            "a best seller's title instead": lambda _, rng: rng.choice(self.sold[:20]),
        }


def each_word_once(title: str) -> str:
    """Nothing is said twice."""
    return " ".join(dict.fromkeys(title.split()))


DEFENCES: Final[dict[str, Defence]] = {
    "as it is": lambda title: title,
    "each word once": each_word_once,
    "first 8 words": lambda title: " ".join(each_word_once(title).split()[:8]),
}


def stuffed_shop(
    shop: Snapshot, titles: dict[int, str], encoder: Encoder, folder: Path
) -> Snapshot:
    """The shop with other titles at these positions, their vectors made anew."""
    catalogue = shop.catalogue
    vectors: NDArray[np.float32] = np.array(shop.vectors)
    vectors[list(titles)] = encoder.encode_items(list(titles.values()))
    items = [
        Item(item_id=item_id, title=titles.get(at, catalogue.titles[at]))
        for at, item_id in enumerate(catalogue.ids)
    ]
    store = IndexStore(folder)
    build_index(
        store,
        items,
        vectors,
        encoder_version=encoder.version,
        engine="exact",
        popularity=np.array(catalogue.popularity),
    )
    return store.open()


def seen(ranking: Recommender, requests: Sequence[Request], attackers: set[str]) -> float:
    """Places of attackers per 1,000 lists."""
    n_places = 0
    for start in range(0, len(requests), 64):
        for slate in ranking.recommend(requests[start : start + 64]):
            n_places += sum(item.item_id in attackers for item in slate.items)
    return 1000 * n_places / len(requests)


def two_words(title: str, rng: random.Random) -> str | None:
    """A search for it."""
    words = _WORD.findall(title.lower())
    if len(words) < 2:
        return None
    start = rng.randint(0, len(words) - 2)
    return " ".join(words[start : start + 2])


def main() -> None:
    """Print a row for each attack and defence."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with online_retail")
    given = parser.parse_args()
    set_threads(1)
    rng = random.Random(1)
    encoder = load_encoder(threads=1)
    queries = QueryVectors(encoder)
    lines = read_lines(given.data)
    with tempfile.TemporaryDirectory() as folder:
        shop = open_shop(lines, Path(folder) / "shop")
        catalogue = shop.catalogue
        tail = np.flatnonzero(is_tail(catalogue.popularity)).tolist()
        attackers = rng.sample(
            [at for at in tail if len(catalogue.titles[at].split()) > 2], _N_ATTACKERS
        )
        others = rng.sample(sorted(set(range(len(shop))) - set(attackers)), 2 * _N_SEARCHES)
        searches = [q for at in others if (q := two_words(catalogue.titles[at], rng))][:_N_SEARCHES]
        own = [q for at in attackers if (q := two_words(catalogue.titles[at], rng))]
        counted = Counter(word.upper() for t in catalogue.titles for word in _WORD.findall(t))
        best = np.argsort(-catalogue.popularity, kind="stable")[:20].tolist()
        known = Known(
            [word for word, _ in counted.most_common(40)],
            [query.upper() for query in searches[:200]],
            [catalogue.titles[at] for at in best],
        )
        asked = [each.request for each in rng.sample(baskets(lines), _N_USERS)]
        moment = asked[0]
        by_search, by_own = (
            [replace(moment, user_id=q, history=History(), query=q) for q in some]
            for some in (searches[200:], own)
        )
        ids = {catalogue.ids[at] for at in attackers}
        policy = Policy(slate_size=10, just_seen_window_ms=0.0)
        once = replace(policy, title_cap=1)
        print(
            f"{len(by_search)} searches of others, {len(by_own)} of attackers, {len(asked)} users"
        )
        print(
            "| attack | defence | searches of others | its own searches | lists of users ", end=""
        )
        print("| the same, each title once |\n|---|---|---|---|---|---|")
        for attack, stuff in known.attacks().items():
            for defence, mend in DEFENCES.items():
                chance = random.Random(attack)
                titles = {at: mend(stuff(catalogue.titles[at], chance)) for at in attackers}
                place = Path(folder) / f"{attack} {defence}"
                attacked = stuffed_shop(shop, titles, encoder, place)
                ranking = Recommender(attacked, queries, policy=policy)
                capped = Recommender(attacked, queries, policy=once)
                counts = [seen(ranking, some, ids) for some in (by_search, by_own, asked)]
                counts.append(seen(capped, asked, ids))
                cells = " | ".join(f"{count:.1f}" for count in counts)
                print(f"| {attack} | {defence} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
