"""Figures of trained models as tables, or as JSON Lines; a gate that ends a command."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer

from streams.cli.asked import Measures
from streams.cli.exits import Exit
from streams.cli.printing import number_said, print_json, print_table, remark

if TYPE_CHECKING:
    from scoring.training.twins import Comparison


def print_measures(measures: Measures, *, as_json: bool) -> None:
    """A line a task, or a row a measure."""
    if as_json:
        for task, values in measures.items():
            print_json({"task": task, **values})
        return
    rows = [
        (task, name, number_said(value, ".4f"))
        for task, values in measures.items()
        for name, value in values.items()
    ]
    if rows:
        print_table(("task", "measure", "value"), rows)


def tell_unmeasured(tasks: Iterable[str], measures: Measures) -> None:
    """Say which tasks have no figure after a training, and what would give them one."""
    if missing := [name for name in tasks if name not in measures]:
        remark(
            f"not measured, for want of test rows: {', '.join(missing)}. In the recipe, give "
            "`test`: files, or a larger share"
        )


def judge(found: "Sequence[Comparison]", *, as_json: bool) -> None:
    """Show tasks beside their twins.

    Raises:
        Exit: With `BELOW_TARGET`, where one loses more than it may.
    """
    if as_json:
        for each in found:
            print_json({**asdict(each), "passed": each.passed})
    else:
        print_table(
            ("task", "loss", "of its twin", "difference at most", "allowed", ""),
            [
                (
                    each.task,
                    f"{each.loss:.4f}",
                    f"{each.twin_loss:.4f}",
                    f"{each.upper:+.4f}",
                    f"{each.margin:.4f}",
                    "passed" if each.passed else "FAILED",
                )
                for each in found
            ],
        )
    if not all(each.passed for each in found):
        raise typer.Exit(Exit.BELOW_TARGET)
