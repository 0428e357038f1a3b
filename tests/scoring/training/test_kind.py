"""A recipe says what it is for."""

from __future__ import annotations

from pathlib import Path

import pytest

from scoring.training.kind import kind_of


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        ('kind = "next-item"', "next-item"),
        ('name = "intent"', None),
        ("kind = 3", "3"),
        ("no toml", None),
    ],
)
def test_the_kind_is_what_the_file_says(tmp_path: Path, said: str, kind: str | None) -> None:
    file = tmp_path / "recipe.toml"
    file.write_text(said, "utf-8")
    assert kind_of(file) == kind


def test_a_file_that_is_not_there_has_none(tmp_path: Path) -> None:
    assert kind_of(tmp_path / "none.toml") is None
