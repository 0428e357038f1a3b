"""A worker's static name in its group, and whether somebody else uses it, too."""

from __future__ import annotations

import structlog

log = structlog.get_logger(__name__)


class StaticMember:
    """Notices that another member has had the same name meanwhile.

    Whoever joins with a static name takes the place of who has it, in the same generation of the
    group; the other finds itself unknown, and takes it back. A member that the group has put out
    for its silence comes back in another generation, for the others have shared its partitions.
    """

    def __init__(self) -> None:
        """Of a worker that is in no group yet."""
        self._was: tuple[int, str] | None = None

    def joined(self, name: str | None, generation: int, member_id: str) -> None:
        """Note as whom this worker is in the group; say it where it had lost its place.

        Args:
            name: Its static name; None = it has none.
            generation: Of the group.
            member_id: As the broker calls it.
        """
        was, self._was = self._was, (generation, member_id)
        if name is None or was is None:
            return
        if was[0] == generation and was[1] != member_id:
            log.error(
                "another worker has this worker's static name, and took its place in the group. "
                "One of two has a copy of the other's state folder: stop one, delete worker-id in "
                "its state folder, start it again",
                instance_id=name,
            )
