"""The one list of engines: how each is built, and how it comes back from a version's files."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO

import msgspec
import numpy as np

from index.engine import Built, Engine, Progress
from index.errors import RejectedInputError, UnknownEngineError
from index.exact import ExactEngine
from index.faiss_file import read_faiss
from index.gpu import gpu
from index.gpu_cagra import GpuCagraEngine, GpuCagraParameters
from index.gpu_exact import GpuExactEngine, GpuExactParameters
from index.gpu_ivfpq import GpuIvfPqEngine, GpuIvfPqParameters
from index.groups import Groups
from index.held_out import measured
from index.hnsw import HnswEngine, HnswParameters
from index.hnsw_build import build_hnsw
from index.hnsw_file import HEADERS, check_graph
from index.ivfpq import IvfPqEngine, IvfPqParameters
from index.ivfpq_build import build_ivfpq
from index.ivfpq_parts import PART_NAMES, read_parts
from index.manifest import GROUPS_NAME, INDEX_NAME
from index.npy_file import map_array

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from index.manifest import Manifest


_BY_HAND = "param."


@dataclass(frozen=True, slots=True)
class NoParameters:
    """Of an engine that has none."""


EngineParameters = (
    NoParameters
    | HnswParameters
    | IvfPqParameters
    | GpuExactParameters
    | GpuIvfPqParameters
    | GpuCagraParameters
)


@dataclass(frozen=True, slots=True, eq=False)
class Stored:
    """A version's files, verified, and what its manifest says of them.

    Attributes:
        manifest: Of the version.
        files: Open at their start, by name.
        vectors: (N, d) float32 unit rows, mapped.
    """

    manifest: Manifest
    files: Mapping[str, BinaryIO]
    vectors: NDArray[np.float32]

    def size(self, name: str) -> int:
        """Bytes of a file."""
        return self.manifest.files[name].bytes


@dataclass(frozen=True, slots=True)
class Kind:
    """How engines of one name come to be.

    Attributes:
        parameters: The type of their parameters; made without arguments it has the defaults.
        files: What they need of a version beside its vectors.
        build: From (N, d) unit rows, parameters and whom to tell of the progress.
        load: From files and parameters. Raises ValueError where these cannot be believed.
        on_gpu: Whether it needs one.
    """

    parameters: type[Any]
    files: frozenset[str]
    build: Callable[[NDArray[np.float32], Any, Progress], Built]
    load: Callable[[Stored, Any], Engine]
    on_gpu: bool = False


def check_name(engine: str) -> None:
    """Fail before the long work, not after it.

    Raises:
        UnknownEngineError: There is no such engine.
        EngineUnavailableError: It needs a GPU, and there is none.
    """
    if _kind(engine).on_gpu:
        gpu()


def make_parameters(engine: str, values: Mapping[str, object]) -> EngineParameters:
    """An engine's parameters, with these in place of the defaults; text is read as numbers.

    Raises:
        UnknownEngineError: There is no such engine.
        RejectedInputError: It has no such parameter, or that cannot be its value.
    """
    parameters = _kind(engine).parameters
    known = [field.name for field in dataclasses.fields(parameters)]
    if unknown := sorted(values.keys() - set(known)):
        raise RejectedInputError(
            f"engine {engine} has no parameter {', '.join(unknown)}, "
            f"it has {', '.join(known) or 'none'}"
        )
    try:
        made: EngineParameters = msgspec.convert(values, parameters, strict=False)
    except ValueError as error:
        raise RejectedInputError(f"engine {engine}: {error}") from error
    return made


def as_asked_for(parameters: EngineParameters) -> dict[str, int | float | str]:
    """Parameters by hand, as a manifest's ``build_parameters`` keep them."""
    return {_BY_HAND + name: value for name, value in dataclasses.asdict(parameters).items()}


def asked_for(
    build_parameters: Mapping[str, int | float | str],
) -> tuple[str, EngineParameters | None]:
    """The engine that a version was asked for with, and its parameters, None = its own.

    Raises:
        UnknownEngineError: There is no such engine.
        RejectedInputError: It cannot use these parameters any more.
    """
    engine = str(build_parameters.get("engine", "auto"))
    values = {
        name.removeprefix(_BY_HAND): value
        for name, value in build_parameters.items()
        if name.startswith(_BY_HAND)
    }
    return engine, make_parameters(engine, values) if values else None


def build_engine(
    engine: str,
    rows: NDArray[np.float32],
    parameters: EngineParameters | None,
    report: Progress,
) -> Built:
    """Build an engine by its name.

    Args:
        engine: A name that `check_name` lets pass.
        rows: (N, d) float32 unit rows, C-contiguous.
        parameters: Of this engine; None = the measured defaults.
        report: Told of the progress.

    Raises:
        UnknownEngineError: There is no such engine.
        RejectedInputError: The parameters are those of another.
    """
    kind = _kind(engine)
    chosen = kind.parameters() if parameters is None else parameters
    if not isinstance(chosen, kind.parameters):
        raise RejectedInputError(f"engine {engine} cannot use {type(chosen).__name__}")
    return kind.build(rows, chosen, report)


def load_engine(stored: Stored, ef_search: int | None = None) -> Engine:
    """The engine that a manifest names.

    Args:
        stored: The version.
        ef_search: In place of the manifest's, for engines that have one.

    Raises:
        ValueError: It is unknown, or its files or parameters are not what they should be.
    """
    name = stored.manifest.engine
    kind = _KINDS.get(name)
    if kind is None:
        raise ValueError(f"its engine is {name!r}, this program serves {', '.join(_KINDS)}")
    if missing := kind.files - stored.files.keys():
        raise ValueError(f"engine {name} needs {' and '.join(sorted(missing))}")
    values = dict(stored.manifest.parameters)
    expected = {field.name for field in dataclasses.fields(kind.parameters)}
    if lacking := expected - values.keys():  # today's defaults may not be its own
        raise ValueError(f"its parameters lack {', '.join(sorted(lacking))}")
    if ef_search is not None and "ef_search" in expected:
        values["ef_search"] = ef_search
    return kind.load(stored, msgspec.convert(values, kind.parameters))


def _kind(engine: str) -> Kind:
    kind = _KINDS.get(engine)
    if kind is None:
        raise UnknownEngineError(
            f"unknown engine {engine!r}, there are: {', '.join(('auto', *_KINDS))}"
        )
    return kind


def _build_exact(rows: NDArray[np.float32], parameters: NoParameters, report: Progress) -> Built:
    return Built(ExactEngine(rows), None, 1.0, 1.0)


def _load_exact(stored: Stored, parameters: NoParameters) -> Engine:
    return ExactEngine(stored.vectors)


def _load_hnsw(stored: Stored, parameters: HnswParameters) -> Engine:
    header = HEADERS[parameters.storage]
    graph = read_faiss(stored.files[INDEX_NAME], stored.size(INDEX_NAME), header)
    check_graph(graph, parameters, dim=stored.manifest.dim)
    groups = _read_groups(stored, graph.ntotal)
    return HnswEngine(graph, groups, parameters, stored.vectors)


def _load_ivfpq(stored: Stored, parameters: IvfPqParameters) -> Engine:
    parts = read_parts(
        stored.files,
        n_rows=stored.manifest.count,
        dim=stored.manifest.dim,
        n_lists=parameters.lists,
        n_codes=parameters.n_codes(stored.manifest.dim),
    )
    return IvfPqEngine(parts, parameters, stored.vectors)


def _read_groups(stored: Stored, n_nodes: int) -> Groups:
    offsets = map_array(stored.files[GROUPS_NAME], np.int64, (n_nodes + 1,))
    if (n_rows := offsets[-1]) != stored.manifest.count:  # or memory for as many would be taken
        raise ValueError(f"groups.npy covers {n_rows} of {stored.manifest.count} rows")
    return Groups(np.array(offsets))


def _on_gpu(engine: Callable[[NDArray[np.float32], Any], Engine], parameters: type[Any]) -> Kind:
    """Made on the device from the vectors, when it is built and whenever it is opened."""

    def build(rows: NDArray[np.float32], chosen: Any, report: Progress) -> Built:
        report("building on the GPU", 0, 1)
        made = engine(rows, chosen)
        report("building on the GPU", 1, 1)
        return Built(made, None, *((1.0, 1.0) if made.exact else measured(made, rows, report)))

    def load(stored: Stored, chosen: Any) -> Engine:
        return engine(stored.vectors, chosen)

    return Kind(parameters, frozenset(), build, load, on_gpu=True)


_KINDS = {
    ExactEngine.name: Kind(NoParameters, frozenset(), _build_exact, _load_exact),
    HnswEngine.name: Kind(
        HnswParameters, frozenset({INDEX_NAME, GROUPS_NAME}), build_hnsw, _load_hnsw
    ),
    IvfPqEngine.name: Kind(IvfPqParameters, PART_NAMES, build_ivfpq, _load_ivfpq),
    GpuExactEngine.name: _on_gpu(GpuExactEngine, GpuExactParameters),
    GpuIvfPqEngine.name: _on_gpu(GpuIvfPqEngine, GpuIvfPqParameters),
    GpuCagraEngine.name: _on_gpu(GpuCagraEngine, GpuCagraParameters),
}
