"""An error is one line and a documented exit code."""

import pytest
from confluent_kafka import KafkaException, Producer

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
        (ModuleNotFoundError("No module named 'faiss'", name="faiss"), Exit.FATAL),
        (ZeroDivisionError("division by zero"), Exit.UNEXPECTED),
    ],
)
def test_each_fate_has_its_exit_code(error: Exception, code: Exit) -> None:
    found, line = explain(error)
    assert found == code
    assert "\n" not in line


def test_a_missing_faiss_names_both_builds() -> None:
    _, line = explain(ModuleNotFoundError("No module named 'faiss'", name="faiss"))
    assert "rillstream[cpu]" in line
    assert "rillstream[gpu]" in line


def test_a_client_that_cannot_be_made_is_no_matter_of_waiting() -> None:
    with pytest.raises(KafkaException) as failed:
        Producer({"security.protocol": "SSL", "ssl.ca.location": __file__})  # no certificate
    code, line = explain(failed.value)
    assert code == Exit.FATAL
    assert "ssl.ca.location" in line
    assert "RILLSTREAM_SECURITY__" in line


def test_an_error_of_several_lines_becomes_one() -> None:
    assert explain(SettingsError("first\n  second"))[1] == "first second"


def test_every_exit_code_is_explained() -> None:
    assert set(MEANINGS) == set(Exit)
