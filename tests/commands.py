"""The command tree, as the tests walk it."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from streams.cli.main import app


@cache
def root() -> TyperGroup:
    """Return the whole command line as typer builds it, which takes a while."""
    command = typer.main.get_command(app)
    assert isinstance(command, TyperGroup)
    return command


def leaves(
    group: TyperGroup | None = None, path: tuple[str, ...] = ()
) -> Iterator[tuple[str, ...]]:
    """Yield the words of every command that does something: ("index", "build"), ("worker",)."""
    for name, command in (group or root()).commands.items():
        if isinstance(command, TyperGroup):
            yield from leaves(command, (*path, name))
        else:
            yield (*path, name)


def command(words: tuple[str, ...]) -> TyperCommand:
    """Return the command of these words."""
    found: Any = root()
    for word in words:
        found = found.commands[word]
    assert isinstance(found, TyperCommand)
    return found


def parse(words: list[str]) -> None:
    """Parse a command line without running it; raises typer.TyperException when it is wrong."""
    command: Any = root()
    parent = None
    while isinstance(command, TyperGroup):
        parent = command.make_context(command.name or "rillstream", words, parent=parent)
        rest = [*parent._protected_args, *parent.args]
        assert rest, f"{words} names no command"
        _, found, words = command.resolve_command(parent, rest)
        assert found is not None
        command = found
    command.make_context(command.name or "", words, parent=parent)
