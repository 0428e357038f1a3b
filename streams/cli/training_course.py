"""A training as a person follows it: losses by task, rate, time left; asked to stop by Ctrl-C."""

import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from scoring.errors import TrainingError
from scoring.training.contracts import Progress as Stand
from scoring.training.contracts import Writer
from scoring.training.loop import Interrupted
from scoring.training.settings import LoopSettings
from streams.cli.console import Console
from streams.cli.exits import Exit
from streams.cli.printing import number_said, remark

_EVERY_S = 10.0


class Course:
    """One bar on a terminal, elsewhere a line now and then; a line after each epoch."""

    def __init__(self, settings: LoopSettings) -> None:
        console = Console(stderr=True)
        self._epochs = settings.epochs
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[pace]}"),
            TimeElapsedColumn(),
            console=console,
            disable=not console.is_terminal,
        )
        self._bar = self._progress.add_task("reading", total=None, pace="")
        self._said_s = time.monotonic()

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._progress.stop()

    def translate(self, done: int, total: int) -> None:
        """Say how far the texts are translated that a training will use."""
        self._progress.update(
            self._bar, description="translating", completed=done, total=total, pace=""
        )
        if self._progress.disable and time.monotonic() - self._said_s >= _EVERY_S:
            self._said_s = time.monotonic()
            remark(f"translating: {done:,} of {total:,}")

    def show(self, stand: Stand) -> None:
        """Say how far it is."""
        name = f"epoch {stand.epoch + 1} of {self._epochs}: {_numbers(stand.losses)}"
        pace = f"{stand.per_s:.1f} steps/s, {stand.left_s:,.0f} s left"
        self._progress.update(
            self._bar, description=name, completed=stand.step, total=stand.n_steps, pace=pace
        )
        if stand.measures:
            self._progress.console.print(
                f"epoch {stand.epoch + 1}: {_numbers(stand.measures)}",
                highlight=False,
                soft_wrap=True,  # one line a log can be searched for
            )
        if self._progress.disable and time.monotonic() - self._said_s >= _EVERY_S:
            self._said_s = time.monotonic()
            remark(f"{name}; step {stand.step:,} of {stand.n_steps:,}, {pace}")


@contextmanager
def until_asked() -> Iterator[Callable[[], bool]]:
    """Ctrl-C and SIGTERM wait for the step's end and a checkpoint; a second one does not.

    Raises:
        SystemExit: With 130 or 143, when the training has stopped.
    """
    asked: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if asked:
            raise KeyboardInterrupt
        asked.append(number)
        remark("stopping after this step; once more to stop at once")

    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(asked)
    except Interrupted as stopped:
        remark(str(stopped))
        code = Exit.TERMINATED if asked == [signal.SIGTERM] else Exit.INTERRUPTED
        raise SystemExit(code) from None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def curves(folder: Path | None) -> Iterator[Writer | None]:
    """Curves for TensorBoard.

    Raises:
        TrainingError: It is not installed.
    """
    if folder is None:
        yield None
        return
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError as error:
        raise TrainingError("--tensorboard needs it: pip install tensorboard") from error
    with SummaryWriter(str(folder)) as writer:
        yield writer


def _numbers(values: Mapping[str, float]) -> str:
    return " ".join(f"{name} {number_said(value, '.4f')}" for name, value in values.items())
