"""Versions come and go while one is opened: on a real Kafka, without a worker."""

from collections.abc import Callable
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from index import EncoderMismatchError, IndexStore, UnknownVersionError
from index.retention import prune
from streams.brokers.kafka import KafkaBroker
from streams.live.edition import Editions
from streams.live.index_metrics import IndexMetrics
from streams.live.policies import Policies
from streams.settings import Settings
from streams.writer import Boundary, pass_by
from tests.integration.live_shop import build_version, open_live_shop
from tests.integration.live_worker import Digests, WiderDigests

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(60)]


def editions(
    settings: Settings,
    *,
    boundary: Boundary = pass_by,
    load_tower: Callable[[str], Digests] = Digests.of,
) -> Editions:
    metrics = IndexMetrics(CollectorRegistry())
    return Editions(settings, Policies.read(settings), metrics, load_tower, boundary=boundary)


def test_a_version_that_goes_while_its_encoder_loads_makes_way_for_the_one_that_is_current(
    kafka: KafkaBroker, tmp_path: Path
) -> None:
    """An encoder takes seconds to load; a build with `--keep 1` removes what was current."""
    settings = open_live_shop(kafka.bootstrap, tmp_path)
    store, built = IndexStore(settings.index_dir), list[str]()

    def build_another(line: str) -> None:
        if line == "encoder loaded" and not built:
            built.append(build_version(settings, ["new"]).version)
            assert prune(store, 1)

    edition = editions(settings, boundary=build_another).open(None)
    edition.close()
    assert [edition.live.version] == built


def test_an_encoder_that_goes_with_its_version_makes_way_for_the_current_pair(
    kafka: KafkaBroker, tmp_path: Path
) -> None:
    settings = open_live_shop(kafka.bootstrap, tmp_path)
    store, built = IndexStore(settings.index_dir), list[str]()

    def load(version: str) -> Digests:
        if version == WiderDigests.version:
            return WiderDigests()
        built.append(build_version(settings, tower=WiderDigests).version)
        assert prune(store, 1)
        raise EncoderMismatchError(f"{version} was removed with its last version")

    edition = editions(settings, load_tower=load).open(None)
    edition.close()
    assert ([edition.live.version], edition.tower.version) == (built, WiderDigests.version)


def test_a_version_that_was_asked_for_by_name_is_not_replaced_by_another(
    kafka: KafkaBroker, tmp_path: Path
) -> None:
    settings = open_live_shop(kafka.bootstrap, tmp_path)
    store = IndexStore(settings.index_dir)
    asked = store.manifest().version

    def build_another(line: str) -> None:
        build_version(settings, ["new"])
        assert prune(store, 1) == [asked]

    with pytest.raises(UnknownVersionError, match=asked):
        editions(settings, boundary=build_another).open(asked)
