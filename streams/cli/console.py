"""rich's console, as all commands use it."""

from rich.console import Console as RichConsole


class Console(RichConsole):
    """Leaves the end of a command to `streams.cli.main`, also when its reader is gone."""

    def on_broken_pipe(self) -> None:
        """Leave it: rich would leave with exit code 1 from here, as if something were wrong."""
        raise
