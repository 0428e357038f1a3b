"""What `rillstream doctor` has found: one thing that was looked at, and the way out."""

import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from streams.cli.exits import Exit, explain


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `way_out` says what to do unless it is ok."""

    subject: str
    status: Literal["ok", "note", "bad"]
    detail: str
    way_out: str = ""
    code: Exit = Exit.OK


def guarded(
    subject: str, look: Callable[[], Iterator[Finding]], way_out: str = "", *, debug: bool = False
) -> Iterator[Finding]:
    """Turn an error while looking into a finding: the doctor always finishes the round.

    Args:
        subject: Of the finding.
        look: Looks.
        way_out: Where the error's own line may not say it.
        debug: Whether to show where an error came from.
    """
    try:
        yield from look()
    except Exception as error:
        if debug:
            traceback.print_exception(error)
        code, line = explain(error)
        yield Finding(subject, "bad", line, way_out, code)
