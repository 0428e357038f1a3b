"""Child processes that do not outlive the one that started them."""

import shutil


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
