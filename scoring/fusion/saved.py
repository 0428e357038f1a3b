"""A fused model as a folder: its members, whole, and how much each weighs.

```
fused.json           format, and a weight for each member
members/0, 1, …      trained models as they were, see `scoring.saved.folder`
README.md            the card: of which models, with which weights
```
"""

from __future__ import annotations

import hashlib
import json
import math
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import msgspec

from scoring.damage import DAMAGE
from scoring.errors import ModelError, RowsError
from scoring.folder import named_folder
from scoring.fusion.choice import chosen_weights
from scoring.fusion.model import FusedModel, Member
from scoring.saved.answering import given_rows, validation_rows
from scoring.saved.card import CARD, read_card
from scoring.saved.folder import SavedModel, load_answering, read_saved
from scoring.saved.whole_folder import must_be_new, whole_folder
from scoring.tasks.contract import Example
from scoring.training.rows import Reading

_FILE: Final = "fused.json"
_FORMAT: Final = 1


class _Said(msgspec.Struct, forbid_unknown_fields=True):
    """What the file holds."""

    format: int
    weights: list[float]


@dataclass(frozen=True, slots=True)
class SavedFusion:
    """What a folder says.

    Attributes:
        folder: Where it is.
        weights: Of its members, of sum 1.
        members: What they say of themselves.
    """

    folder: Path
    weights: tuple[float, ...]
    members: tuple[SavedModel, ...]

    @property
    def as_one(self) -> SavedModel:
        """The first member's tasks and columns, and what is not its own left out."""
        return replace(self.members[0], folder=self.folder, metrics={}, notes={})

    def version(self) -> str:
        """12 hex digits of the members' content and their weights."""
        digest = hashlib.sha256(repr(self.weights).encode())
        for member in self.members:
            digest.update(member.version().encode())
        return digest.hexdigest()[:12]


def is_fused(folder: Path) -> bool:
    """Whether a folder claims to be one."""
    return (folder / _FILE).is_file()


def fuse(folders: Sequence[Path], weights: Sequence[float], out: Path) -> SavedFusion:
    """Save several models as one that answers with their weighted mean.

    Args:
        folders: Of trained models with the same tasks and labels. A weight of 0 leaves one out.
        weights: One each.
        out: Where nothing is yet.

    Raises:
        ModelError: They do not answer the same questions, or fewer than two are left.
    """
    must_be_new(out)
    if len(weights) != len(folders) or not all(0 <= weight < math.inf for weight in weights):
        raise ModelError(f"{len(folders)} models want a weight of 0 or more each, not {weights}")
    kept = [(named_folder(f), w) for f, w in zip(folders, weights, strict=True) if w]
    if len(kept) == 1 and len(folders) > 1:
        raise ModelError(f"all weight is on {kept[0][0]}: it does better without the others")
    loaded = [load_answering(folder) for folder, _ in kept]
    FusedModel([model for _, model in loaded], [weight for _, weight in kept])
    shares = [weight / sum(w for _, w in kept) for _, weight in kept]
    with whole_folder(out) as part:
        for place, (folder, _) in enumerate(kept):
            shutil.copytree(folder, part / "members" / str(place))
        text = json.dumps(msgspec.to_builtins(_Said(_FORMAT, shares)))
        (part / _FILE).write_text(text, "utf-8")
        (part / CARD).write_text(_card(out.name, kept, shares), "utf-8")
    return read_fused(out)


def weights_of(
    folders: Sequence[Path], task: str, data: Path, files: Sequence[Path], reading: Reading
) -> list[float]:
    """Weights that rows choose, see `choice.chosen_weights`.

    Args:
        folders: Of trained models with this task.
        task: Its name.
        data: Folder of the recipes' files; without others, the validation rows of the first one
            decide, as far as all models have them: what one validates another may have learned.
        files: Rows that no model has learned.
        reading: Notes bad rows.

    Raises:
        ModelError: They do not answer the same questions.
        RowsError: Rows cannot be used, or there are none.
    """
    loaded = [load_answering(named_folder(folder)) for folder in folders]
    saved, first = loaded[0]
    if files:
        rows: Sequence[Example] = given_rows(saved, first, task, files, reading)
    else:
        rows = validation_rows(saved, first, task, data, reading)
        for other, model in loaded[1:]:
            theirs = set(validation_rows(other, model, task, data, reading))
            rows = [row for row in rows if row in theirs]
        if not rows:
            raise RowsError("no validation row is one of all these models: give rows with --input")
    return chosen_weights([model for _, model in loaded], task, rows)


def read_fused(folder: Path) -> SavedFusion:
    """What a folder says, without weights.

    Raises:
        ModelError: It is damaged, or of another format.
    """
    file = folder / _FILE
    try:
        said = msgspec.json.decode(file.read_bytes(), type=_Said)
    except DAMAGE as error:
        raise ModelError(f"{file} is damaged ({error}): fuse the models again") from error
    if said.format != _FORMAT:
        raise ModelError(f"{file} has format {said.format}, this version reads {_FORMAT}")
    if not said.weights:
        raise ModelError(f"{file} is damaged (no weights): fuse the models again")
    members = [read_saved(folder / "members" / str(place)) for place in range(len(said.weights))]
    return SavedFusion(folder, tuple(said.weights), tuple(members))


def load_fused(folder: Path) -> tuple[SavedModel, FusedModel]:
    """A fused model, ready for answers.

    Raises:
        ModelError: It is damaged.
        EncoderFormatError: A member does not load.
    """
    saved = read_fused(folder)
    members: list[Member] = [load_answering(each.folder)[1] for each in saved.members]
    return saved.as_one, FusedModel(members, saved.weights)


def _card(name: str, kept: Sequence[tuple[Path, float]], shares: Sequence[float]) -> str:
    parts = [f"# {name}\n", "The weighted mean of what these models say:\n"]
    parts += [
        f"- {share:.3f} {folder.name} {read_saved(folder).version()}"
        for share, (folder, _) in zip(shares, kept, strict=True)
    ]
    parts.append("\nTheir cards follow: data, licences and limits are those of all of them.\n")
    parts += [f"---\n\n{read_card(folder)}" for folder, _ in kept]
    return "\n".join(parts)
