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


def test_every_exit_code_is_explained() -> None:
    assert set(MEANINGS) == set(Exit)
