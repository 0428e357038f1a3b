"""What one version has that another has not, by the content of its items."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from index.errors import IndexFormatError
from index.hashes import item_hashes
from index.items_file import read_ids, read_items
from index.loading import map_hashes
from index.manifest import HASHES_NAME, ITEMS_NAME
from index.store import IndexStore

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True)
class Difference:
    """Ids of the items that differ between two versions, sorted.

    Attributes:
        added: In the second only.
        removed: In the first only.
        changed: In both, but something that is known of them is not the same: a price, a word.
        n_same: How many are the same in both.
    """

    added: list[str]
    removed: list[str]
    changed: list[str]
    n_same: int


def difference(store: IndexStore, first: str, second: str) -> Difference:
    """Compare two versions.

    Raises:
        UnknownVersionError: There is no such version.
        IndexFormatError: One is damaged.
    """
    import pyarrow.compute as pc

    ids, hashes = _contents(store, first)
    other_ids, other_hashes = _contents(store, second)
    found = pc.index_in(other_ids, value_set=ids)  # where each of the second is in the first
    is_new = found.is_null().to_numpy(zero_copy_only=False)
    both = np.flatnonzero(~is_new)
    before = found.drop_null().to_numpy()
    same = hashes[before] == other_hashes[both]
    gone = np.ones(len(ids), np.bool_)
    gone[before] = False
    return Difference(
        added=sorted(other_ids.filter(is_new).to_pylist()),
        removed=sorted(ids.filter(gone).to_pylist()),
        changed=sorted(other_ids.take(both[~same]).to_pylist()),
        n_same=int(same.sum()),
    )


def _contents(store: IndexStore, version: str) -> tuple[pa.Array, NDArray[np.uint64]]:
    """(N,) ids and (N,) hashes of all that is known of each item."""
    wanted = {ITEMS_NAME, HASHES_NAME}
    with store.files(version, wanted) as (manifest, files):
        try:
            ids, hashes = read_ids(files[ITEMS_NAME], manifest.count), map_hashes(files, manifest)
            if hashes is not None:
                return ids, np.array(hashes[:, -1])
            files[ITEMS_NAME].seek(0)
            words = [item_hashes(items)[:, 0] for items, _ in read_items(files[ITEMS_NAME])]
        except ValueError as error:
            raise IndexFormatError(version, [str(error)]) from error
        return ids, np.concatenate([np.empty(0, np.uint64), *words])
