"""The ranker that a policy names: its folder, and which one was there when the policy was read."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

import msgspec

from scoring.errors import RankerError

FILE: Final = "ranker.json"


class RankerFile(msgspec.Struct, frozen=True, kw_only=True):
    """What `ranker.json` says."""

    format: int
    version: str
    heads_version: str
    item_ids: list[str]


@dataclass(frozen=True, slots=True)
class NamedRanker:
    """A ranker by name; `ranker.load_ranker` loads it.

    Attributes:
        folder: Absolute. The same content in another folder is the same ranker.
        version: Of its knowledge and its heads.
    """

    folder: Path = field(compare=False)
    version: str

    @classmethod
    def in_folder(cls, folder: Path) -> Self:
        """What a folder holds now; neither weights nor torch are loaded.

        Raises:
            RankerError: There is no ranker.
        """
        said = read_ranker_file(folder)
        return cls(folder.resolve(), f"{said.version}+{said.heads_version}")


def read_ranker_file(folder: Path) -> RankerFile:
    """The description of a ranker.

    Raises:
        RankerError: There is none.
    """
    try:
        return msgspec.json.decode((folder / FILE).read_bytes(), type=RankerFile)
    except (OSError, ValueError) as error:  # msgspec's are such, and of bytes that are no text
        raise RankerError(
            f"{folder} holds no ranker ({type(error).__name__}: {error}): "
            "train one with rillstream train"
        ) from error
