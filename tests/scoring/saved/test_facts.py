"""What a model of events says of itself, or why it cannot."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from scoring.errors import ModelError
from scoring.related.recipe import RelatedRecipe
from scoring.saved.facts import facts_of, recipe_of, write_facts


def test_a_recipe_comes_back(tmp_path: Path) -> None:
    recipe = RelatedRecipe(kind="related-items", name="shop", events=("events.jsonl",))
    write_facts(tmp_path, recipe, {"hr@10": float("nan")})
    assert recipe_of(tmp_path, RelatedRecipe) == recipe


def test_a_measure_of_nothing_is_null_for_others_and_nan_for_us(tmp_path: Path) -> None:
    """Other programs' JSON knows no NaN, and refuses the file."""
    recipe = RelatedRecipe(kind="related-items", name="shop", events=("events.jsonl",))
    write_facts(tmp_path, recipe, {"hr@10": float("nan"), "mrr": 0.5})
    assert msgspec.json.decode((tmp_path / "metrics.json").read_bytes())["measures"] == {
        "hr@10": None,
        "mrr": 0.5,
    }
    measures = facts_of(tmp_path, RelatedRecipe)[1]
    assert measures == pytest.approx({"hr@10": float("nan"), "mrr": 0.5}, nan_ok=True)


@pytest.mark.parametrize(
    "said", [b"[]", b"{}", b'{"recipe": 7}', b'{"recipe": {}', b"\xff", b"[" * 100_000], ids=len
)
def test_facts_that_are_none_are_refused(tmp_path: Path, said: bytes) -> None:
    (tmp_path / "metrics.json").write_bytes(said)
    with pytest.raises(ModelError, match="does not say how it was made"):
        recipe_of(tmp_path, RelatedRecipe)
