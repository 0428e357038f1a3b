"""Which engine serves so many items, with which parameters, and why: from measured figures."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, replace

from index.engines import EngineParameters, check_name, make_parameters
from index.errors import RejectedInputError
from index.exact import ExactEngine
from index.footprint import own_bytes
from index.hnsw import HnswEngine, HnswParameters
from index.ivfpq import IvfPqEngine, IvfPqParameters

# Up to here comparing every row stays near 150 µs a query, and misses nothing.
EXACT_UP_TO = 5_000
USUAL_RECALL = 0.95
# From so many items on, the figures of a million are nearer than those of a hundred thousand.
_MANY = 300_000
# One query compared with one row of 384 values, alone and in a batch of 64.
_ALONE_US_A_ROW = 0.035
_BATCH_US_A_ROW = 0.012


@dataclass(frozen=True, slots=True)
class Figures:
    """What docs/benchmarks-index.md has measured of one setting, for items never seen.

    Attributes:
        engine: Its name.
        effort: How many times the usual ``ef_search`` or ``probes``.
        recall_at_100: Share of the true 100 nearest.
        alone_us: One query by itself, on one core.
        batch_us: A query in a batch of 64.
    """

    engine: str
    effort: int
    recall_at_100: float
    alone_us: float
    batch_us: float


# By the number of items they were measured with.
MEASURED: dict[int, tuple[Figures, ...]] = {
    99_000: (
        Figures(HnswEngine.name, 1, 0.953, 157, 137),
        Figures(IvfPqEngine.name, 1, 0.968, 193, 157),
        Figures(IvfPqEngine.name, 2, 0.988, 276, 194),
        Figures(HnswEngine.name, 2, 0.978, 262, 224),
        Figures(IvfPqEngine.name, 4, 0.997, 428, 257),
        Figures(HnswEngine.name, 4, 0.987, 467, 438),
    ),
    1_000_000: (
        Figures(HnswEngine.name, 1, 0.882, 128, 156),
        Figures(HnswEngine.name, 2, 0.910, 217, 278),
        Figures(IvfPqEngine.name, 1, 0.967, 660, 326),
        Figures(IvfPqEngine.name, 2, 0.983, 1010, 417),
        Figures(HnswEngine.name, 4, 0.934, 343, 461),
        Figures(IvfPqEngine.name, 4, 0.990, 1820, 610),
    ),
}
_USUAL: dict[str, Callable[[int], EngineParameters]] = {
    HnswEngine.name: lambda effort: replace(
        HnswParameters(), ef_search=effort * HnswParameters().ef_search
    ),
    IvfPqEngine.name: lambda effort: replace(
        IvfPqParameters(), probes=effort * IvfPqParameters().probes
    ),
}


@dataclass(frozen=True, slots=True)
class Choice:
    """An engine for a corpus.

    Attributes:
        engine: Its name.
        parameters: Of this engine.
        count: Items.
        dim: Width of a vector.
        own_bytes: Memory that each worker needs for itself (with a GPU: on the device).
        shared_bytes: Vectors, mapped: all workers of a machine share them.
        recall_at_100: As measured, None = not measured.
        alone_us: A query by itself, None = not measured.
        batch_us: A query in a batch of 64, None = not measured.
        reasons: Why, a sentence each.
    """

    engine: str
    parameters: EngineParameters
    count: int
    dim: int
    own_bytes: int
    shared_bytes: int
    recall_at_100: float | None
    alone_us: float | None
    batch_us: float | None
    reasons: tuple[str, ...]

    def as_dict(self) -> dict[str, object]:
        """All fields as JSON can hold them."""
        return {
            **{name: getattr(self, name) for name in self.__slots__},
            "parameters": asdict(self.parameters),
            "reasons": list(self.reasons),
        }


def choose(
    count: int,
    dim: int = 384,
    *,
    recall: float = USUAL_RECALL,
    memory_bytes: int | None = None,
    engine: str = "auto",
) -> Choice:
    """The fastest setting in batches that reaches the recall and fits the memory.

    Args:
        count: Items.
        dim: Width of a vector.
        recall: Recall at 100 of items never seen, 0 to 1.
        memory_bytes: Of one machine, for one worker and the vectors; None = enough.
        engine: One by hand; ``auto`` = any for the CPU.

    Raises:
        RejectedInputError: A number is out of range.
        UnknownEngineError: There is no such engine.
        EngineUnavailableError: It needs a GPU, and there is none.
    """
    if count < 0 or dim < 1 or not 0 <= recall <= 1 or (memory_bytes or 0) < 0:
        raise RejectedInputError(
            f"count {count}, dim {dim}, recall {recall:g} or memory {memory_bytes} is out of range"
        )
    if engine == ExactEngine.name:
        return _exact(count, dim, ("asked for by hand",))
    if engine not in ("auto", *_USUAL):
        check_name(engine)
        parameters = make_parameters(engine, {})
        reasons = ("asked for by hand; not measured on a GPU yet",)
        return _made(engine, parameters, count, dim, None, reasons)
    if engine == "auto" and count <= EXACT_UP_TO:
        return _exact(count, dim, (f"up to {EXACT_UP_TO:,} items all are compared, none missed",))
    measured = max(MEASURED) if count > _MANY else min(MEASURED)
    figures = MEASURED[measured]
    if engine != "auto":
        figures = tuple(f for f in figures if f.engine == engine)
    return _fastest(figures, measured, count, dim, recall, memory_bytes, by_hand=engine != "auto")


def _fastest(
    figures: tuple[Figures, ...],
    measured: int,
    count: int,
    dim: int,
    recall: float,
    memory_bytes: int | None,
    *,
    by_hand: bool,
) -> Choice:
    reasons = ["asked for by hand"] if by_hand else []
    good = [f for f in figures if f.recall_at_100 >= recall]
    if not good and not by_hand:
        most = max(f.recall_at_100 for f in figures)
        return _exact(count, dim, (f"no approximate engine was measured above recall {most:.3f}",))
    if not good:
        good = [max(figures, key=lambda f: f.recall_at_100)]
        reasons.append(f"recall {recall:g} was not reached: this is its highest measured")
    shared = count * dim * 4

    def size(f: Figures) -> int:
        return own_bytes(_USUAL[f.engine](f.effort), count, dim)

    fitting = [f for f in good if memory_bytes is None or size(f) + shared <= memory_bytes]
    if fitting:
        chosen = min(fitting, key=lambda f: f.batch_us)
        reasons.append(
            f"the fastest measured with recall@100 of {recall:g} at least"
            + ("" if memory_bytes is None else " that fits the memory")
        )
    else:
        chosen = min(good, key=lambda f: (size(f), f.batch_us))
        reasons.append(
            f"nothing fits {(memory_bytes or 0) / 1e6:,.0f} MB beside the vectors: the smallest; "
            "vectors will be read from disk"
        )
    for other in figures:
        if other.engine != chosen.engine and other.effort == chosen.effort:
            reasons.append(
                f"{other.engine} at the same effort: recall {other.recall_at_100:.3f}, "
                f"{other.batch_us:.0f} µs, {size(other) / 1e6:,.0f} MB"
            )
    reasons.append(f"figures: {measured:,} items of 384 values, docs/benchmarks-index.md")
    parameters = _USUAL[chosen.engine](chosen.effort)
    return _made(chosen.engine, parameters, count, dim, chosen, tuple(reasons))


def _exact(count: int, dim: int, reasons: tuple[str, ...]) -> Choice:
    size = count * dim / 384
    figures = Figures(ExactEngine.name, 1, 1.0, size * _ALONE_US_A_ROW, size * _BATCH_US_A_ROW)
    parameters = make_parameters(ExactEngine.name, {})
    return _made(ExactEngine.name, parameters, count, dim, figures, reasons)


def _made(
    engine: str,
    parameters: EngineParameters,
    count: int,
    dim: int,
    figures: Figures | None,
    reasons: tuple[str, ...],
) -> Choice:
    return Choice(
        engine,
        parameters,
        count,
        dim,
        own_bytes(parameters, count, dim),
        count * dim * 4,
        None if figures is None else figures.recall_at_100,
        None if figures is None else figures.alone_us,
        None if figures is None else figures.batch_us,
        reasons,
    )
