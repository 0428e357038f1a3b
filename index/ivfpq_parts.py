"""What an IVF-PQ index consists of: four plain arrays, from which FAISS's own form is made.

A version keeps these and no FAISS file: nothing in them can lead a search astray once their shapes
fit, and there is no format to parse.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from index.library import faiss
from index.manifest import CENTROIDS_NAME, CODEBOOK_NAME, CODES_NAME, LISTS_NAME
from index.npy_file import map_array, write_array

# A code of 4 bits names one of so many values.
N_VALUES = 16


@dataclass(frozen=True, slots=True, eq=False)
class IvfPqParts:
    """Rows in lists around centroids, each row as M codes of 4 bits.

    Attributes:
        centroids: (L, d) float32 unit rows.
        codebook: (M, 16, d / M) float32: what each code stands for.
        codes: (N, ceil(M / 2)) uint8, in order of position.
        offsets: (L + 1,) int64: list i holds positions offsets[i] to offsets[i + 1] - 1.
    """

    centroids: NDArray[np.float32]
    codebook: NDArray[np.float32]
    codes: NDArray[np.uint8]
    offsets: NDArray[np.int64]

    def __post_init__(self) -> None:
        """Refuse what FAISS would follow without looking.

        Raises:
            ValueError: A number is not finite, or the lists are not all rows, once each.
        """
        if not (np.isfinite(self.centroids).all() and np.isfinite(self.codebook).all()):
            raise ValueError(f"{CENTROIDS_NAME} or {CODEBOOK_NAME} holds nan or infinity")
        ends = self.offsets
        falls = (ends[1:] < ends[:-1]).any()  # compared: differences begin again behind 2^63
        if ends[0] != 0 or ends[-1] != len(self.codes) or falls:
            raise ValueError(f"{LISTS_NAME} does not give each of {len(self.codes)} rows one list")

    def searchable(self) -> tuple[Any, Any]:
        """FAISS's form.

        Returns:
            A ``faiss.IndexIVFPQFastScan``, and the quantizer that it needs to stay alive.
        """
        library = faiss()
        n_lists, dim = self.centroids.shape
        quantizer = library.IndexFlatIP(dim)
        quantizer.add(self.centroids)
        plain = library.IndexIVFPQ(
            quantizer, dim, n_lists, len(self.codebook), 4, library.METRIC_INNER_PRODUCT
        )
        plain.by_residual = False
        library.copy_array_to_vector(self.codebook.ravel(), plain.pq.centroids)
        plain.is_trained = True
        positions = np.arange(len(self.codes))
        for i in range(n_lists):
            rows = slice(*self.offsets[i : i + 2].tolist())
            if n_rows := rows.stop - rows.start:
                plain.invlists.add_entries(
                    i,
                    n_rows,
                    library.swig_ptr(positions[rows]),
                    library.swig_ptr(self.codes[rows]),
                )
        plain.ntotal = len(self.codes)
        return library.IndexIVFPQFastScan(plain), quantizer

    def write(self, folder: Path) -> None:
        """Write each array as a file."""
        for name, array in (
            (CENTROIDS_NAME, self.centroids),
            (CODEBOOK_NAME, self.codebook),
            (CODES_NAME, self.codes),
            (LISTS_NAME, self.offsets),
        ):
            write_array(folder / name, array)


PART_NAMES = frozenset({CENTROIDS_NAME, CODEBOOK_NAME, CODES_NAME, LISTS_NAME})


def read_parts(
    files: Mapping[str, BinaryIO], *, n_rows: int, dim: int, n_lists: int, n_codes: int
) -> IvfPqParts:
    """Map the four arrays of a version, which must have these shapes.

    Raises:
        ValueError: They have not, or cannot be believed.
    """
    if not 1 <= n_lists <= max(1, n_rows) or not 1 <= n_codes <= dim or dim % n_codes:
        raise ValueError(f"{n_lists} lists and {n_codes} codes do not fit {n_rows} rows of {dim}")
    return IvfPqParts(
        map_array(files[CENTROIDS_NAME], np.float32, (n_lists, dim)),
        map_array(files[CODEBOOK_NAME], np.float32, (n_codes, N_VALUES, dim // n_codes)),
        map_array(files[CODES_NAME], np.uint8, (n_rows, (n_codes + 1) // 2)),
        np.array(map_array(files[LISTS_NAME], np.int64, (n_lists + 1,))),
    )
