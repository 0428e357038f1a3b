"""What each of two processes does in test_processes.py: torchrun starts this file."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from scoring.training.loop import Interrupted
from scoring.training.processes import joined
from scoring.training.recipe import read_recipe
from scoring.training.run import train
from streams.cli.main import run


def main(folder: Path) -> int:
    """Train by a balancer that compares gradients, with a stop and without, and by the command."""
    with joined() as processes:

        def learn(recipe: str, out: str, stop: Callable[[], bool] = lambda: False) -> None:
            train(
                read_recipe(folder / f"{recipe}.toml"),
                folder,
                folder / out,
                threads=1,
                processes=processes,
                stop=stop,
            )

        learn("gradnorm", "two-gradnorm")
        learn("dropout", "two-dropout")
        steps = iter(range(100))
        try:  # only one of them is asked to stop
            learn("dropout", "two-stopped", lambda: next(steps) == 7 and not processes.main)
        except Interrupted:
            (folder / f"stopped-{processes.rank}").touch()
        learn("dropout", "two-stopped")
        out = folder / "two-fixed"
        return run(["train", str(folder / "fixed.toml"), "--out", str(out), "--json"])


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
