"""Names of versions: when they were published, as far as the clock can be believed, and a digest.

Names order versions, and not the time of a build: a clock may be set back. Who publishes names a
version later than every version that is there, whatever the clock says.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from index.manifest import Manifest

_MILLISECOND: Final = timedelta(milliseconds=1)
_LAST_MS: Final = 253_402_300_799_999  # of the year 9999
_BUILT: Final = re.compile(r"(\d{8}T\d{6}\.\d{3}Z)-[0-9a-f]{8}")


def is_of_build(name: str) -> bool:
    """Whether a build would name a version so."""
    return _BUILT.fullmatch(name) is not None


def name_after(names: Iterable[str], now: datetime, digest: str) -> str:
    """The name of a version that is published now.

    Args:
        names: Of the versions that are there; names that no build gives do not count.
        now: By the clock, UTC.
        digest: Hex, of what is in it.

    Returns:
        One that is later than all of them: by a millisecond, where the clock is behind.
    """
    return f"{_stamp(max([now, *filter(None, map(_after, names))]))}-{digest[:8]}"


def age(name: str, created_at_ms: int) -> tuple[str, str]:
    """What orders versions, the oldest first.

    Args:
        name: Of the version.
        created_at_ms: When it was built; counts for a name that no build has given.
    """
    match = _BUILT.fullmatch(name)
    if match is not None:
        return match[1], name
    return _stamp(datetime.fromtimestamp(min(created_at_ms, _LAST_MS) / 1000, UTC)), name


def age_of(manifest: Manifest) -> tuple[str, str]:
    """See ``age``."""
    return age(manifest.version, manifest.created_at_ms)


def newest_first(manifests: Iterable[Manifest]) -> list[Manifest]:
    """By the order in which they were published."""
    return sorted(manifests, key=age_of, reverse=True)


def _stamp(moment: datetime) -> str:
    return f"{moment:%Y%m%dT%H%M%S}.{moment.microsecond // 1000:03d}Z"


def _after(name: str) -> datetime | None:
    """The moment after a build has published it; None = it was no build, or time ends there."""
    match = _BUILT.fullmatch(name)
    if match is None:
        return None
    try:
        published = datetime.strptime(match[1], "%Y%m%dT%H%M%S.%fZ").replace(tzinfo=UTC)
        return published + _MILLISECOND
    except (ValueError, OverflowError):  # there is no such day
        return None
