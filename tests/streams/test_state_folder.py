"""A worker's state folder has one owner at a time, and a name that outlives its processes."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from streams.errors import SettingsError
from streams.state_folder import StateFolder


def test_a_folder_keeps_its_name(tmp_path: Path) -> None:
    code = "import sys; from pathlib import Path; from streams.state_folder import StateFolder; "
    code += "print(StateFolder(Path(sys.argv[1])).name)"
    names = {
        subprocess.run(
            [sys.executable, "-c", code, str(tmp_path / "state")], capture_output=True, check=True
        ).stdout
        for _ in range(2)
    }
    assert len(names) == 1
    assert len(names.pop().strip()) == 32


def test_two_workers_cannot_share_a_folder(tmp_path: Path) -> None:
    first = StateFolder(tmp_path)
    with pytest.raises(SettingsError, match="give each one its own"):
        StateFolder(tmp_path)
    assert first.name


def test_two_folders_have_two_names(tmp_path: Path) -> None:
    assert StateFolder(tmp_path / "a").name != StateFolder(tmp_path / "b").name


@pytest.mark.skipif(sys.platform != "linux", reason="names are locked on Linux alone")
def test_a_copy_of_a_folder_in_use_is_refused_until_it_gets_a_name_of_its_own(
    tmp_path: Path,
) -> None:
    """Both would open transactions under one name, and each would end the other's."""
    first, copy = StateFolder(tmp_path / "a"), tmp_path / "b"
    shutil.copytree(tmp_path / "a", copy)
    with pytest.raises(SettingsError, match="one state folder is a copy of the other"):
        StateFolder(copy)
    (copy / "worker-id").unlink()
    assert StateFolder(copy).name != first.name
