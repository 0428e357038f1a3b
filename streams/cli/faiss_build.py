"""FAISS comes in two builds that install the same module: exactly one may be there."""

from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

from streams.errors import FatalError

BUILDS = {"faiss-cpu": "cpu", "faiss-gpu-cuvs": "gpu"}


class FaissBuildError(FatalError):
    """No build of FAISS is installed, or two that overwrite each other."""


def installed() -> dict[str, str]:
    """Return the builds that are installed with their versions."""
    found = {}
    for name in BUILDS:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def require_one(found: Mapping[str, str]) -> None:
    """Make sure that exactly one build is there.

    Raises:
        FaissBuildError: None or both are; the message says what to run.
    """
    if not found:
        raise FaissBuildError(
            "FAISS is not installed: pip install 'rillstream[cpu]', "
            "or on a machine with CUDA 13 pip install 'rillstream[gpu]'"
        )
    if len(found) > 1:
        names = " and ".join(f"{name} {number}" for name, number in found.items())
        raise FaissBuildError(
            f"{names} are both installed and overwrite each other's files: "
            f"pip uninstall {' '.join(found)}, then pip install 'rillstream[cpu]' or [gpu]"
        )
