"""item-vectors -> a version: the newest of each item, nothing encoded, positions remembered."""

from __future__ import annotations

import json
import shutil
from collections.abc import Container, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import numpy as np
import pytest
from confluent_kafka import Consumer, Producer, TopicPartition
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry

import index
import index.build
from index import IndexStore, build_index
from index.workplace import workplace
from scoring.encoder import Encoder, identify, load_encoder
from streams import index_versions
from streams.building.topic_items import Reading, TopicItems
from streams.cli.exits import Exit
from streams.cli.main import run
from streams.index_versions import IndexVersion, decode
from streams.item_changes import Deletion, ItemChange
from streams.item_origin import origin_header
from streams.items import Item, ItemVector
from streams.kafka_config import client_config, producer_config
from streams.live import change_reader
from streams.live.change_reader import ChangeReader
from streams.live.index_metrics import IndexMetrics
from streams.records import encode
from streams.row import Source
from streams.settings import Settings
from streams.topic_facts import topic_facts
from streams.topics import ensure_topic, item_vectors_topic, topic_ids
from tests.index.vectors import unit_rows
from tests.scoring.conftest import save_bert
from tests.streams.reading import messages

VERSION, DIM = identify()
COLOURS = ("red", "blue", "green")
ROWS = unit_rows(200, dim=DIM)


def a_vector(n: int, row: NDArray[np.float32] | None = None, **fields: object) -> bytes:
    item = Item(item_id=f"i{n}", title=f"Teapot {n}", **fields)  # type: ignore[arg-type]
    raw = (ROWS[n] if row is None else row).astype("<f4").tobytes()
    return encode(ItemVector(item=item, encoder_version=VERSION, vector=raw))


def write(settings: Settings, *records: tuple[str, bytes | None]) -> None:
    producer = Producer(producer_config(settings))
    for key, value in records:
        producer.produce(item_vectors_topic(settings, VERSION), value, key.encode())
    assert producer.flush(20) == 0


def interrupt(monkeypatch: pytest.MonkeyPatch, *words: str) -> None:
    """Ctrl-C in a build that has encoded all there is."""

    def asked(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as broken:
        broken.setattr(index.build, "build_staged", asked)
        assert run(["index", *words]) == Exit.INTERRUPTED


def rebuild(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, object]:
    capsys.readouterr()
    assert run(["index", "rebuild", "--json", *words]) == Exit.OK
    built: dict[str, object] = json.loads(capsys.readouterr().out)
    return built


def test_the_newest_vector_of_each_item_makes_the_version(
    shop: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    write(shop, *((f"i{n}", a_vector(n)) for n in range(100)))
    write(shop, *((f"i{n}", None) for n in range(10)), ("never", None))
    write(shop, ("i3", a_vector(3, price=7.0)), ("i50", a_vector(50, ROWS[150], in_stock=False)))
    built = rebuild(capsys)
    snapshot = IndexStore(shop.index_dir).open()
    catalogue = snapshot.catalogue
    assert sorted(catalogue.ids) == sorted(["i3", *(f"i{n}" for n in range(10, 100))])
    assert catalogue.prices[catalogue.position("i3")] == 7.0
    assert not catalogue.in_stock[catalogue.position("i50")]
    for item_id, row in (("i3", 3), ("i50", 150), ("i99", 99)):
        found = snapshot.vectors[catalogue.position(item_id)]
        np.testing.assert_allclose(found, ROWS[row], atol=1e-6)
    assert snapshot.encoder_version == VERSION
    assert built["build_parameters"] == {
        "engine": "auto",
        "min_recall": 0.9,
        "source": "topic",
        "records": 113,
        "unreadable": 0,
    }


def test_a_version_remembers_where_each_partition_goes_on(
    shop: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    write(shop, *((f"i{n}", a_vector(n)) for n in range(60)))
    topic = item_vectors_topic(shop, VERSION)
    ends: dict[str, int] = {}
    for message in messages(shop, topic):
        ends[f"{topic}:{message.partition()}"] = (message.offset() or 0) + 1
    assert len(ends) > 1
    read: dict[str, int] = rebuild(capsys)["items_read"]  # type: ignore[assignment]
    assert {source: at for source, at in read.items() if source.startswith(topic)} == ends


def test_a_rebuild_is_announced(shop: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    write(shop, ("i1", a_vector(1)))
    built = rebuild(capsys)
    (said,) = messages(shop, shop.topic("index_versions"))
    assert decode(said.value()).version == built["version"] == IndexStore(shop.index_dir).current()


def test_unreadable_records_are_passed_over_and_counted(
    shop: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    other = a_vector(2).replace(VERSION.encode(), b"another-encoder")
    write(shop, ("i1", a_vector(1)), ("i2", other), ("x", b"{"), ("i4", a_vector(5)))
    assert run(["index", "rebuild", "--json"]) == Exit.OK
    out, complaints = capsys.readouterr()
    built = json.loads(out)
    assert (built["count"], built["build_parameters"]["unreadable"]) == (1, 3)
    assert complaints.count("left out item-vectors-") == 3


def test_items_from_a_file_stay_unless_the_topic_knows_better(
    shop: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, events = tmp_path / "items.jsonl", tmp_path / "events.jsonl"
    rows = [{"item_id": i, "title": "From the file"} for i in ("i1", "i2", "i3")]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    event = {"event_id": "e", "user_id": "u", "type": "view", "item_id": "i1", "at_ms": 1}
    events.write_text(json.dumps(event) + "\n")
    assert run(["index", "build", str(file), "--events", str(events)]) == Exit.OK
    write(shop, ("i2", a_vector(2)), ("i3", None), ("i4", a_vector(4)))
    for _ in range(2):  # the second begins with what the first has made
        built = rebuild(capsys)
        catalogue = IndexStore(shop.index_dir).open().catalogue
        assert dict(zip(catalogue.ids, catalogue.titles, strict=True)) == {
            "i1": "From the file",
            "i2": "Teapot 2",
            "i4": "Teapot 4",
        }
        assert built["build_parameters"]["source"] == "files and topic"  # type: ignore[index]
        assert catalogue.popularity[catalogue.position("i1")] == 1.0
    write(shop, ("i1", a_vector(1)))
    rebuild(capsys, "--only-topic")
    catalogue = IndexStore(shop.index_dir).open().catalogue
    assert sorted(catalogue.ids) == ["i1", "i2", "i4"]
    assert catalogue.popularity[catalogue.position("i1")] == 1.0


def test_another_encoder_reads_what_files_have_brought_and_what_was_taken_since(
    shop: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Each text once, though an item that was taken is in the version before as well."""
    file, events = tmp_path / "items.jsonl", tmp_path / "events.jsonl"
    rows = [{"item_id": f"i{n}", "title": f"red mug {n}"} for n in range(4)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    event = {"event_id": "e", "user_id": "u", "type": "view", "item_id": "i0", "at_ms": 1}
    seen = (event, event | {"event_id": "f", "item_id": "i2"})
    events.write_text("".join(json.dumps(each) + "\n" for each in seen))
    assert run(["index", "build", str(file), "--events", str(events)]) == Exit.OK
    producer = Producer(producer_config(shop))
    taken = Item(item_id="i2", title="blue cup"), Item(item_id="i9", title="green cup")
    for item in taken:
        producer.produce(shop.topic("items"), encode(item), item.item_id.encode(), partition=0)
    producer.produce(shop.topic("items"), None, b"i3", partition=0)
    assert producer.flush(20) == 0
    encoded(shop, {}, position=3, note=f"{VERSION}@0")
    other = save_bert(tmp_path / "other")
    before = IndexStore(shop.index_dir).manifest()
    for _ in range(2):  # the second begins with what the first has made
        built = rebuild(capsys, "--encoder", str(other))
        snapshot = IndexStore(shop.index_dir).open()
        catalogue = snapshot.catalogue
        assert dict(zip(catalogue.ids, catalogue.titles, strict=True)) == {
            "i0": "red mug 0",
            "i1": "red mug 1",
            "i2": "blue cup",
            "i9": "green cup",
        }
        for popular in ("i0", "i2"):
            assert catalogue.popularity[catalogue.position(popular)] == 1.0
        assert snapshot.encoder_version == identify(other)[0] != before.encoder_version
        tower = load_encoder(other, threads=1)
        for row, title in enumerate(catalogue.titles):
            expected = tower.encode_items([title])[0]
            np.testing.assert_allclose(snapshot.vectors[row], expected, atol=1e-5)
        assert built["build_parameters"]["source"] == "files and topic"  # type: ignore[index]
    assert not list((shop.index_dir / ".building").glob("encoded-*"))


def test_what_a_killed_rebuild_has_encoded_is_not_encoded_again(
    shop: Settings,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = tmp_path / "items.jsonl"
    rows = [{"item_id": f"i{n}", "title": f"{colour} mug"} for n, colour in enumerate(COLOURS)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert run(["index", "build", str(file)]) == Exit.OK
    before = IndexStore(shop.index_dir).current()
    other = str(save_bert(tmp_path / "other"))

    interrupt(monkeypatch, "rebuild", "--encoder", other)
    assert IndexStore(shop.index_dir).current() == before
    capsys.readouterr()
    assert run(["index", "rebuild", "--encoder", other]) == Exit.OK
    assert "0 texts of the version before encoded" in capsys.readouterr().err


def test_what_a_killed_rebuild_has_encoded_of_the_topic_is_not_encoded_again(
    shop: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    producer = Producer(producer_config(shop))
    titles = [f"small {colour} mug" for colour in COLOURS]
    for n, title in enumerate(titles):
        item = Item(item_id=f"i{n}", title=title)
        producer.produce(shop.topic("items"), encode(item), item.item_id.encode(), partition=0)
    assert producer.flush(20) == 0
    encoded(shop, {}, position=len(COLOURS), note=f"{VERSION}@0")
    other = str(save_bert(tmp_path / "other"))
    read: list[str] = []
    encode_items = Encoder.encode_items

    def counted(self: Encoder, texts: Sequence[str], *more: Any) -> NDArray[np.float32]:
        read.extend(text for text in texts if text in titles)
        return encode_items(self, texts, *more)

    monkeypatch.setattr(Encoder, "encode_items", counted)
    interrupt(monkeypatch, "rebuild", "--encoder", other)
    assert run(["index", "rebuild", "--encoder", other]) == Exit.OK
    assert sorted(read) == sorted(titles)
    snapshot = IndexStore(shop.index_dir).open()
    tower = load_encoder(other, threads=1)
    for row, title in enumerate(snapshot.catalogue.titles):
        np.testing.assert_allclose(snapshot.vectors[row], tower.encode_items([title])[0], atol=1e-5)
    assert not list((shop.index_dir / ".building").glob("encoded-*"))


def test_what_a_killed_build_of_a_file_has_encoded_outlives_a_rebuild(
    shop: Settings,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A schedule rebuilds meanwhile, of what is in no version yet nothing."""
    small, large = tmp_path / "small.jsonl", tmp_path / "large.jsonl"
    rows = [{"item_id": f"i{n}", "title": f"{colour} mug"} for n, colour in enumerate(COLOURS)]
    small.write_text(json.dumps(rows[0]) + "\n")
    large.write_text("".join(json.dumps(row) + "\n" for row in rows))
    encoder = ["--encoder", str(save_bert(tmp_path / "encoder"))]
    assert run(["index", "build", str(small), *encoder]) == Exit.OK
    ensure_topic(shop, item_vectors_topic(shop, identify(encoder[1])[0]))

    interrupt(monkeypatch, "build", str(large))
    assert run(["index", "rebuild"]) == Exit.OK
    capsys.readouterr()
    assert run(["index", "build", str(large)]) == Exit.OK
    assert ": 0 encoded" in capsys.readouterr().err


def test_parameters_by_hand_stay_as_long_as_their_engine(
    shop: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Workers start rebuilds by themselves: nobody is there to say it again."""
    file = tmp_path / "items.jsonl"
    file.write_text('{"item_id": "f", "title": "From the file"}\n')
    by_hand = ["--engine", "ivfpq", "--param", "probes=7", "--param", "refine=9"]
    assert run(["index", "build", str(file), *by_hand]) == Exit.OK
    write(shop, *((f"i{n}", a_vector(n)) for n in range(150)))
    for _ in range(2):  # the second begins with what the first has made
        built = rebuild(capsys)
        found: dict[str, object] = built["parameters"]  # type: ignore[assignment]
        assert (built["engine"], found["probes"], found["refine"]) == ("ivfpq", 7, 9)
    assert found["lists"] == 1  # as fits, for that was not said
    write(shop, *((f"i{n}", a_vector(n)) for n in range(150, 200)))
    assert rebuild(capsys)["parameters"]["lists"] == 2  # type: ignore[index]
    assert rebuild(capsys, "--engine", "ivfpq")["parameters"]["probes"] == 64  # type: ignore[index]


def test_an_engine_that_there_is_not_ends_a_rebuild_before_anything_is_read(
    shop: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    write(shop, ("i1", b"{"))
    assert run(["index", "rebuild", "--engine", "hsnw"]) == Exit.FATAL
    said = capsys.readouterr().err
    assert "unknown engine 'hsnw'" in said
    assert "left out" not in said


def deletions(
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    ids: list[str],
    source: str,
    also_there: Container[str] = (),
) -> list[str]:
    """Of a version of these items, what is deleted after the topic has forgotten deletions."""
    topic = item_vectors_topic(settings, VERSION)
    facts = replace(topic_facts(settings, topic), delete_retention_ms=0)
    monkeypatch.setattr(change_reader, "topic_facts", lambda *_: facts)
    with TemporaryDirectory() as folder:
        manifest = build_index(
            IndexStore(folder),
            [index.Item(item_id=i, title="t") for i in ids],
            ROWS[: len(ids)],
            encoder_version=VERSION,
            items_read={f"{topic}:{p}": 0 for p in range(4)},
        )
    manifest = msgspec.structs.replace(manifest, build_parameters={"source": source})
    reader = ChangeReader(settings, topic, manifest, IndexMetrics(CollectorRegistry()))
    found: list[ItemChange] = []
    reader.catch_up(found.append, ids, timeout_s=20, also_there=also_there)
    reader.close()
    return [change.item_id for change in found if isinstance(change, Deletion)]


@pytest.mark.parametrize("source", ["topic", "files and topic"])
def test_an_old_version_lacks_no_item_that_came_from_a_file(
    shop: Settings, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    """The topic has forgotten deletions by now; what it never had was not deleted."""
    write(shop, ("i1", a_vector(1)))
    deleted = deletions(shop, monkeypatch, ["i1", "gone or from a file"], source)
    assert deleted == (["gone or from a file"] if source == "topic" else [])


def test_an_item_that_another_encoder_has_taken_was_not_deleted(
    shop: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(shop, ("i1", a_vector(1)))
    ids = ["i1", "in a gap", "gone"]
    assert deletions(shop, monkeypatch, ids, "topic", {"in a gap"}) == ["gone"]


def test_what_another_encoders_worker_has_deleted_does_not_come_back(
    shop: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """The vectors of before are in this encoder's topic for ever; the deletion is forgotten."""
    items = shop.topic("items")
    producer = Producer(producer_config(shop))
    producer.produce(items, encode(Item(item_id="i1", title="Teapot 1")), b"i1", partition=0)
    assert producer.flush(20) == 0
    encoded(shop, {1: 0, 2: 0}, position=1, note="another@0")
    rebuild(capsys)
    assert IndexStore(shop.index_dir).open().catalogue.ids == ["i1"]


def test_what_is_taken_while_a_rebuild_begins_is_read_once_more(
    shop: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    """An older record of the same item may be in a gap that has come meanwhile.

    A worker would take that from there, and never see again that the version has a newer one.
    """
    encoded(shop, {1: 0, 2: 3, 3: 1}, position=3, note=f"{VERSION}@0")
    built = rebuild(capsys)
    assert built["count"] == 3
    assert built["items_read"][f"{item_vectors_topic(shop, VERSION)}:0"] == 1  # type: ignore[index]


def encoded(settings: Settings, origins: Mapping[int, int], *, position: int, note: str) -> None:
    """Vectors of items, each with its record's offset, and where the group stands."""
    items, vectors = settings.topic("items"), item_vectors_topic(settings, VERSION)
    (topic_id,) = topic_ids(settings, [items]).values()
    producer = Producer(producer_config(settings))
    for n, offset in origins.items():
        header = origin_header(Source(f"{topic_id}:0", offset))
        producer.produce(vectors, a_vector(n), b"i%d" % n, partition=0, headers=[header])
    assert producer.flush(20) == 0
    group = Consumer({**client_config(settings), "group.id": settings.app_id})
    group.commit(offsets=[TopicPartition(items, 0, position, note)], asynchronous=False)
    group.close()


def test_what_cannot_be_read_was_not_deleted(
    shop: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(shop, ("i1", a_vector(1)), ("i2", b"{"), ("i3", a_vector(3).replace(b"Teapot", b"")))
    write(shop, ("i3", None), ("i4", a_vector(5)))  # the key of one, the item of another
    assert deletions(shop, monkeypatch, ["i1", "i2", "i3", "i4"], "topic") == ["i3"]


def test_a_build_after_a_rebuild_encodes_nothing_again(
    shop: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(shop, *((f"i{n}", a_vector(n, brand="Potter")) for n in range(5)))
    rebuild(capsys)
    file = tmp_path / "items.jsonl"
    rows = [{"item_id": f"i{n}", "title": f"Teapot {n}", "brand": "Potter"} for n in range(5)]
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert run(["index", "build", str(file), "--json"]) == Exit.OK
    parameters = json.loads(capsys.readouterr().out)["build_parameters"]
    assert (parameters["encoded"], parameters["reused"]) == (0, 5)


def test_a_damaged_version_is_rebuilt_from_the_topic_but_never_shrinks_unasked(
    shop: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(shop, ("i1", a_vector(1)))
    file = tmp_path / "items.jsonl"
    file.write_text('{"item_id": "f", "title": "From the file"}\n')
    assert run(["index", "build", str(file)]) == Exit.OK
    for name in ("items.parquet", "manifest.json"):
        path = shop.index_dir / str(IndexStore(shop.index_dir).current()) / name
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:-2] + b"xx")
        assert run(["index", "rebuild"]) == Exit.FATAL
        assert name.partition(".")[0] in capsys.readouterr().err
        assert rebuild(capsys, "--only-topic")["count"] == 1
    shutil.rmtree(shop.index_dir / str(IndexStore(shop.index_dir).current()))
    assert run(["index", "rebuild"]) == Exit.FATAL
    assert "it is current all the same" in capsys.readouterr().err
    assert rebuild(capsys, "--only-topic")["count"] == 1
    (shop.index_dir / "CURRENT").write_bytes(b"\0\0\0")
    assert run(["index", "rebuild"]) == Exit.FATAL
    assert "the pointer file holds" in capsys.readouterr().err
    assert rebuild(capsys, "--only-topic")["count"] == 1


def test_an_empty_topic_replaces_nothing(
    shop: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    write(shop, ("i1", None))
    assert run(["index", "rebuild"]) == Exit.FATAL
    assert "holds no item" in capsys.readouterr().err
    assert IndexStore(shop.index_dir).current() is None


def test_a_rollback_while_a_rebuild_runs_is_the_later_word(
    shop: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers start rebuilds by themselves: one must not bring back what was rolled back."""
    write(shop, ("i1", a_vector(1)))
    first, second = str(rebuild(capsys)["version"]), str(rebuild(capsys)["version"])
    stage = TopicItems.stage

    def rolled_back_meanwhile(self: TopicItems, *args: Any) -> Reading:
        assert run(["index", "rollback"]) == Exit.OK
        return stage(self, *args)

    monkeypatch.setattr(TopicItems, "stage", rolled_back_meanwhile)
    capsys.readouterr()
    assert run(["index", "rebuild"]) == Exit.BUSY
    assert f"{first} was made current while" in capsys.readouterr().err
    assert IndexStore(shop.index_dir).current() == first
    said = [decode(m.value()).version for m in messages(shop, shop.topic("index_versions"))]
    assert said == [first, second]


def test_a_rollback_while_a_version_is_announced_is_the_last_that_workers_hear(
    shop: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A broker may take seconds to answer; the pointer is another's by then."""
    write(shop, ("i1", a_vector(1)))
    first = str(rebuild(capsys)["version"])
    announce, asked = index_versions.announce, list[str]()

    def rolled_back_meanwhile(settings: Settings, manifest: index.Manifest) -> IndexVersion:
        asked.append(manifest.version)
        if len(asked) == 1:
            IndexStore(shop.index_dir).set_current(first)
        return announce(settings, manifest)

    monkeypatch.setattr(index_versions, "announce", rolled_back_meanwhile)
    second = str(rebuild(capsys)["version"])
    assert asked == [second, first]
    said = [decode(m.value()).version for m in messages(shop, shop.topic("index_versions"))]
    assert said == [first, second, first]


def test_a_second_rebuild_is_turned_away(
    shop: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    with workplace(shop.index_dir):
        assert run(["index", "rebuild"]) == Exit.BUSY
    assert "another build" in capsys.readouterr().err


def test_no_broker_is_one_clear_error(shop: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["index", "rebuild", "--broker", "127.0.0.1:1"]) == Exit.WORLD_DOWN
    assert "127.0.0.1:1" in capsys.readouterr().err


def test_a_deleted_item_may_come_back(shop: Settings, capsys: pytest.CaptureFixture[str]) -> None:
    write(shop, ("i1", a_vector(1)), ("i1", None), ("i1", a_vector(1, price=2.0)))
    assert rebuild(capsys)["count"] == 1
