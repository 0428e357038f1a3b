"""A learned ranker as a folder: heads, and what it knows of items and customers.

```
ranker.json             item ids, columns, version
heads.safetensors       the network, see `heads`
knowledge.safetensors   tables of items, a sample of customers
metrics.json, README.md recipe and measures; the model card
```
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec

from scoring.damage import DAMAGE
from scoring.device import device_of
from scoring.errors import RankerError
from scoring.ranker.features import FEATURES
from scoring.ranker.heads import Heads
from scoring.ranker.knowledge import KNOWLEDGE, Knowledge
from scoring.ranker.named import FILE, NamedRanker, RankerFile, read_ranker_file

HEADS: Final = "heads.safetensors"
WEIGHTS: Final = (HEADS, KNOWLEDGE)
_FORMAT: Final = 1


@dataclass(frozen=True, slots=True, eq=False)
class Ranker:
    """What a worker ranks with beside its index.

    Attributes:
        heads: What scores; newer ones may come while a worker runs.
        knowledge: Of items and customers; part of the columns that heads read.
    """

    heads: Heads
    knowledge: Knowledge

    @property
    def version(self) -> str:
        """`ranker-` and 8 hex digits of the knowledge: heads have a version of their own."""
        tables, customers = self.knowledge.tables, self.knowledge.customers
        content = hashlib.sha256("\n".join(tables.item_ids).encode())
        for array in (tables.starts, tables.neighbours, tables.weights):
            content.update(array.tobytes())
        for array in (customers.digests, customers.starts, customers.items, customers.weights):
            content.update(array.tobytes())
        return f"ranker-{content.hexdigest()[:8]}"

    def save(self, folder: Path) -> None:
        """Write three files into a folder that exists."""
        (folder / HEADS).write_bytes(self.heads.to_bytes())
        self.knowledge.save(folder)
        said = RankerFile(
            format=_FORMAT,
            version=self.version,
            heads_version=self.heads.version,
            item_ids=self.knowledge.tables.item_ids,
        )
        (folder / FILE).write_bytes(msgspec.json.encode(said))


def load_ranker(folder: Path, device: str = "cpu") -> Ranker:
    """Read what `Ranker.save` wrote.

    Args:
        folder: Of the ranker.
        device: Where its heads score, see `device_of`.

    Raises:
        DeviceError: That is not there.
        RankerError: A file is missing, damaged, or of another version.
    """
    where = device_of(device)
    said = read_ranker_file(folder)
    try:
        if said.format != _FORMAT:
            raise RankerError(f"{folder} has format {said.format}, this version reads {_FORMAT}")
        heads = Heads.from_bytes((folder / HEADS).read_bytes()).on(where)
        found = Ranker(heads, Knowledge.load(folder, said.item_ids))
    except RankerError as error:
        raise RankerError(f"{folder} holds no ranker that can be used: {error}") from error
    except DAMAGE as error:
        raise RankerError(
            f"{folder} holds no ranker ({type(error).__name__}: {error}): "
            "train one with rillstream train"
        ) from error
    if (found.version, heads.version) != (said.version, said.heads_version):
        raise RankerError(f"{folder} is damaged: it was changed after it was written")
    require_columns(heads)
    return found


def load_named_ranker(
    name: NamedRanker, like: Iterable[Ranker] = (), device: str = "cpu"
) -> Ranker:
    """The ranker that a policy names.

    Args:
        name: Where, and which.
        like: Others in memory: knowledge that is equal to theirs is held once.
        device: As of `load_ranker`.

    Raises:
        RankerError: It does not load, or the folder holds another one by now.
    """
    found = load_ranker(name.folder, device)
    if name.version != f"{found.version}+{found.heads.version}":
        raise RankerError(f"{name.folder} was replaced while it was read")
    for each in like:
        if each.version == found.version:
            return Ranker(found.heads, each.knowledge)
    return found


def require_columns(heads: Heads) -> None:
    """Refuse heads that read other columns than this version makes.

    Raises:
        RankerError: They do.
    """
    if heads.features != FEATURES:
        raise RankerError(
            f"{heads.version} reads {len(heads.features)} columns ({heads.features_version}) and "
            "this version makes others: train the ranker again with it"
        )


def is_ranker(folder: Path) -> bool:
    """Whether a folder claims to hold a ranker."""
    return (folder / FILE).is_file()
