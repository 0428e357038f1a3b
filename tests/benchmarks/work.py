"""Which work is measured: the reference work of docs/benchmarks.md, or the product's own step."""

import gc
from collections.abc import Callable

from index import IndexStore, set_threads
from scoring import Recommender, load_encoder
from streams.metrics import StepMetrics
from streams.parts import Work
from streams.policy_file import policy_of
from streams.settings import Settings
from streams.table import RowTable
from streams.worker import event_plan
from tests.benchmarks.reference_work import ReferenceWork


def make_work(name: str, settings: Settings) -> Callable[[RowTable], Work]:
    """`reference`, `reference:<items>` or `shop` -> the job of the events lane."""
    if name.startswith("reference"):
        n_items = int(name.partition(":")[2] or 10_000)
        sources = [settings.topic("clicks"), settings.topic("searches")]
        out = settings.topic("recommendations")
        return lambda rows: Work("events", sources, [out], ReferenceWork(rows, out, n_items))
    set_threads(settings.faiss_threads)
    snapshot = IndexStore(settings.index_dir).open(ef_search=settings.ef_search)
    encoder = load_encoder(settings.encoder, threads=settings.torch_threads)
    recommender = Recommender(snapshot, encoder, policy=policy_of(settings))
    snapshot.warm()
    encoder.encode_queries(["warm"])
    gc.collect()
    gc.freeze()
    return event_plan(settings, recommender, StepMetrics())
