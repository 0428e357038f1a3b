"""Files of a policy and an experiment -> the policies in force: read again, between two batches."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import structlog

from scoring import ScoringError
from streams.errors import SettingsError
from streams.live.follower import Follower
from streams.live.policies import Policies
from streams.metrics import StepMetrics

log = structlog.get_logger(__name__)

LOOK_S: Final = 1.0


class PolicyFollower(Follower):
    """Reads the files once a second; whatever is wrong with them, the policies in force go on.

    They are a few lines each, and name others: an experiment its arms' files, these their rankers.
    A restart reads them, too, and refuses to start with a broken one. Crash table in
    docs/policies.md.
    """

    def __init__(
        self,
        in_force: Policies,
        read: Callable[[Policies], Policies],
        take: Callable[[Policies], None],
        metrics: StepMetrics,
    ) -> None:
        """Say what to follow.

        Args:
            in_force: Until now.
            read: Those in force -> what the files say; equal ones where nothing has changed.
            take: Called with others; returns when they are in force, or raises a ScoringError.
            metrics: Counts what is refused.
        """
        super().__init__("policies", every_s=LOOK_S)
        self._in_force = in_force
        self._read = read
        self._take = take
        self._metrics = metrics
        self._refused = ""

    def look(self) -> None:
        """Take over what the files say, if it is something else than what is in force."""
        try:
            found = self._read(self._in_force)
            if found != self._in_force:
                self._take(found)
                self._in_force = found
                log.info("policies in force", **said(found))
            self._refused = ""
        except (ScoringError, SettingsError) as error:
            if str(error) != self._refused:
                self._refused = str(error)
                self._metrics.policies_refused.inc()
                log.error("policies refused, the old ones go on", reason=str(error))


def said(policies: Policies) -> dict[str, object]:
    """For the log: versions of the worker's own policy and of each arm's."""
    arms = {name: policy.version for name, policy in policies.of_arms().items()}
    return {"policy": policies.own.version, **({"arms": arms} if arms else {})}
