"""A ranker's training as far as it has come, on disk: a killed one goes on from its last stage."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeVar

import numpy as np
from safetensors import safe_open
from safetensors.numpy import load_file, save_file

from scoring.damage import DAMAGE
from scoring.errors import CheckpointError
from scoring.ranker.heads import Heads
from scoring.ranker.lists import Lists
from scoring.saved.whole_folder import settle

_ARRAYS: Final = ("features", "wanted", "new", "weights", "starts", "counts")
_BEGUN: Final = "training.json"

Taught = tuple[Heads, dict[str, float]]
_T = TypeVar("_T")


class Stages:
    """What is made once is kept until the ranker is saved: lists of all periods, and heads.

    Each stage is a file that appears whole, so that a kill, or the loss of power, loses the stage
    that it fell into. What chance was used up goes with the heads: the rest is bit for bit as
    without a break.
    """

    def __init__(self, folder: Path, of: Mapping[str, object]) -> None:
        """Begin, or go on.

        Args:
            folder: Made where it is missing.
            of: What the training is made from.

        Raises:
            CheckpointError: A stage is there that was made from something else.
        """
        self._folder = folder
        said = json.dumps(of, indent=1, sort_keys=True)
        begun = folder / _BEGUN
        if begun.exists() and begun.read_text("utf-8") == said:
            return
        # A recipe that ended with an error before its first stage has left nothing to lose.
        if any(stage != begun for stage in folder.glob("*.json")):
            raise CheckpointError(
                f"{folder} is of a training from another recipe, other files or another version: "
                "begin anew with --restart"
            )
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        self._put(_BEGUN, said.encode())

    def lists(self, make: Callable[[], Sequence[Lists]]) -> list[Lists]:
        """Lists of each period: as they were kept, or made and kept."""
        files = sorted(self._folder.glob("lists-*.safetensors"))
        if (self._folder / "lists.json").exists():
            return [self._read(_lists, file) for file in files]
        found = list(make())
        for number, each in enumerate(found):
            file = self._folder / f"lists-{number:04}.safetensors"
            arrays = {name: np.ascontiguousarray(getattr(each, name)) for name in _ARRAYS}
            part = file.with_suffix(".part")
            save_file(arrays, part, {"regions": json.dumps(each.regions)})
            settle(part, file)
        self._put("lists.json", b"{}")
        return found

    def taught(self, stage: str, rng: np.random.Generator, make: Callable[[], Taught]) -> Taught:
        """Heads, and what was said of groups; the generator is then as after `make`."""
        file, after = (self._folder / f"{stage}{end}" for end in (".safetensors", ".json"))

        def went_on(path: Path) -> dict[str, float]:
            said = json.loads(path.read_bytes())
            groups: dict[str, float] = said["groups"]
            rng.bit_generator.state = said["rng"]
            return groups

        if after.exists():
            heads = self._read(lambda path: Heads.from_bytes(path.read_bytes()), file)
            return heads, self._read(went_on, after)
        heads, groups = make()
        self._put(file.name, heads.to_bytes())
        said = {"rng": rng.bit_generator.state, "groups": groups}
        self._put(after.name, json.dumps(said).encode())
        return heads, groups

    def forget(self) -> None:
        """Remove everything."""
        shutil.rmtree(self._folder)

    def _read(self, read: Callable[[Path], _T], file: Path) -> _T:
        try:
            return read(file)
        except DAMAGE as error:
            raise CheckpointError(
                f"{file} is damaged ({type(error).__name__}: {error}): begin anew with --restart"
            ) from error

    def _put(self, name: str, raw: bytes) -> None:
        part = self._folder / f"{name}.part"
        part.write_bytes(raw)
        settle(part, self._folder / name)


def _lists(file: Path) -> Lists:
    arrays: dict[str, Any] = load_file(file)
    with safe_open(file, "numpy") as opened:
        regions = tuple(json.loads(opened.metadata()["regions"]))
    return Lists(**arrays, regions=regions)
