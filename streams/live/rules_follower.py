"""A file of rules -> the rules in force: read again when it has changed, between two batches."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import structlog

from scoring import Rules, RulesError, read_rules
from streams.live.follower import Follower
from streams.metrics import StepMetrics

log = structlog.get_logger(__name__)

LOOK_S: Final = 1.0

Stamp = tuple[int, int, int] | None


class RulesFollower(Follower):
    """Looks at the file once a second; whatever is wrong with it, the rules in force go on.

    Nothing of it is durable: a restart reads the file, and refuses to start with a broken one.
    """

    def __init__(
        self,
        file: Path,
        in_force: str | None,
        obey: Callable[[Rules], None],
        metrics: StepMetrics,
    ) -> None:
        """Say what to follow.

        Args:
            file: In TOML, see `scoring.rules.rule_file`; a link is followed.
            in_force: Version of the rules until now.
            obey: Called with other rules; returns when they are in force, or raises a RulesError.
            metrics: Counts what is refused.
        """
        super().__init__("rules", every_s=LOOK_S)
        self._file = file
        self._obey = obey
        self._metrics = metrics
        self._version = in_force
        self._seen: Stamp = None

    def look(self) -> None:
        """Take the file over if it is another one than at the last look."""
        stamp = stamp_of(self._file)
        if stamp == self._seen:
            return
        try:
            rules = read_rules(self._file)
            if rules.version != self._version:
                self._obey(rules)
                self._version = rules.version
                log.info("rules in force", rules=rules.version, file=str(self._file))
        except RulesError as error:
            self._metrics.rules_refused.inc()
            log.error("rules refused, the old ones go on", reason=str(error))
        self._seen = stamp  # refused or not; after any other failure it is read again


def stamp_of(file: Path) -> Stamp:
    """What changes with the file: time, length, number; None where there is none."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
