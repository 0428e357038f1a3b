"""Files and records that pages show are read by the code that reads such."""

import re
import tomllib
from collections.abc import Callable
from pathlib import Path

import msgspec
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
from streams.events import Click, Impression, Search
from streams.items import Item
from streams.outputs import Recommendation
from streams.records import Record
from streams.settings import Settings
from streams.topics import all_topics
from tests.test_docs import PAGES, ROOT

TOPICS = (ROOT / "docs" / "topics.md").read_text()

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


def test_records_on_the_page_of_topics_are_such() -> None:
    found: set[type[Record]] = set()
    for block in re.findall(r"```json\n(.*?)```", TOPICS, re.DOTALL):
        for line in block.splitlines():
            kinds = (Search,) if '"search"' in line else (Click, Impression)
            kind = kinds["item_ids" in line]
            assert msgspec.json.decode(line, type=kind)
            found.add(kind)
    assert found == {Click, Search, Impression}


@pytest.mark.parametrize("record", [Click, Search, Item, Impression, Recommendation])
def test_the_page_of_topics_names_each_field_of_what_shops_send_and_get(
    record: type[Record],
) -> None:
    for field in record.__struct_fields__:
        assert f"`{field}`" in TOPICS or f'"{field}"' in TOPICS, field


def test_the_page_of_topics_has_each_with_its_time() -> None:
    rows = dict(re.findall(r"^\| (`.+?) \|.*\| (.+) \|$", TOPICS, re.MULTILINE))
    times = {name: kept for names, kept in rows.items() for name in re.findall(r"`(.+?)`", names)}
    settings = Settings(shop_counts=True, publish_decisions=True, read_impressions=True)
    for topic in all_topics(settings):
        kept = times["….dlq" if topic.name.endswith(".dlq") else topic.name]
        compact = topic.config["cleanup.policy"] == "compact"
        days = int(topic.config.get("retention.ms", 0)) // (24 * 3600 * 1000)
        assert compact == kept.startswith("the newest"), topic.name
        assert (f"{days} days" in kept) == bool(days), topic.name
