"""Topics: their shapes, and what the embedded broker and an absent one make of them."""

from __future__ import annotations

import pytest

from streams.errors import BrokerUnavailableError
from streams.settings import Settings, load_settings
from streams.topic_check import check_topics
from streams.topics import all_topics, create_topics, topic_ids


def test_clicks_and_searches_have_the_same_partitions() -> None:
    """One worker owns a user."""
    shapes = {spec.name: spec for spec in all_topics(load_settings(partitions=12))}
    assert shapes["clicks"].partitions == shapes["searches"].partitions == 12


def test_the_newest_of_each_key_is_kept_where_that_is_the_meaning() -> None:
    policies = {spec.name: spec.config["cleanup.policy"] for spec in all_topics(load_settings())}
    compacted = {name for name, policy in policies.items() if policy == "compact"}
    assert {"items", "recommendations-latest", "user-features"} <= compacted
    assert not compacted & {"clicks", "searches", "recommendations", "decisions"}


def test_counts_of_the_shop_have_a_compacted_topic_where_they_are_kept() -> None:
    assert "shop-counts" not in {spec.name for spec in all_topics(load_settings())}
    (counts,) = [s for s in all_topics(load_settings(shop_counts=True)) if s.name == "shop-counts"]
    assert counts.config["cleanup.policy"] == "compact"


def test_lists_are_kept_for_seven_days() -> None:
    (lists,) = [spec for spec in all_topics(load_settings()) if spec.name == "recommendations"]
    assert lists.config["retention.ms"] == "604800000"


def test_every_source_has_dead_letters_with_room_for_headers() -> None:
    shapes = {spec.name: spec for spec in all_topics(load_settings(topic_prefix="eu."))}
    for source in ("eu.clicks", "eu.searches", "eu.items"):
        assert int(shapes[source + ".dlq"].config["max.message.bytes"]) > 1_048_588


def test_the_embedded_broker_makes_topics_when_asked(embedded: Settings) -> None:
    names = [spec.name for spec in all_topics(embedded)]
    assert create_topics(embedded) == names
    assert create_topics(embedded) == []
    assert check_topics(embedded) == []


def test_the_embedded_broker_has_names_for_ids(embedded: Settings) -> None:
    assert topic_ids(embedded, ["clicks", "searches"]) == {
        "clicks": "clicks",
        "searches": "searches",
    }


def test_no_broker_is_one_clear_error() -> None:
    settings = load_settings(bootstrap_servers="127.0.0.1:1")
    for call in (check_topics, create_topics):
        with pytest.raises(BrokerUnavailableError, match=r"127\.0\.0\.1:1.*rillstream broker"):
            call(settings, timeout_s=0.5)
    with pytest.raises(BrokerUnavailableError):
        topic_ids(settings, ["clicks"], timeout_s=0.5)
