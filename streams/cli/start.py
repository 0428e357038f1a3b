"""`rillstream`: where it begins, so that Ctrl-C ends it quietly while its modules are read, too."""

import sys
from typing import NoReturn


def main() -> NoReturn:
    """Run the command line and leave with its exit code."""
    try:
        from streams.cli.main import main as begin
    except KeyboardInterrupt:
        sys.exit(130)  # Exit.INTERRUPTED, whose module may not have been read
    begin()
