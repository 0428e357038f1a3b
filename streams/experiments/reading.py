"""Where an experiment's lists and events are: in topics as they are now, or in files."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from streams.errors import BadFileError, RejectedError
from streams.events import Click
from streams.experiments.tally import Tally
from streams.files import BadRow, read_records
from streams.list_files import read_lists
from streams.outputs import decode_recommendation
from streams.records import decode_with

if TYPE_CHECKING:
    from streams.settings import Settings

_EVERY = 5_000

Progress = Callable[[str, int], None]


def read_files(
    tally: Tally, lists: Sequence[Path], events: Sequence[Path], progress: Progress
) -> None:
    """Read JSON Lines of lists, as `rillstream subscribe --json` prints them, and events.

    Raises:
        BadFileError: A line is no list, or a row no record; the message has file and line.
    """
    n_read = 0
    for made in read_lists(lists):
        tally.take_list(made)
        n_read += 1
        if n_read % _EVERY == 0:
            progress("reading lists", n_read)
    n_read = 0
    for path in events:
        for row in read_records(path):
            if isinstance(row, BadRow):
                raise BadFileError(str(row))
            if isinstance(row, Click):
                tally.take_event(row)
            n_read += 1
            if n_read % _EVERY == 0:
                progress("reading events", n_read)


def read_topics(tally: Tally, settings: Settings, progress: Progress) -> int:
    """Read what the topics of lists and clicks hold now; nothing is committed.

    Returns:
        How many messages could not be read, and were left out.

    Raises:
        BrokerUnavailableError: No broker answers, or it fell silent.
        RefusedError: One refuses our credentials, or we its certificate.
    """
    import msgspec

    from streams.letter_box import messages_there_now, reader

    click = msgspec.json.Decoder(Click)
    lists, clicks = settings.topic("recommendations"), settings.topic("clicks")
    n_bad = n_read = 0
    with reader(settings, "experiment-report", "the experiment was not read") as consumer:
        for topic in (lists, clicks):
            for message in messages_there_now(consumer, [topic], from_start=True):
                n_read += 1
                if n_read % _EVERY == 0:
                    progress(f"reading {topic}", n_read)
                try:
                    if topic == lists:
                        tally.take_list(decode_recommendation(message.value()))
                    else:
                        tally.take_event(decode_with(click, message.value(), 1_000_000))
                except RejectedError:
                    n_bad += 1
    return n_bad
