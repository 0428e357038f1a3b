"""Names on pages are those of the code: settings, metrics, options of commands and benchmarks."""

import json
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from streams.settings import ENV_PREFIX, Settings, _known_variables
from tests.commands import command, leaves
from tests.deploy.offered import as_people_say, offered
from tests.test_docs import PAGES, ROOT

GUIDES = [page for page in PAGES if page.name != "CHANGELOG.md"]
"""The changelog names what there was, too."""

OPTION = re.compile(r"(?<![\w-])--[a-z][a-z-]*")


def spans(page: Path) -> Iterator[str]:
    """Yield what a page says in `code` within its sentences, broken lines made whole."""
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    for span in re.findall(r"`([^`]+)`", text):
        yield " ".join(span.split())


def options(words: tuple[str, ...]) -> set[str]:
    """Return the options of a command; `--help` and `--debug` are of all."""
    found = {"--help", "--debug"}
    for parameter in command(words).params:
        found |= {*parameter.opts, *parameter.secondary_opts}
    return found


def commands(span: str) -> list[tuple[str, ...]]:
    """Return the command that a span names; several, where it names a group of them."""
    words = tuple(span.removeprefix("rillstream ").split())
    return [leaf for leaf in leaves() if leaf == words[: len(leaf)]]


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.name)
def test_settings_on_a_page_exist(page: Path) -> None:
    named = re.findall(rf"{ENV_PREFIX}[A-Z_]*[A-Z]", page.read_text())
    assert set(named) <= set(_known_variables())


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.name)
def test_metrics_on_a_page_exist(page: Path) -> None:
    named = re.findall(r"\brillstream_[a-z_]*[a-z]", page.read_text())
    assert set(named) <= set(offered()) | set(map(as_people_say, offered()))


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.name)
def test_options_in_a_page_s_sentences_are_of_their_command(page: Path) -> None:
    every = set().union(*map(options, leaves()))
    benchmarks = "".join(file.read_text() for file in ROOT.glob("tests/benchmarks/*.py"))
    for span in spans(page):
        if found := commands(span):
            assert set(OPTION.findall(span)) <= set().union(*map(options, found)), span
        elif span.startswith("--") and "build-arg" not in span:  # of docker
            (name,) = OPTION.findall(span)[:1]
            assert name in every or f'"{name}"' in benchmarks, span


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.name)
def test_benchmarks_on_a_page_have_the_options_that_it_gives_them(page: Path) -> None:
    text = page.read_text().replace("\\\n", " ")
    for module, rest in re.findall(r"python -m (tests\.benchmarks\.\w+)([^`\n]*)", text):
        source = (ROOT / f"{module.replace('.', '/')}.py").read_text()
        for name in OPTION.findall(rest):
            assert f'"{name}"' in source, f"{page.name}: {module} {name}"


@pytest.mark.parametrize("page", GUIDES, ids=lambda page: page.name)
def test_what_python_on_a_page_imports_exists(page: Path) -> None:
    for block in re.findall(r"```python\n(.*?)```", page.read_text(), re.DOTALL):
        imports = re.findall(r"^from (\S+) import (.+)$", block, re.MULTILINE)
        assert imports, f"{page.name}: {block}"
        for module, names in imports:
            for name in names.split(", "):
                assert hasattr(import_module(module), name), f"{page.name}: {module} {name}"


def default_of(variable: str) -> str:
    """Return what a setting is where nobody sets it, as one would write it."""
    value: Any = Settings.model_construct()
    for name in variable.removeprefix(ENV_PREFIX).lower().split("__"):
        value = getattr(value, name)
    if value is None or isinstance(value, str | Path):
        return str(value or "")
    if isinstance(value, float) and value >= 1 and value == int(value):
        return f"{value:g}"
    return json.dumps(value)


def test_the_page_of_settings_has_each_with_its_default() -> None:
    page = (ROOT / "docs" / "settings.md").read_text()
    rows = re.findall(rf"^\| `({ENV_PREFIX}[A-Z_]+)` \| (?:`(.+?)`)? ?\|", page, re.MULTILINE)
    groups = {f"{ENV_PREFIX}SECURITY", f"{ENV_PREFIX}TOPICS"}
    assert sorted(name for name, _ in rows) == sorted(set(_known_variables()) - groups)
    assert dict(rows) == {name: default_of(name) for name, _ in rows}


def test_the_readme_has_the_same_defaults() -> None:
    page = (ROOT / "README.md").read_text()
    rows = re.findall(rf"^\| `({ENV_PREFIX}[A-Z_]+)` \| `(.+?)` \|", page, re.MULTILINE)
    assert rows
    assert dict(rows) == {name: default_of(name) for name, _ in rows}
