"""A trained tower as a folder: safetensors and JSON, nothing that is ever unpickled."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

import msgspec
from safetensors.torch import load_file, save_file

from scoring.damage import DAMAGE
from scoring.errors import TowerFormatError
from scoring.sequence.item_vectors import ItemVectors
from scoring.sequence.tower import SequenceTower, TowerSettings

WEIGHTS: Final = "model.safetensors"
_TEXT: Final = "text.safetensors"
_CONFIG: Final = "config.json"
_ITEMS: Final = "items.json"
_FORMAT: Final = 1


class _Config(msgspec.Struct, frozen=True, kw_only=True):
    format: int
    tower: TowerSettings
    n_items: int
    n_warm: int
    encoder_version: str | None


class SavedTower(msgspec.Struct, frozen=True, kw_only=True):
    """A tower and what its numbers mean.

    Attributes:
        tower: In evaluation mode.
        item_ids: (N,) of its rows.
        encoder_version: Whose vectors its text is; None = it has none.
    """

    tower: SequenceTower
    item_ids: list[str]
    encoder_version: str | None = None


def save_tower(saved: SavedTower, folder: Path) -> None:
    """Write weights, settings and item ids. The settings come last: without them it is no tower."""
    folder.mkdir(parents=True, exist_ok=True)
    items = saved.tower.items
    state = {name: value.contiguous() for name, value in saved.tower.state_dict().items()}
    save_file(state, folder / WEIGHTS)
    if items.text is not None:
        save_file({"text": items.text.contiguous()}, folder / _TEXT)
    (folder / _ITEMS).write_bytes(msgspec.json.encode(saved.item_ids))
    config = _Config(
        format=_FORMAT,
        tower=saved.tower.settings,
        n_items=items.n_items,
        n_warm=len(items.ids),
        encoder_version=saved.encoder_version,
    )
    (folder / _CONFIG).write_bytes(msgspec.json.format(msgspec.json.encode(config)))


def is_tower(folder: Path) -> bool:
    """Whether a folder claims to hold a tower, and no other model."""
    return (folder / _CONFIG).is_file() and (folder / _ITEMS).is_file()


def tower_version(folder: Path) -> str:
    """12 hex digits of what its answers depend on.

    Raises:
        TowerFormatError: A file is missing.
    """
    try:
        content = [(folder / name).read_bytes() for name in (_CONFIG, _ITEMS, WEIGHTS)]
    except OSError as error:
        raise TowerFormatError(f"{folder} lacks {error.filename}: train it again") from error
    return hashlib.sha256(b"".join(content)).hexdigest()[:12]


def load_tower(folder: Path) -> SavedTower:
    """Read what `save_tower` wrote.

    Raises:
        TowerFormatError: A file is missing, damaged or of another version.
    """
    try:
        config = msgspec.json.decode((folder / _CONFIG).read_bytes(), type=_Config)
        if config.format != _FORMAT:
            raise TowerFormatError(
                f"{folder} has format {config.format}, this version reads {_FORMAT}: train it again"
            )
        item_ids = msgspec.json.decode((folder / _ITEMS).read_bytes(), type=list[str])
        state = load_file(folder / WEIGHTS)
        text = load_file(folder / _TEXT)["text"] if (folder / _TEXT).exists() else None
        warm = None if (rows := state.get("items.rows")) is None else rows >= 0
        items = ItemVectors(config.n_items, config.tower.width, text, warm)
        tower = SequenceTower(config.tower, items)
        tower.load_state_dict(state)
    except DAMAGE as error:
        raise TowerFormatError(
            f"{folder} holds no sequence tower ({type(error).__name__}: {error}): train it again"
        ) from error
    if len(item_ids) != config.n_items:
        raise TowerFormatError(
            f"{folder} has {len(item_ids)} item ids for {config.n_items} items: train it again"
        )
    tower.eval().requires_grad_(False)
    return SavedTower(tower=tower, item_ids=item_ids, encoder_version=config.encoder_version)
