"""Files and folders that a command line names are looked for before anything else is done."""

import os
from collections.abc import Iterable
from errno import ENOENT
from pathlib import Path


def must_be_there(*named: Path | Iterable[Path] | None) -> None:
    """Say which file or folder is missing; None = it was not named.

    Raises:
        FileNotFoundError: The first that is not there.
    """
    for each in named:
        for path in (each,) if isinstance(each, Path) else each or ():
            if not path.exists():
                raise FileNotFoundError(ENOENT, os.strerror(ENOENT), str(path))


def model_must_be_there(*models: Path) -> None:
    """The same of trained models; `default` is the one that comes along.

    Raises:
        FileNotFoundError: The first that is not there.
    """
    from scoring.folder import named_folder

    must_be_there(named_folder(model) for model in models)
