"""Models can be read by others than who trained them: workers run as another user."""

from pathlib import Path


def share_weights(folder: Path, like: Path) -> None:
    """Give all weights beneath a folder the rights of a file that was written in the usual way.

    safetensors 0.8 writes files that only their owner may read.
    """
    for file in folder.rglob("*.safetensors"):
        file.chmod(like.stat().st_mode)
