"""What a command line names is looked at before anything else is done."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from errno import ENOENT
from pathlib import Path

import typer


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


@contextmanager
def wrong_use(option: str, *errors: type[Exception]) -> Iterator[None]:
    """An option that is refused within is a wrong argument, and no flaw of a file or a setting.

    Raises:
        BadParameter: Instead of one of the errors.
    """
    try:
        yield
    except errors as error:
        raise typer.BadParameter(f"{option}: {error}") from None
