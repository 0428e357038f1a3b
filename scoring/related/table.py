"""Each item's most related ones, and how much; a folder of safetensors and JSON."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file, save_file

from scoring.damage import DAMAGE
from scoring.errors import ModelError

TABLE: Final = "related.safetensors"
_ITEMS: Final = "related.json"
_FORMAT: Final = 1


class _Items(msgspec.Struct, frozen=True, kw_only=True):
    format: int
    version: str
    item_ids: list[str]


@dataclass(frozen=True, slots=True, eq=False)
class RelatedItems:
    """What goes together, by item id: it fits every index version of a shop.

    Attributes:
        item_ids: T items.
        neighbours: (T, k) int32 rows of this table, strongest first, -1 = there are no more.
        strengths: (T, k) float32, at least 0; 0 where there is no neighbour. Strengths of
            different rows can be compared and added.
    """

    item_ids: list[str]
    neighbours: NDArray[np.int32]
    strengths: NDArray[np.float32]

    @property
    def version(self) -> str:
        """`related-` and 8 hex digits of what it says."""
        content = hashlib.sha256("\n".join(self.item_ids).encode())
        content.update(self.neighbours.tobytes())
        content.update(self.strengths.tobytes())
        return f"related-{content.hexdigest()[:8]}"

    def save(self, folder: Path) -> None:
        """Write two files into a folder that exists."""
        arrays = {"neighbours": self.neighbours, "strengths": self.strengths}
        save_file(arrays, folder / TABLE)
        items = _Items(format=_FORMAT, version=self.version, item_ids=self.item_ids)
        (folder / _ITEMS).write_bytes(msgspec.json.encode(items))

    @classmethod
    def load(cls, folder: Path) -> RelatedItems:
        """Read what `save` wrote.

        Raises:
            ModelError: A file is missing, damaged or of another version.
        """
        try:
            items = msgspec.json.decode((folder / _ITEMS).read_bytes(), type=_Items)
            if items.format != _FORMAT:
                raise ModelError(
                    f"{folder} has format {items.format}, this version reads {_FORMAT}: "
                    "learn it again"
                )
            arrays = load_file(folder / TABLE)
            table = cls(items.item_ids, arrays["neighbours"], arrays["strengths"])
        except DAMAGE as error:
            raise ModelError(
                f"{folder} holds no table of related items ({type(error).__name__}: {error}): "
                "learn one with rillstream train"
            ) from error
        problem = table._problem() or (table.version != items.version and "it was changed")
        if problem:
            raise ModelError(f"{folder} is damaged: {problem}; learn it again")
        return table

    def _problem(self) -> str | None:
        n, shape = len(self.item_ids), self.neighbours.shape
        if len(shape) != 2 or shape[0] != n or self.strengths.shape != shape:
            return f"{n} items, neighbours {shape}, strengths {self.strengths.shape}"
        if self.neighbours.dtype != np.int32 or self.strengths.dtype != np.float32:
            return f"types {self.neighbours.dtype}, {self.strengths.dtype}"
        if shape[1] and n and not -1 <= self.neighbours.min() <= self.neighbours.max() < n:
            return "a neighbour that is no item"
        if not np.isfinite(self.strengths).all() or (self.strengths < 0).any():
            return "a strength that is no number of 0 or more"
        return None


def is_related(folder: Path) -> bool:
    """Whether a folder claims to hold such a table."""
    return (folder / _ITEMS).is_file()
