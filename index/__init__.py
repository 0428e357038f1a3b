"""Vectors in, candidates out: build, verify, version, open, search. FAISS loads when first used."""

from index.build import build_index
from index.catalogue import Catalogue, Item
from index.encoder_folders import EncoderFolders
from index.engine import Engine
from index.errors import (
    BusyError,
    DimensionMismatchError,
    EncoderFilesError,
    EncoderMismatchError,
    EngineUnavailableError,
    IndexError_,
    IndexFormatError,
    MismatchError,
    NoCurrentVersionError,
    RecallError,
    RejectedInputError,
    StoreUnavailableError,
    UnknownEngineError,
    UnknownVersionError,
)
from index.exact import ExactEngine
from index.filters import Filter
from index.hnsw import HnswEngine, HnswParameters
from index.ivfpq import IvfPqEngine, IvfPqParameters
from index.live import Change, Corpus, LiveIndex, Place
from index.manifest import FileEntry, Manifest
from index.memory import give_back_memory
from index.snapshot import Candidates, Snapshot
from index.store import IndexStore
from index.threads import set_threads
from index.writing import Build

__all__ = [
    "Build",
    "BusyError",
    "Candidates",
    "Catalogue",
    "Change",
    "Corpus",
    "DimensionMismatchError",
    "EncoderFilesError",
    "EncoderFolders",
    "EncoderMismatchError",
    "Engine",
    "EngineUnavailableError",
    "ExactEngine",
    "FileEntry",
    "Filter",
    "HnswEngine",
    "HnswParameters",
    "IndexError_",
    "IndexFormatError",
    "IndexStore",
    "Item",
    "IvfPqEngine",
    "IvfPqParameters",
    "LiveIndex",
    "Manifest",
    "MismatchError",
    "NoCurrentVersionError",
    "Place",
    "RecallError",
    "RejectedInputError",
    "Snapshot",
    "StoreUnavailableError",
    "UnknownEngineError",
    "UnknownVersionError",
    "build_index",
    "give_back_memory",
    "set_threads",
]
