"""`rillstream broker`: a real Kafka in the foreground, for a developer at the keyboard."""

import time
from pathlib import Path
from typing import Annotated

import typer

from streams.cli.options import examples


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(
        "broker",
        epilog=examples(
            "rillstream broker", "rillstream broker --port 19092 --data-dir /tmp/kafka"
        ),
    )(broker)


def broker(
    port: Annotated[int, typer.Option(min=1024, max=65_535, help="Client port.")] = 9092,
    data_dir: Annotated[
        Path, typer.Option(help="Keeps the data, the configuration and the log.")
    ] = Path("state/kafka"),
) -> None:
    """Run a single-node Kafka on 127.0.0.1 until Ctrl-C.

    Its data stay. Needs Java 17 and Maven (44 MB are downloaded the first time), or Docker. For
    development only: one node, no authentication.
    """
    from streams.brokers.kafka import KafkaBroker
    from streams.brokers.kafka_java import KafkaStartError

    typer.echo("Starting Kafka …", err=True)
    with KafkaBroker(data_dir, port=port) as running:
        typer.echo(
            f"Kafka at {running.bootstrap}, log {running.log}\n"
            f"Next: rillstream topics create --broker {running.bootstrap}"
        )
        try:
            while running.alive():
                time.sleep(0.5)
        except KeyboardInterrupt:
            typer.echo("Stopping Kafka …", err=True)
            return
        raise KafkaStartError(f"Kafka ended by itself; its log: {running.log}")
