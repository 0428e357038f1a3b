"""What a model of events says of itself, or why it cannot."""

from __future__ import annotations

from pathlib import Path

import pytest

from scoring.errors import ModelError
from scoring.related.recipe import RelatedRecipe
from scoring.saved.facts import recipe_of, write_facts


def test_a_recipe_comes_back(tmp_path: Path) -> None:
    recipe = RelatedRecipe(kind="related-items", name="shop", events=("events.jsonl",))
    write_facts(tmp_path, recipe, {"hr@10": float("nan")})
    assert recipe_of(tmp_path, RelatedRecipe) == recipe


@pytest.mark.parametrize(
    "said", [b"[]", b"{}", b'{"recipe": 7}', b'{"recipe": {}', b"\xff", b"[" * 100_000], ids=len
)
def test_facts_that_are_none_are_refused(tmp_path: Path, said: bytes) -> None:
    (tmp_path / "metrics.json").write_bytes(said)
    with pytest.raises(ModelError, match="does not say how it was made"):
        recipe_of(tmp_path, RelatedRecipe)
