"""TOML files that pages show are read by the code that reads such files."""

import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest

from scoring.behaviour.recipe import read_behaviour_recipe
from scoring.experiments.experiment import ExperimentTable
from scoring.pretraining.recipe import read_pretraining
from scoring.ranker.recipe import read_ranker_recipe
from scoring.reinforcement.recipe import read_policy_recipe
from scoring.related.recipe import read_related_recipe
from scoring.rules.rule_file import read_rules
from scoring.sequence.recipe import read_sequence_recipe
from scoring.training.recipe import decoded, read_recipe
from tests.test_docs import PAGES

KINDS: dict[str, Callable[[Path], object]] = {
    "behaviour": read_behaviour_recipe,
    "next-item": read_sequence_recipe,
    "ranker": read_ranker_recipe,
    "related-items": read_related_recipe,
    "slate-policy": read_policy_recipe,
}
WITH: dict[str, Callable[[Path], object]] = {
    "kind": lambda file: KINDS[tomllib.loads(file.read_text())["kind"]](file),
    "tasks": read_recipe,
    "catalogue": read_pretraining,
    "variants": lambda file: decoded(file, ExperimentTable),
    "block": read_rules,
}
"""Who reads a file with such a key."""

RESTS = {
    "augmentation": 'name = "shop"\n[tasks.it]\ntype = "classification"\ntrain = ["rows.csv"]\n',
    "network": 'kind = "ranker"\nname = "ranker"\nevents = ["events.parquet"]\nindex = "indexes"\n',
}
"""What a page leaves out where it shows one part of a recipe."""

FILES = [
    (page.name, text)
    for page in PAGES
    for text in re.findall(r"```toml\n(.*?)```", page.read_text(), re.DOTALL)
]


@pytest.mark.parametrize(("page", "text"), FILES, ids=[page for page, _ in FILES])
def test_a_file_on_a_page_is_read_by_whoever_reads_such_files(
    page: str, text: str, tmp_path: Path
) -> None:
    (first, *others) = tomllib.loads(text)
    file = tmp_path / "file.toml"
    file.write_text(text if others else RESTS.get(first, "") + text)
    (key, *_) = (key for key in WITH if key in tomllib.loads(file.read_text()))
    assert WITH[key](file)
