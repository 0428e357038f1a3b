"""`--engine` and `--param name=value`: an engine and its parameters as somebody wants them."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from index.engines import EngineParameters


def parameters_by_hand(engine: str, given: Sequence[str]) -> "EngineParameters | None":
    """Check an engine and its parameters before anything is read or encoded.

    Args:
        engine: A name, or auto.
        given: ``name=value``, each parameter at most once.

    Returns:
        None where the engine's own are wanted.

    Raises:
        IndexError_: There is no such engine here, or it cannot use these parameters.
    """
    from index.engines import check_name, make_parameters

    if engine != "auto":
        check_name(engine)
    if not given:
        return None
    if engine == "auto":
        raise typer.BadParameter("--param belongs to one engine: name it with --engine")
    values: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or name in values:
            raise typer.BadParameter(f"--param {text}: name=value is needed, each name once")
        values[name] = value
    return make_parameters(engine, values)
