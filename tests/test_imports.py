"""The arrows between the packages point one way, and the command line starts light."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAY_IMPORT = {
    "index": {"index"},
    "scoring": {"scoring", "index"},
    "streams": {"streams", "scoring", "index"},
}
NEVER_IN = {
    "index": {"torch", "transformers", "confluent_kafka", "aiokafka", "faust"},
    "scoring": {"confluent_kafka", "aiokafka", "faust"},
}
FAUST = {"faust", "mode"}
MAY_IMPORT_FAUST = (
    "streams/app.py",
    "streams/table.py",
    "streams/transport.py",
    "streams/consumer_thread.py",
    "streams/recovery.py",
    "streams/agents/",
)
HEAVY = {
    "torch",
    "transformers",
    "faiss",
    "faust",
    "aiokafka",
    "confluent_kafka",
    "numpy",
    "pyarrow",
    "pydantic",
}


def modules() -> list[Path]:
    return sorted(
        path.relative_to(ROOT) for package in MAY_IMPORT for path in (ROOT / package).rglob("*.py")
    )


def imported(path: Path) -> Iterator[str]:
    """Yield the full names of all modules that a file imports, wherever in the file that is."""
    for node in ast.walk(ast.parse((ROOT / path).read_text(), str(path))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno} imports relatively: write the full name"
            yield node.module or ""


@pytest.mark.parametrize("path", modules(), ids=str)
def test_imports_follow_the_arrows(path: Path) -> None:
    package = path.parts[0]
    roots = {name.split(".")[0] for name in imported(path)}
    assert roots & set(MAY_IMPORT) <= MAY_IMPORT[package]
    assert not roots & NEVER_IN.get(package, set())
    assert "tests" not in roots


@pytest.mark.parametrize(("room", "other"), [("building", "live"), ("live", "building")])
def test_building_versions_and_serving_them_are_two_rooms(room: str, other: str) -> None:
    paths = [path for path in modules() if path.parts[:2] == ("streams", room)]
    assert paths
    for path in paths:
        assert not [n for n in imported(path) if n.startswith(f"streams.{other}")], path


@pytest.mark.parametrize("path", modules(), ids=str)
def test_only_the_app_the_table_and_the_agents_import_faust(path: Path) -> None:
    if not str(path).startswith(MAY_IMPORT_FAUST):
        assert not {name.split(".")[0] for name in imported(path)} & FAUST


@pytest.mark.parametrize("path", modules(), ids=str)
def test_a_module_says_what_it_is_and_stays_small(path: Path) -> None:
    text = (ROOT / path).read_text()
    assert ast.get_docstring(ast.parse(text)), f"{path} does not say what it is in its first line"
    assert len(text.splitlines()) <= 350, f"{path} has grown past one thing"


MODELS = {"torch", "transformers", "faiss"}


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("streams.cli.main", HEAVY),
        ("streams.worker", MODELS),
        ("index", MODELS | FAUST),
        ("scoring", MODELS | FAUST),
    ],
)
def test_importing_loads_nothing_heavy(module: str, heavy: set[str]) -> None:
    """Measured in a fresh interpreter: this one has long loaded everything."""
    code = f"import sys, {module}; print(*sorted({heavy!r} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
