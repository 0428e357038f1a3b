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
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import msgspec
from safetensors import SafetensorError

from scoring.errors import RankerError
from scoring.ranker.features import FEATURES
from scoring.ranker.heads import Heads
from scoring.ranker.knowledge import KNOWLEDGE, Knowledge

HEADS: Final = "heads.safetensors"
WEIGHTS: Final = (HEADS, KNOWLEDGE)
_FILE: Final = "ranker.json"
_FORMAT: Final = 1


class _Said(msgspec.Struct, frozen=True, kw_only=True):
    format: int
    version: str
    heads_version: str
    item_ids: list[str]


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
        said = _Said(
            format=_FORMAT,
            version=self.version,
            heads_version=self.heads.version,
            item_ids=self.knowledge.tables.item_ids,
        )
        (folder / _FILE).write_bytes(msgspec.json.encode(said))


def load_ranker(folder: Path) -> Ranker:
    """Read what `Ranker.save` wrote.

    Raises:
        RankerError: A file is missing, damaged, or of another version.
    """
    try:
        said = msgspec.json.decode((folder / _FILE).read_bytes(), type=_Said)
        if said.format != _FORMAT:
            raise RankerError(f"{folder} has format {said.format}, this version reads {_FORMAT}")
        heads = Heads.from_bytes((folder / HEADS).read_bytes())
        found = Ranker(heads, Knowledge.load(folder, said.item_ids))
    except RankerError as error:
        raise RankerError(f"{folder} holds no ranker that can be used: {error}") from error
    except (OSError, KeyError, SafetensorError, msgspec.MsgspecError) as error:
        raise RankerError(
            f"{folder} holds no ranker ({type(error).__name__}: {error}): "
            "train one with rillstream train"
        ) from error
    if (found.version, heads.version) != (said.version, said.heads_version):
        raise RankerError(f"{folder} is damaged: it was changed after it was written")
    require_columns(heads)
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
    return (folder / _FILE).is_file()
