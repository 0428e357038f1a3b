"""What a query and an item cost to encode with MiniLM on one core, form by form, and what is lost.

    OMP_NUM_THREADS=1 taskset -c 1 python -m tests.benchmarks.bench_encoder --data shared/data

Speed: CPU time of the process; the forms take turns, so that a busy machine is as unfair to one as
to the other. Queries are real ones (bestbuy_search, home_depot_search), one a call or `of 8`;
items are titles with descriptions (bestbuy_search), cut at 45 tokens, 64 a call.
Loss: queries in each form against titles in float32 (home_depot_search, a sample by queries): the
mean cosine to float32, how many of the ten nearest titles are the same, Spearman's ρ between cosine
and human relevance. `alone` is the least cosine between a query's vector alone and in a batch.
Start: a process that loads the encoder and encodes one query, CPU seconds, best of five.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray

from scoring import load_encoder
from scoring.measures import spearman
from tests.benchmarks.encoder_forms import FORMS, ITEM_TOKENS, Towers, Vectors
from tests.benchmarks.static_tokens import StaticQueries, distilled, fitted


@dataclass(frozen=True)
class Judged:
    """Pairs with a human judgement: `relevance[i]` of (`queries[query[i]]`, `titles[title[i]]`)."""

    queries: list[str]
    titles: list[str]
    query: NDArray[np.int64]
    title: NDArray[np.int64]
    relevance: NDArray[np.float64]
    other_queries: list[str]
    other_titles: list[str]


@dataclass
class Times:
    """CPU milliseconds a query, alone and eight a call; items a second of each call with 64."""

    query_ms: list[float] = field(default_factory=list)
    of_eight_ms: list[float] = field(default_factory=list)
    items_a_second: list[float] = field(default_factory=list)


def judged(folder: Path, n_queries: int) -> Judged:
    """A sample of whole queries; the rest is what a static table may learn from."""
    rows = pq.read_table(folder / "home_depot_search" / "relevance.parquet")
    query, title = np.array(rows["search_term"]), np.array(rows["product_title"])
    chosen = np.random.default_rng(0).choice(np.unique(query), n_queries, replace=False)
    kept = np.isin(query, chosen)
    queries, query_of = np.unique(query[kept], return_inverse=True)
    titles, title_of = np.unique(title[kept], return_inverse=True)
    return Judged(
        queries=queries.tolist(),
        titles=titles.tolist(),
        query=query_of,
        title=title_of,
        relevance=np.array(rows["relevance"])[kept],
        other_queries=np.unique(query[~kept]).tolist(),
        other_titles=sorted(set(title[~kept]) - set(titles)),
    )


def item_texts(folder: Path) -> list[str]:
    """Titles with descriptions, each of at least `ITEM_TOKENS` words and so cut to as many."""
    products = json.loads((folder / "bestbuy_search" / "products.json").read_text())
    texts = [f"{one['name']}. {one.get('desc') or ''}" for one in products.values()]
    return [text for text in texts if len(text.split()) >= ITEM_TOKENS][:64]


def real_queries(folder: Path, asked: Judged, n: int) -> list[str]:
    """Half from each shop."""
    bought = np.unique(np.array(pq.read_table(folder / "bestbuy_search/clicks.parquet")["query"]))
    chosen = np.random.default_rng(1).choice(bought, n // 2, replace=False)
    return [*chosen.tolist(), *asked.queries[: n // 2]]


def pieces(asked: Judged, n: int) -> list[str]:
    """The other queries, and as many again as make n: one to six words of other titles."""
    random = np.random.default_rng(2)
    found = list(asked.other_queries)
    while len(found) < n:
        words = asked.other_titles[random.integers(len(asked.other_titles))].split()
        begin = int(random.integers(len(words)))
        found.append(" ".join(words[begin : begin + int(random.integers(1, 7))]))
    return found


def take_turns(
    forms: Mapping[str, Towers], queries: list[str], items: list[str], rounds: int
) -> dict[str, Times]:
    """Every form does everything once a round."""
    times = {name: Times() for name in forms}
    for form in forms.values():
        form.encode_queries(queries[:4])
    for turn in range(rounds):
        some = queries[turn::rounds]
        for name, form in forms.items():
            for query in some:
                begun_ns = time.process_time_ns()
                form.encode_queries([query])
                times[name].query_ms.append((time.process_time_ns() - begun_ns) / 1e6)
            begun_ns = time.process_time_ns()
            form.encode_queries(some[:8])
            times[name].of_eight_ms.append((time.process_time_ns() - begun_ns) / 8e6)
            if turn % 4 == 0 and not isinstance(form, StaticQueries):
                begun_ns = time.process_time_ns()
                form.encode_items(items)
                spent_s = (time.process_time_ns() - begun_ns) / 1e9
                times[name].items_a_second.append(len(items) / spent_s)
    return times


def loss(asked: Judged, queries: Vectors, titles: Vectors, exact: tuple[Vectors, Vectors]) -> str:
    """Cosine, overlap and ρ; `exact` = queries and titles in float32."""
    cosine = (queries * exact[0]).sum(axis=1).mean()
    found, wanted = (
        np.argpartition(-(q @ t.T), 9, axis=1)[:, :10] for q, t in ((queries, titles), exact)
    )
    same = np.mean([len(set(a) & set(b)) for a, b in zip(found, wanted, strict=True)]) / 10
    scores = (queries[asked.query] * titles[asked.title]).sum(axis=1)
    rho = spearman(scores, asked.relevance)
    return f"{cosine:9.5f} {same:8.3f} {rho:8.4f}"


def start_s(precision: str) -> float:
    """CPU seconds of a fresh process from nothing to its first vector."""
    code = (
        "from scoring import load_encoder; "
        f"load_encoder(threads=1, precision={precision!r}).encode_queries(['red mug'])"
    )
    spent = []
    for _ in range(5):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-c", code], check=True, env=os.environ)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        spent.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return min(spent)


def main() -> None:
    """Print two tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the two data sets")
    parser.add_argument("--rounds", type=int, default=16)
    parser.add_argument("--queries", type=int, default=1_000, help="judged ones in the sample")
    parser.add_argument("--skip", nargs="*", default=[], choices=list(FORMS))
    asked_for = parser.parse_args()
    asked = judged(asked_for.data, asked_for.queries)
    queries = real_queries(asked_for.data, asked, 32 * asked_for.rounds // 2)
    items = item_texts(asked_for.data)
    forms: dict[str, Towers] = {
        name: make() for name, make in FORMS.items() if name not in asked_for.skip
    }
    forms["static, distilled"] = table = distilled()
    forms["static, fitted"] = fitted(table, pieces(asked, 20_000))
    exact = load_encoder(threads=1, max_tokens=ITEM_TOKENS, precision="float32")
    titles = exact.encode_items(asked.titles)
    reference = (exact.encode_queries(asked.queries), titles)
    times = take_turns(forms, queries, items, asked_for.rounds)
    print(f"{len(asked.queries)} queries, {len(titles)} titles, {len(asked.query)} pairs")
    numbers = f"{'p50':>6} {'p95':>6} {'of 8':>6} ms {'texts/s':>8}"
    print(f"{'form':28} {numbers}    cosine   same10      rho   alone")
    for name, form in forms.items():
        p50, p95 = np.quantile(times[name].query_ms, [0.5, 0.95])
        eight = np.median(times[name].of_eight_ms)
        rate = np.median(times[name].items_a_second or [np.nan])
        found = form.encode_queries(asked.queries)
        alone = np.concatenate([form.encode_queries([text]) for text in asked.queries[:64]])
        least = (alone * form.encode_queries(asked.queries[:64])).sum(axis=1).min()
        lost = loss(asked, found, titles, reference)
        print(
            f"{name:28} {p50:6.2f} {p95:6.2f} {eight:6.2f}    {rate:8.0f} {lost} {least:7.4f}",
            flush=True,
        )
    served = load_encoder(threads=1, max_tokens=ITEM_TOKENS)
    found, of_items = served.encode_queries(asked.queries), served.encode_items(asked.titles)
    print(f"{'auto on both sides':28} {'':32} {loss(asked, found, of_items, reference)}")
    for precision in ("float32", "bfloat16", "int8"):
        print(f"start with {precision:10} {start_s(precision):6.2f} s")


if __name__ == "__main__":
    main()
