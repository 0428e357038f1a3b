"""A learned slate policy as a folder: heads, the numbers of a policy to draw with, how it came."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from scoring.policy_file import write_numbers
from scoring.ranker.heads import Heads
from scoring.ranker.named import NamedRanker
from scoring.ranker.ranker import HEADS, load_ranker, require_columns
from scoring.ranker.ranker import Ranker as ServedRanker
from scoring.reinforcement.recipe import PolicyRecipe
from scoring.saved.facts import write_facts

NUMBERS: Final = "policy.toml"


def save_policy(
    folder: Path,
    heads: Heads,
    recipe: PolicyRecipe,
    measures: Mapping[str, Any],
    *,
    ranker: Path | None = None,
) -> None:
    """Write `heads.safetensors`, `policy.toml` and `metrics.json`.

    Args:
        folder: Made where it is not there.
        heads: Of one task, `value`.
        recipe: What was asked for.
        measures: What came of it.
        ranker: Folder of a ranker whose knowledge of items and customers goes along, so that
            workers can serve the folder: the policy file then names it as its ranker.

    Raises:
        RankerError: There is none in that folder, or the heads read other columns than it has.
    """
    served = None
    if ranker is not None:
        require_columns(heads)
        served = ServedRanker(heads, load_ranker(ranker).knowledge)
    folder.mkdir(parents=True, exist_ok=True)
    if served is None:
        (folder / HEADS).write_bytes(heads.to_bytes())
    else:
        served.save(folder)
    numbers: dict[str, Any] = {"draw": "softmax", "temperature": 1.0, "weight_value": 1.0}
    if served is not None:
        numbers["ranker"] = NamedRanker.in_folder(folder)
    write_numbers(
        folder / NUMBERS,
        numbers,
        f"Lists as {heads.version} was trained to draw them.",
    )
    write_facts(folder, recipe, measures)
