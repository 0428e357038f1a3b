"""Commands of the product, run as children one after the other; each with its output in a file."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from streams.child import RILLSTREAM, begin, end
from streams.demo.worker_process import environment
from streams.settings import Settings

_LOOK_EVERY_S: Final = 0.2
_END_S: Final = 10.0


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended.

    Attributes:
        words: Without the name of the program.
        code: Exit code; None when it took too long and was ended.
        seconds: How long it took.
        out: What it printed on stdout.
        last_words: The last line of what it said on stderr.
    """

    words: Sequence[str]
    code: int | None
    seconds: float
    out: str
    last_words: str


class Commands:
    """Runs `rillstream …` with the settings of a loop.

    Args:
        settings: Broker, index and state.
        more: Other settings, by name without prefix.
        look: Called several times a second while one runs; an error that it raises ends the child.
    """

    def __init__(
        self, settings: Settings, more: Mapping[str, str], look: Callable[[], None]
    ) -> None:
        self._environment = environment(settings, more)
        self._look = look

    def run(self, words: Sequence[str], folder: Path, timeout_s: float) -> Done:
        """Run one to its end in a folder, which keeps what it said."""
        folder.mkdir(parents=True, exist_ok=True)
        name = "-".join(word for word in words[:2] if word.isalpha())
        out, said = folder / f"{name}.out", folder / f"{name}.log"
        begun_s = time.monotonic()
        with out.open("wb") as stdout, said.open("wb") as stderr:
            child = begin(
                (*RILLSTREAM, *words),
                self._environment,
                folder=folder,
                stdin=subprocess.DEVNULL,
                stdout=stdout,
                stderr=stderr,
            )
            try:
                code = self._wait(child, begun_s + timeout_s)
            finally:
                end(child, _END_S)
        lines = said.read_text(errors="replace").strip().splitlines()
        return Done(
            words=tuple(words),
            code=code,
            seconds=round(time.monotonic() - begun_s, 1),
            out=out.read_text(errors="replace"),
            last_words=lines[-1] if lines else "",
        )

    def _wait(self, child: subprocess.Popen[bytes], deadline_s: float) -> int | None:
        while time.monotonic() < deadline_s:
            self._look()
            try:
                return child.wait(_LOOK_EVERY_S)
            except subprocess.TimeoutExpired:
                continue
        return None
