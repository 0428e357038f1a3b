"""Several processes that train one model, as a launcher starts them: the first one speaks."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout
from typing import TYPE_CHECKING

from scoring.errors import TrainingError

if TYPE_CHECKING:
    from scoring.training.processes import Processes


@contextmanager
def one_voice(kind: str, *, shares: bool) -> "Iterator[Processes]":
    """This process among those of a training; what the others print goes nowhere.

    Errors are not silenced: each process ends with its own.

    Args:
        kind: Of recipe.
        shares: Whether processes can share the work; otherwise each would do all of it, in one
            folder.

    Raises:
        TrainingError: A launcher has started several for what does not share.
    """
    count = int(os.environ.get("WORLD_SIZE", "1"))
    if count > 1 and not shares:
        raise TrainingError(
            f"a recipe of kind {kind} trains in one process, and {count} were started: run "
            "rillstream train without a launcher. Recipes of text tasks train in several"
        )
    from scoring.training.processes import joined

    with joined() as processes, ExitStack() as stack:
        if not processes.main:
            nowhere = stack.enter_context(open(os.devnull, "w", encoding="utf-8"))
            stack.enter_context(redirect_stdout(nowhere))
            stack.enter_context(redirect_stderr(nowhere))
        yield processes
