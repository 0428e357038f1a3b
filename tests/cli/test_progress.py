"""Progress in a file or a pipe: a line now and then, with rate and time left."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console
from rich.progress import Progress

from streams.cli.progress import Bars, Rate


def test_without_a_terminal_a_line_tells_rate_and_time_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    now = 100.0
    monkeypatch.setattr("streams.cli.progress.time.monotonic", lambda: now)
    with Bars() as bars:
        bars.report("encoding items", 0, 10_000)
        now = 105.0
        bars.report("encoding items", 500, 10_000)
        now = 120.0
        bars.report("encoding items", 4_000, 10_000)
        now = 121.0
        bars.report("encoding items", 4_100, 10_000)
        now = 150.0
        bars.report("encoding items", 10_000, 10_000)
    assert capsys.readouterr().err == "encoding items: 4,000 of 10,000, 200/s, 30 s left\n"


def test_a_stage_that_is_first_heard_of_half_done_has_the_rate_of_the_rest(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """It said 10,701,741/s: what was done before, in no time."""
    now = 100.0
    monkeypatch.setattr("streams.cli.progress.time.monotonic", lambda: now)
    with Bars() as bars:
        now = 120.0
        bars.report("encoding items", 262, 302)
        now = 124.0
        bars.report("encoding items", 282, 302)
    assert capsys.readouterr().err == "encoding items: 282 of 302, 5/s, 4 s left\n"


def test_the_rate_is_a_column() -> None:
    with Progress(console=Console(file=StringIO())) as bars:
        bars.add_task("encoding items", total=100)
        (task,) = bars.tasks
        assert str(Rate().render(task)) == ""
        task.finished_speed = 1234.5
        assert str(Rate().render(task)) == "1,234/s"
