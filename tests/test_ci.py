"""Where there is no broker, a developer's run skips with the reason, and CI fails."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
A_KAFKA_TEST = "tests/integration/test_brokers.py::test_a_topic_is_never_created_by_use"


def outcome(ci: str) -> str:
    """Run a broker test where neither Java nor Docker is on the path; return what pytest says."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", A_KAFKA_TEST],
        cwd=ROOT,
        env={**os.environ, "PATH": "/nonexistent", "CI": ci},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout


def test_a_developer_without_a_broker_is_told_why_tests_are_skipped() -> None:
    text = outcome(ci="")
    assert "1 skipped" in text
    assert "no Java 17 with Maven, and no Docker daemon" in text


def test_ci_without_a_broker_fails() -> None:
    text = outcome(ci="true")
    assert "1 error" in text or "1 failed" in text
    assert "CI needs a real Kafka" in text


def test_ci_runs_what_a_developer_runs() -> None:
    script = (ROOT / ".ci" / "run").read_text()
    assert "make test" in script
    assert "make check" in script
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
