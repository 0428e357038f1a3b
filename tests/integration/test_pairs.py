"""Encoder and index change as a pair while workers serve: nothing lost, nothing mixed, and back."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from collections import defaultdict
from pathlib import Path

import pytest

from index import IndexStore, Manifest
from streams.brokers.kafka import KafkaBroker
from streams.cli.release import release
from streams.items import Item
from streams.outputs import Recommendation
from streams.settings import Settings
from streams.topics import item_vectors_topic
from tests.integration.live_shop import (
    Catalogue,
    Shoppers,
    announce,
    build_version,
    ids,
    live_worker,
    open_live_shop,
)
from tests.integration.live_worker import Digests, WiderDigests
from tests.integration.shop import N_ITEMS, EventLog, Reader, make_events, read_all
from tests.integration.worker_process import ROOT, workers

pytestmark = [pytest.mark.kafka, pytest.mark.slow, pytest.mark.timeout(240)]

N_EVENTS, PER_S = 2_500, 150
IN_SWAP = ("encoder loaded:2", "swapped", "items swapped")  # the others: `test_swaps`


class PairReader(Reader):
    """Notes with which encoder and index each list was made."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings)
        self.pairs: dict[tuple[str | None, str | None], int] = defaultdict(int)

    def note(self, found: Recommendation) -> None:
        self.pairs[found.encoder_version, found.index_version] += 1


def test_two_workers_take_a_pair_and_go_back_under_load(kafka: KafkaBroker, tmp_path: Path) -> None:
    """Items change before, while and after: each is found under either encoder, and in the end."""
    settings = open_live_shop(kafka.bootstrap, tmp_path, slate_size=10)
    log, reader = EventLog(settings), PairReader(settings)
    first, second = live_worker(settings, "w0"), live_worker(settings, "w1")
    catalogue, shoppers = Catalogue(settings), Shoppers(settings)
    store = IndexStore(settings.index_dir)
    old = store.manifest()
    reader.start()
    with workers(first, second):
        first.start()
        second.start()
        first.wait_for_log("worker ready")
        second.wait_for_log("worker ready")
        catalogue.put(Item(item_id="before", title="Before the pair"))
        catalogue.delete("i3")
        shoppers.wait_until("Before the pair", lambda each: ids(each)[0] == "before")
        load = threading.Thread(
            target=log.publish,
            args=(make_events(N_EVENTS, n_users=300, seed=4),),
            kwargs={"per_s": PER_S},
        )
        load.start()

        new = build_version(settings, tower=WiderDigests)
        announce(settings, new)
        catalogue.put(Item(item_id="while", title="While it changes"))
        catalogue.delete("i4")
        first.wait_for_log("index version swapped in")
        second.wait_for_log("index version swapped in")
        catalogue.put(Item(item_id="after", title="After the pair"))
        _expect(shoppers, (WiderDigests.version, new.version), "before", "while", "after")

        release(settings, store, store.before_current(), announce=True)
        first.wait_for_log("index version swapped in", 2)
        second.wait_for_log("index version swapped in", 2)
        catalogue.delete("after")
        _expect(shoppers, (Digests.version, old.version), "before", "while")
        load.join()
        for title in ("Thing 3", "Thing 4", "After the pair"):
            lists = shoppers.ask(title).values()
            assert not {i for each in lists for i in ids(each)} & {"i3", "i4", "after"}
        assert first.stop() == second.stop() == 0
    shoppers.close()
    assert "after" in _encoded(settings, WiderDigests.version)
    assert "after" in _encoded(settings, Digests.version), "its deletion came after the way back"
    assert "before" not in _encoded(settings, WiderDigests.version)
    reader.wait_for(len(log.written), 20)
    reader.close()
    assert not log.list_ids() - reader.seen.keys()
    assert set(reader.seen.values()) == {1}
    assert reader.pairs.keys() == {
        (Digests.version, old.version),
        (WiderDigests.version, new.version),
    }


def _encoded(settings: Settings, encoder_version: str) -> set[str]:
    """Items that the lane has taken with this encoder."""
    topic = item_vectors_topic(settings, encoder_version)
    return {(message.key() or b"").decode() for message in read_all(settings, [topic])}


def _expect(shoppers: Shoppers, pair: tuple[str, str], *item_ids: str) -> None:
    """Every shopper finds these items, in lists of this pair."""
    for item_id in item_ids:
        title = f"{item_id.capitalize()} {'it changes' if item_id == 'while' else 'the pair'}"
        shoppers.wait_until(
            title,
            lambda each, item_id=item_id: (  # type: ignore[misc]
                ids(each)[0] == item_id and (each.encoder_version, each.index_version) == pair
            ),
        )


@pytest.mark.parametrize("crash", IN_SWAP)
def test_a_crash_at_any_line_of_the_table_ends_with_the_new_pair(
    kafka: KafkaBroker, tmp_path: Path, crash: str
) -> None:
    """Killed while it takes the pair: the next life serves it, with all that has changed."""
    settings = open_live_shop(kafka.bootstrap, tmp_path, static_membership=True)
    catalogue, shoppers, worker = (
        Catalogue(settings),
        Shoppers(settings),
        live_worker(settings, "w0"),
    )
    with workers(worker):
        worker.start(crash if ":" in crash else f"{crash}:1")
        worker.wait_for_log("worker ready")
        catalogue.put(Item(item_id="new", title="Something new"))
        catalogue.delete("i3")
        shoppers.wait_until("Something new", lambda each: ids(each)[0] == "new")
        pair = build_version(settings, tower=WiderDigests)
        announce(settings, pair)
        assert worker.wait(40) == -9, worker.log_text()[-3000:]
        worker.start()
        shoppers.wait_until(
            "Something new",
            lambda each: ids(each)[0] == "new" and each.encoder_version == WiderDigests.version,
            40,
        )
        catalogue.put(Item(item_id="late", title="After the crash"))
        shoppers.wait_until("After the crash", lambda each: ids(each)[0] == "late")
        assert all("i3" not in ids(each) for each in shoppers.ask("Thing 3").values())
        assert worker.stop() == 0
    shoppers.close()


def test_who_refuses_a_pair_serves_the_old_one_and_nobody_misses_an_item(
    kafka: KafkaBroker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two encoders in one group, for long: each worker encodes what the other has taken."""
    settings = open_live_shop(kafka.bootstrap, tmp_path)
    first, second = live_worker(settings, "w0"), live_worker(settings, "w1")
    catalogue, shoppers = Catalogue(settings), Shoppers(settings)
    store = IndexStore(settings.index_dir)
    old = store.manifest()
    with workers(first, second):
        first.start()
        monkeypatch.setenv("ONLY_DIGESTS", "1")
        second.start()
        first.wait_for_log("worker ready")
        second.wait_for_log("worker ready")
        new = build_version(settings, tower=WiderDigests)
        announce(settings, new)
        second.wait_for_log("index version refused")
        assert "no encoder 'wider-digests' is here" in second.log_text()
        first.wait_for_log("index version swapped in")

        pairs = {(Digests.version, old.version), (WiderDigests.version, new.version)}
        catalogue.put(*(Item(item_id=f"n{n}", title=f"New thing {n}") for n in range(12)))
        catalogue.delete("i3", "n11")
        for n in range(11):
            shoppers.wait_until(
                f"New thing {n}",
                lambda each, n=n: ids(each)[0] == f"n{n}",  # type: ignore[misc]
            )
        shoppers.wait_until("New thing 11", lambda each: "n11" not in ids(each))
        lists = shoppers.ask("Thing 3").values()
        assert {(each.encoder_version, each.index_version) for each in lists} == pairs
        assert not {"i3"} & {item_id for each in lists for item_id in ids(each)}

        assert second.stop() == 0
        monkeypatch.delenv("ONLY_DIGESTS")
        assert _rebuilt(settings).count == N_ITEMS - 1 + 11
        first.wait_for_log("index version swapped in", 2)
        ready = re.findall(r"index version ready .*delta=(\d+).*tombstones=(\d+)", first.log_text())
        assert ready[-1] == ("0", "0")
        catalogue.put(Item(item_id="late", title="After the rebuild"))
        shoppers.wait_until("After the rebuild", lambda each: ids(each)[0] == "late")
        assert first.stop() == 0
    shoppers.close()


def _rebuilt(settings: Settings) -> Manifest:
    """What `rillstream index rebuild` makes of the topics."""
    own = {
        "BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "TOPIC_PREFIX": settings.topic_prefix,
        "APP_ID": settings.app_id,
        "INDEX_DIR": str(settings.index_dir),
    }
    subprocess.run(
        [sys.executable, "-m", "tests.integration.live_rebuild"],
        cwd=ROOT,
        env={**os.environ, **{f"RILLSTREAM_{name}": value for name, value in own.items()}},
        check=True,
        timeout=100,
        capture_output=True,
    )
    return IndexStore(settings.index_dir).manifest()
