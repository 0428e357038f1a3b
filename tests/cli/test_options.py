"""A name of an option means one thing, whichever command it belongs to."""

import re
from collections import defaultdict
from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

import pytest
from typer.core import TyperOption

from streams.cli.exits import Exit
from streams.cli.main import run
from tests.commands import command, leaves

ALIASES = {"index build": ["--out"], "predict": ["--output"]}
"""Second names of an option that has the common one, too."""


def options() -> Iterator[tuple[str, str, TyperOption, Any]]:
    """Yield command, name of an option, the option, and the type of one value of it."""
    for words in leaves():
        found = command(words)
        types = get_type_hints(found.callback, include_extras=True)
        for each in found.params:
            if isinstance(each, TyperOption):
                for name in each.opts:
                    if name in ALIASES.get(" ".join(words), ()):
                        continue
                    yield " ".join(words), name, each, one_value(types[str(each.name)])


def one_value(kind: Any) -> Any:
    """Return what one value is: Path of `Annotated[list[Path] | None, …]`."""
    if get_origin(kind) is Annotated:
        return one_value(get_args(kind)[0])
    if get_origin(kind) in (Union, UnionType):
        (kind,) = (each for each in get_args(kind) if each is not NoneType)
        return one_value(kind)
    return get_args(kind)[0] if get_origin(kind) is list else kind


def meaning(option: TyperOption) -> str:
    """Return how an option's help begins, up to the first stop: what comes after are details."""
    assert option.help
    return re.split(r"[.:;,(]", option.help)[0]


def test_an_option_has_one_type_and_one_meaning_over_all_commands() -> None:
    """`--events` was a number and files, `--groups` two numbers and a switch, `--from` a day."""
    found = defaultdict(set)
    for words, name, option, kind in options():
        found[name].add((kind, option.metavar, meaning(option)))
        assert name.startswith("-"), words
    assert {name: said for name, said in found.items() if len(said) > 1} == {}


def test_what_means_the_same_has_one_name() -> None:
    """`--out` and `--output`, `--n` and `--max` and `--visits`: which was it here?"""
    found = defaultdict(set)
    for _, name, option, _ in options():
        if name.startswith("--"):
            found[meaning(option)].add(name)
    assert {said: names for said, names in found.items() if len(names) > 1} == {}


def test_every_command_with_a_folder_of_versions_takes_an_object_store_too() -> None:
    names = defaultdict(set)
    for words, name, _, _ in options():
        names[words].add(name)
    with_folder = {words for words, found in names.items() if "--index-dir" in found}
    assert with_folder == {words for words, found in names.items() if "--index-url" in found}
    assert "worker" in with_folder


def test_aliases_are_second_names() -> None:
    """They are those of what was asked first: `index build FILE --out DIR`."""
    names = {"index build": ["--index-dir", "--out"], "predict": ["--out", "--output"]}
    for words, both in names.items():
        assert both in [each.opts for each in command(tuple(words.split())).params]


@pytest.mark.parametrize(
    "words",
    [
        ("learn", "--every", "0"),
        ("learn", "--every", "86401"),
        ("export", "--out", "new", "--window", "604801"),
        ("topics", "create", "--partitions", "0"),
        ("topics", "create", "--partitions", "10001"),
    ],
)
def test_an_option_out_of_the_bounds_of_its_setting_is_a_wrong_argument(
    words: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    """Which is told by the option's name: that of the setting was never typed."""
    assert run(list(words)) == Exit.USAGE
    said = capsys.readouterr().err
    assert "RILLSTREAM_" not in said
    assert any(option in said for option in words if option.startswith("--"))
