"""An error is one line and a documented exit code."""

import pytest

from streams.cli.exits import MEANINGS, Exit, explain
from streams.errors import (
    BadFileError,
    BrokerUnavailableError,
    FencedError,
    RejectedError,
    SettingsError,
)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (RejectedError("no key"), Exit.BAD_INPUT),
        (BadFileError("clicks.jsonl:3"), Exit.BAD_INPUT),
        (FileNotFoundError("clicks.jsonl"), Exit.BAD_INPUT),
        (FileExistsError(17, "File exists", "state"), Exit.BAD_INPUT),
        (IsADirectoryError(21, "Is a directory", "state"), Exit.BAD_INPUT),
        (NotADirectoryError(20, "Not a directory", "state"), Exit.BAD_INPUT),
        (OSError(30, "Read-only file system", "state"), Exit.BAD_INPUT),
        (OSError(36, "File name too long", "a" * 300), Exit.BAD_INPUT),
        (OSError(28, "No space left on device", "state"), Exit.WORLD_DOWN),
        (OSError(122, "Disk quota exceeded"), Exit.WORLD_DOWN),
        (OSError(5, "Input/output error", "state"), Exit.UNEXPECTED),
        (UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"), Exit.BAD_INPUT),
        (BrokerUnavailableError("nobody answers"), Exit.WORLD_DOWN),
        (FencedError("old generation"), Exit.FENCED),
        (SettingsError("RILLSTREAM_BROKR"), Exit.FATAL),
        (ZeroDivisionError("division by zero"), Exit.UNEXPECTED),
    ],
)
def test_each_fate_has_its_exit_code(error: Exception, code: Exit) -> None:
    found, line = explain(error)
    assert found == code
    assert "\n" not in line


def test_an_error_of_several_lines_becomes_one() -> None:
    assert explain(SettingsError("first\n  second"))[1] == "first second"


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (FileNotFoundError(2, "No such file or directory", "x"), "x: No such file or directory"),
        (FileExistsError(17, "File exists", "pyproject.toml"), "pyproject.toml: Not a directory"),
        (FileExistsError("models/a is there already"), "models/a is there already"),
    ],
)
def test_an_error_of_a_path_says_the_path_and_no_number(error: OSError, line: str) -> None:
    """What could not be made a folder for it is a file: a file that exists is no riddle."""
    assert explain(error)[1] == line


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (
            OSError(28, "No space left on device", "indexes"),
            "indexes: No space left on device. Make room, then run it again",
        ),
        (
            OSError(122, "Disk quota exceeded"),
            "a disk: Disk quota exceeded. Make room, then run it again",
        ),
    ],
)
def test_a_full_disk_says_where_and_the_way_out(error: OSError, line: str) -> None:
    assert explain(error)[1] == line


def test_every_exit_code_is_explained() -> None:
    assert set(MEANINGS) == set(Exit)
