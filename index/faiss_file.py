"""index.faiss: read only within limits, and only where it is of a type that we write."""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any, BinaryIO

from index.library import faiss

# FAISS's limits are those of the process, so only one file is read at a time.
_reading = threading.Lock()


def write_faiss(path: Path, index: Any) -> None:
    """Write a FAISS index, durable when this returns.

    Through a file of ours: FAISS's own forgets its last 4 KiB on a full disk, and says nothing.

    Raises:
        OSError: It could not be written.
    """
    library = faiss()
    with path.open("wb") as file:
        library.write_index(index, library.PyCallbackIOWriter(file.write))
        file.flush()
        os.fsync(file.fileno())


def read_faiss(file: BinaryIO, size: int, header: bytes) -> Any:
    """Read a FAISS index of one type. What it holds has yet to be checked.

    Args:
        file: Open at its start, already verified.
        size: Its length in bytes, the limit for any vector that FAISS allocates.
        header: The first four bytes, by which a FAISS file names its type.

    Raises:
        ValueError: It is of another type, or FAISS cannot read it.
    """
    found = file.read(4)
    if found != header:
        raise ValueError(f"index.faiss is of type {found!r}, expected {header!r}")
    file.seek(0)
    library = faiss()
    with _reading:
        before = library.get_deserialization_vector_byte_limit()
        library.set_deserialization_vector_byte_limit(size)
        try:
            return library.read_index(library.PyCallbackIOReader(file.read))
        except RuntimeError as error:
            raise ValueError(f"FAISS cannot read index.faiss ({error})") from error
        finally:
            library.set_deserialization_vector_byte_limit(before)
