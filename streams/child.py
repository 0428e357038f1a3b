"""Child processes: begun so that they do not outlive the one that started them, and ended."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Final

from streams.settings import ENV_PREFIX, Settings

RILLSTREAM: Final = (sys.executable, "-m", "streams.cli.main")
"""The command line of this installation."""


def dies_with_parent(signal_name: str) -> list[str]:
    """Return a prefix for a command: the kernel sends it the signal when its parent is gone.

    A parent that was killed cannot clean up, and what it leaves behind holds memory, ports and row
    stores. On a machine without setpriv (util-linux) the prefix is empty, and so is the promise.
    The parent is the *thread* that started the child: use the main one.

    Args:
        signal_name: As setpriv knows it: TERM, KILL.
    """
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", signal_name, "--"] if setpriv else []


def environment(settings: Settings, **own: str) -> dict[str, str]:
    """What a child needs to go on with the options of this process.

    The rest of the settings it finds where this process has found them.

    Args:
        settings: Of this process: an option may have set them.
        own: What the child has for itself, by name without prefix.
    """
    options = {
        "BOOTSTRAP_SERVERS": settings.bootstrap_servers,
        "INDEX_DIR": str(settings.index_dir),
    }
    if settings.index_url is not None:
        options["INDEX_URL"] = settings.index_url
    if settings.encoder is not None:  # where to look for the index's encoder
        options["ENCODER"] = settings.encoder
    return {**os.environ, **{ENV_PREFIX + name: value for name, value in (options | own).items()}}


def begin(
    command: Sequence[str],
    environment: Mapping[str, str],
    *,
    folder: Path | None = None,
    stdin: int | None = None,
    stdout: IO[bytes] | None = None,
    stderr: IO[bytes] | int | None = None,
) -> subprocess.Popen[bytes]:
    """Start a child in a session of its own: Ctrl-C is the parent's, who tells it to drain.

    Args:
        command: What to run.
        environment: All of it.
        folder: To run in; None = this one.
        stdin: As `subprocess` takes it; None = the parent's. So are the other two.
        stdout: See there.
        stderr: See there.
    """
    return subprocess.Popen(  # noqa: S603
        [*dies_with_parent("TERM"), *command],
        cwd=folder,
        env=environment,
        stdin=stdin,
        stdout=stdout,
        stderr=stderr,
        start_new_session=True,
    )


def end(child: subprocess.Popen[bytes], drain_s: float) -> None:
    """Let it drain, then make sure that it is gone."""
    if child.poll() is not None:
        return
    child.terminate()
    try:
        child.wait(drain_s)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
