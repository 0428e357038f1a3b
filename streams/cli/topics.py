"""`rillstream topics …`: create the topics and check their shape."""

from dataclasses import asdict
from typing import Annotated

import typer

from streams.cli.exits import Exit
from streams.cli.options import ANSWER_S, Broker, Json, examples, new_app, settings_from
from streams.cli.printing import print_json, print_table
from streams.cli.waiting import tell_if_awaited

app = new_app(
    "topics",
    "Create the topics and check their shape.",
    examples("rillstream topics create"),
)
Partitions = Annotated[
    int | None,
    typer.Option(
        min=1,
        max=10_000,
        help="Partitions of each topic.",
        show_default="RILLSTREAM_PARTITIONS, or 4",
    ),
]


@app.command(
    epilog=examples(
        "rillstream topics create --broker kafka:9092 --partitions 12",
        "rillstream topics create --dry-run --json",
    )
)
def create(
    broker: Broker = None,
    partitions: Partitions = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the definitions of all topics, create none.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Create the topics that are missing.

    Those that exist stay as they are. The number of partitions is the largest number of workers,
    and changing it later starts the user rows anew: choose it with room to grow.
    """
    settings = settings_from(bootstrap_servers=broker, partitions=partitions)
    from streams.topics import all_topics, create_topics

    specs = {spec.name: spec for spec in all_topics(settings)}
    if not dry_run:
        tell_if_awaited(settings.bootstrap_servers, quiet=as_json)
    made = list(specs) if dry_run else create_topics(settings, timeout_s=ANSWER_S)
    if as_json:
        for name in made:
            print_json(asdict(specs[name]))
    elif not made:
        print("All topics are there already.")
    else:
        print_table(
            ("would be created" if dry_run else "created", "partitions", "copies", "configuration"),
            [
                (
                    name,
                    specs[name].partitions,
                    specs[name].replication_factor,
                    " ".join(f"{key}={value}" for key, value in specs[name].config.items()),
                )
                for name in made
            ],
        )


@app.command(epilog=examples("rillstream topics check"))
def check(broker: Broker = None, partitions: Partitions = None, as_json: Json = False) -> int:
    """Compare the topics with the settings.

    Exit code 5 when something differs.
    """
    settings = settings_from(bootstrap_servers=broker, partitions=partitions)
    from streams.topic_check import check_topics

    tell_if_awaited(settings.bootstrap_servers, quiet=as_json)
    problems = check_topics(settings, timeout_s=ANSWER_S)
    if as_json:
        print_json({"problems": problems})
    else:
        print(
            "\n".join(problems) or "All topics are there, in the shape that the settings ask for."
        )
    return Exit.FATAL if problems else Exit.OK
