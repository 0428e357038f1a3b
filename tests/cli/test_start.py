"""The command that is installed: an end by Ctrl-C has no traceback, however early it comes."""

import subprocess
import sys
import tomllib
from pathlib import Path

from streams.cli.exits import Exit

ROOT = Path(__file__).parents[2]
INTERRUPTED_EARLY = """
import importlib, sys

class CtrlC:
    def find_spec(self, name, path, target=None):
        if name == sys.argv[2]:
            raise KeyboardInterrupt

sys.meta_path.insert(0, CtrlC())
module, name = sys.argv[1].split(":")
getattr(importlib.import_module(module), name)()
"""


def test_ctrl_c_while_modules_are_read_ends_like_any_other() -> None:
    entry = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]["rillstream"]
    for module in ("streams.cli.main", "typer", "streams.cli.worker"):
        done = subprocess.run(
            [sys.executable, "-c", INTERRUPTED_EARLY, entry, module],
            cwd=ROOT,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert (done.returncode, done.stderr) == (Exit.INTERRUPTED, ""), module
