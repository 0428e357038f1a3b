"""Losses that are kept: a choice goes on with those that it has, and with no others."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import pytest

from scoring.errors import CheckpointError
from scoring.training.fold_losses import FoldLosses
from scoring.training.task_source import Stop, TaskSource


class Counted:
    """A source whose losses are how often it was asked."""

    identity = "shop"

    def __init__(self) -> None:
        self.n_asked = 0

    def fold_loss(self, tasks: tuple[str, ...], fold: int, n_folds: int, stop: Stop) -> float:
        self.n_asked += 1
        return float(self.n_asked)


def kept(source: Counted, file: Path) -> FoldLosses:
    return FoldLosses(cast(TaskSource, source), 3, file, lambda said: None, lambda: False)


def test_what_is_in_the_file_is_not_trained_again(tmp_path: Path) -> None:
    file, source = tmp_path / "losses.jsonl", Counted()
    losses = kept(source, file)
    assert [losses(("a", "b", "c"), 0), losses(("a",), 0), losses(("a", "c", "b"), 0)] == [1, 2, 1]
    assert [kept(source, file)(("a",), fold) for fold in (0, 1)] == [2, 3]


def test_half_a_line_of_a_killed_choice_is_cut_off(tmp_path: Path) -> None:
    file, source = tmp_path / "losses.jsonl", Counted()
    losses = kept(source, file)
    losses(("a",), 0)
    losses(("a",), 1)
    file.write_bytes(file.read_bytes()[:-9])
    again = kept(source, file)
    assert [again(("a",), 0), again(("a",), 1)] == [1, 3]
    assert [kept(source, file)(("a",), fold) for fold in (0, 1)] == [1, 3]


@pytest.mark.parametrize("raw", [b"not JSON\n", b'{"identity": "\xff"}\n', b"{}\n"])
def test_a_file_of_something_else_is_left_alone(tmp_path: Path, raw: bytes) -> None:
    file = tmp_path / "losses.jsonl"
    file.write_bytes(raw)
    with pytest.raises(CheckpointError, match=r"losses\.jsonl:1 is no loss"):
        kept(Counted(), file)
    assert file.read_bytes() == raw
