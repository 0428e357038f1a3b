"""`rillstream dead-letters …`: what could not be read, why, and another try."""

from typing import Annotated

import typer

from streams.cli.options import Broker, Json, examples, new_app, settings_from
from streams.cli.printing import moment, print_json, remark, visible
from streams.cli.waiting import tell_if_awaited

app = new_app(
    "dead-letters",
    "What could not be read, why, and another try.",
    examples("rillstream dead-letters list"),
)
Topic = Annotated[
    str | None,
    typer.Option(
        "--topic",
        help="Only those of this topic, as in clicks.",
        show_default="all",
    ),
]
Maximum = Annotated[
    int | None,
    typer.Option("--max", min=1, help="At most so many: dead letters.", show_default="all"),
]


@app.command("list", epilog=examples("rillstream dead-letters list --topic clicks --max 20"))
def list_letters(
    broker: Broker = None, topic: Topic = None, maximum: Maximum = None, as_json: Json = False
) -> None:
    """Show the dead letters: where each was, and why.

    With their first bytes, oldest first in each topic; --json has all that was kept. Those that
    were sent again stay in the list.
    """
    settings = settings_from(bootstrap_servers=broker)
    from streams.dead_letters import list_dead_letters

    tell_if_awaited(settings.bootstrap_servers, quiet=as_json)
    n_shown = 0
    for letter in list_dead_letters(settings, topic=topic, max_n=maximum):
        n_shown += 1
        if as_json:
            print_json(
                {
                    "topic": letter.topic,
                    "partition": letter.partition,
                    "offset": letter.offset,
                    "kind": letter.kind,
                    "reason": letter.reason,
                    "at_ms": letter.at_ms,
                    "attempts": letter.attempts,
                    "key": _text(letter.key),
                    "value": _text(letter.raw),
                }
            )
            continue
        place = f"{visible(letter.topic)}[{letter.partition}]@{letter.offset}"
        times = "" if letter.attempts == 1 else f" (attempt {letter.attempts})"
        print(f"{moment(letter.at_ms)}  {place}{times}  {visible(letter.reason)}")
        print(f"    {visible((_text(letter.raw) or '')[:160])}")
    if n_shown == 0 and not as_json:
        remark("No dead letters.")


@app.command(epilog=examples("rillstream dead-letters replay --topic clicks"))
def replay(
    broker: Broker = None,
    topic: Topic = None,
    maximum: Maximum = None,
    from_start: Annotated[
        bool, typer.Option("--from-start", help="Send again what was sent back before, too.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Send dead letters to their topics again, unchanged.

    Mend the cause first: what still cannot be read becomes a new dead letter, which says how many
    attempts there were. The broker remembers how far a replay came; the next one goes on from
    there. One too long to be kept whole, or for its topic, is left out.
    """
    settings = settings_from(bootstrap_servers=broker)
    from streams.dead_letters import replay_dead_letters

    tell_if_awaited(settings.bootstrap_servers, quiet=as_json)
    done = replay_dead_letters(settings, topic=topic, max_n=maximum, from_start=from_start)
    if as_json:
        print_json(
            {
                "sent": done.n_sent,
                "cut": done.n_cut,
                "repeated": done.n_repeated,
                "too_long": done.n_too_long,
            }
        )
        return
    print(f"{done.n_sent:,} dead letters sent again.")
    if done.n_cut:
        remark(f"{done.n_cut:,} were left out: only their beginning was kept.")
    if done.n_repeated:
        remark(f"{done.n_repeated:,} were left out: later attempts of those that were sent.")
    if done.n_too_long:
        remark(
            f"{done.n_too_long:,} were left out: longer than their topic takes. Raise its "
            "max.message.bytes, then --from-start."
        )


def _text(raw: bytes | None) -> str | None:
    return None if raw is None else raw.decode(errors="backslashreplace")
