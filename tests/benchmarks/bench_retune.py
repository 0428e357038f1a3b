"""What one call of `rillstream retune` gains on a real log of searches, through a real Kafka.

    python -m tests.benchmarks.bench_retune --data DIR/bestbuy_search [--seed 0] [--descriptions]

Items are built into an index by the packaged encoder; every search and click of the log is
published as an event of its user; then the command is called as a schedule would call it. It learns
from what came before the newest fifth, and prints what it says of that fifth. Products without a
text are in no index, and clicks on them in no row.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any, Final

from confluent_kafka import Producer
from pyarrow import parquet

from streams.brokers.kafka import KafkaBroker
from streams.cli.main import run
from streams.events import Click, Search
from streams.kafka_config import producer_config
from streams.records import encode
from streams.settings import Settings, load_settings
from streams.topics import create_topics

_MS: Final = 1000


def publish(settings: Settings, file: Path) -> int:
    """Put the log on the topics; returns the number of its clicks."""
    producer = Producer(producer_config(settings))
    rows: list[dict[str, Any]] = parquet.read_table(file).to_pylist()
    for number, row in enumerate(rows):
        user, query = row["user"], row["query"].strip()[:512]
        if not query:
            continue
        search = Search(
            event_id=f"s{number}",
            user_id=user,
            type="search",
            query=query,
            at_ms=int(row["query_time"].timestamp() * _MS),
        )
        click = Click(
            event_id=f"c{number}",
            user_id=user,
            type="click",
            item_id=row["sku"],
            at_ms=int(row["click_time"].timestamp() * _MS),
        )
        for kind, record in (("searches", search), ("clicks", click)):
            producer.produce(settings.topic(kind), encode(record), user.encode())  # type: ignore[arg-type]
        producer.poll(0)
    assert producer.flush(60) == 0
    return len(rows)


def main() -> None:
    """See above."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--descriptions", action="store_true", help="items have them, too")
    parser.add_argument("--recipe", type=Path, help="another than the one that comes along")
    asked = parser.parse_args()
    products = json.loads((asked.data / "products.json").read_text("utf-8"))
    with (
        tempfile.TemporaryDirectory() as folder,
        KafkaBroker(Path(folder) / "kafka") as broker,
    ):
        place = Path(folder)
        settings = load_settings(bootstrap_servers=broker.bootstrap, index_dir=place / "indexes")
        create_topics(settings)
        items = place / "items.jsonl"
        with items.open("w", encoding="utf-8") as lines:
            for sku, product in products.items():
                item = {"item_id": sku, "title": product["name"]}
                if asked.descriptions and product.get("desc"):
                    item["description"] = product["desc"][:4_000]
                lines.write(json.dumps(item) + "\n")
        where = ["--index-dir", str(settings.index_dir)]
        assert run(["index", "build", str(items), *where]) == 0
        n_clicks = publish(settings, asked.data / "clicks.parquet")
        begun_s = time.monotonic()
        recipe = [] if asked.recipe is None else [str(asked.recipe)]
        there = ["--work", str(place / "retune"), "--broker", settings.bootstrap_servers, *where]
        code = run(["retune", *recipe, *there, "--seed", str(asked.seed), "--json"])
        print(f"exit code {code}, {n_clicks:,} clicks, {time.monotonic() - begun_s:.0f} s")


if __name__ == "__main__":
    main()
