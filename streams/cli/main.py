"""`rillstream`: the entry point. Errors become one line and an exit code here, and nowhere else."""

import signal
import sys
from contextlib import suppress
from importlib.metadata import version
from typing import Annotated, NoReturn

import typer
from typer.core import TyperGroup

from streams.cli import (
    broker,
    dead_letters,
    demo,
    doctor,
    experiment,
    export,
    index,
    learn,
    models,
    policy,
    pretraining,
    publish,
    retune,
    rules,
    simulate,
    subscribe,
    tasks,
    topics,
    training,
    worker,
)
from streams.cli.closed_pipe import reader_is_gone, write_nowhere
from streams.cli.exits import MEANINGS, Exit, explain
from streams.cli.options import examples, new_app, verbatim

app = new_app(
    "rillstream",
    "Real-time recommendations from click and search streams.\n\n"
    "Settings come from RILLSTREAM_ variables, .env and rillstream.toml; options go before them.",
    "\n\n".join(
        [
            examples("rillstream demo", "rillstream worker --workers 2"),
            verbatim("Exit codes:", *(f"{code:>5}  {text}" for code, text in MEANINGS.items())),
        ]
    ),
)
for module in (
    demo,
    worker,
    learn,
    export,
    publish,
    subscribe,
    simulate,
    pretraining,
    training,
    retune,
    doctor,
    broker,
):
    module.register(app)
for group in (index, models, tasks, policy, experiment, rules, topics, dead_letters):
    app.add_typer(group.app)


def _print_version(wanted: bool) -> None:
    if wanted:
        print(f"rillstream {version('rillstream')}")
        raise typer.Exit


@app.callback()
def _root(
    show_version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
    debug: Annotated[
        bool, typer.Option("--debug", help="Show a traceback with an error. May stand anywhere.")
    ] = False,
) -> None:
    """Real-time recommendations from click and search streams.

    Settings come from RILLSTREAM_… variables, .env and rillstream.toml; options go before them.
    """


def main() -> NoReturn:
    """Run the command line and leave with its exit code."""
    signal.signal(signal.SIGTERM, _terminated)
    sys.exit(run(sys.argv[1:]))


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code; an error is one line on stderr."""
    debug = "--debug" in arguments
    try:
        words = [word for word in arguments if word != "--debug"]
        code = _invoke(["--debug", *words] if debug else words)
    except KeyboardInterrupt:
        code = Exit.INTERRUPTED
    except Exception as error:
        if isinstance(error, BrokenPipeError) and reader_is_gone():
            code = Exit.NO_READER
        elif debug:
            raise
        else:
            code = _complain_of(error)
    return _written(code)


def _invoke(words: list[str]) -> int:
    command = typer.main.get_command(app)
    try:
        with command.make_context("rillstream", words) as context:
            code = command.invoke(context)
    except typer.Exit as ended:
        return ended.exit_code
    except typer.TyperException as wrong:
        said = wrong.format_message().replace("Value error, ", "")
        if said.startswith("Usage:"):  # a group without a command: the help itself is the answer
            print(said, file=sys.stderr)
        else:
            where = getattr(wrong, "ctx", None)
            asked = _command_of(command, words) if where is None else where.command_path
            end = "" if said.endswith(("?", "?.")) else "."
            _complain(f"{said.rstrip('.')}{end} Try: {asked} --help")
        return Exit.USAGE
    return code if isinstance(code, int) else Exit.OK


def _command_of(command: object, words: list[str]) -> str:
    """The command that words begin with, where an error does not say it."""
    path = ["rillstream"]
    for word in words:
        if isinstance(command, TyperGroup) and word in command.commands:
            command = command.commands[word]
            path.append(word)
    return " ".join(path)


def _written(code: int) -> int:
    """Return the code if all output has gone out; a full disk or a reader that is gone is told."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError as error:
            write_nowhere(stream)
            if code == Exit.OK:
                gone = isinstance(error, BrokenPipeError)
                code = Exit.NO_READER if gone else _complain_of(error)
    return code


def _complain_of(error: Exception) -> int:
    code, line = explain(error)
    _complain(line)
    return code


def _complain(line: str) -> None:
    with suppress(BrokenPipeError):  # nobody hears it, the exit code says it all the same
        print(f"rillstream: {line}", file=sys.stderr)


def _terminated(number: int, frame: object) -> NoReturn:
    sys.exit(Exit.TERMINATED)


if __name__ == "__main__":
    main()
