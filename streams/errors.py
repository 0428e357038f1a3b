"""What can go wrong in the stream, by fate.

RillstreamError
├── RejectedError                bad input: to the dead letters with its reason, the stream goes on
├── RetryError                   the world is down: nothing is lost, try again later (exit 3)
│   ├── BrokerUnavailableError   no broker answers
│   ├── RowsDamagedError         local rows were damaged and are removed: start again
│   └── FencedError              another worker owns these partitions now: restart, rejoin (exit 75)
└── FatalError                   waiting does not help: stop before consuming (exit 5)
    ├── SettingsError            a setting is unknown, missing or contradicts another
    ├── RefusedError             the broker refuses our credentials, or we its certificate
    ├── TopicMismatchError       a topic is missing or has another shape than the settings ask for
    ├── RowFormatError           a stored row was written by a newer or a foreign program
    ├── ChangelogLostError       the rows' changelog ends before what was read of it
    └── BadFileError             a file of records cannot be read (exit 4)
"""

from __future__ import annotations

from typing import Literal

Reason = Literal[
    "empty",
    "oversize",
    "malformed",
    "invalid",
    "future",
    "missing_key",
    "key_mismatch",
    "internal",
]
"""Why a record was rejected, in one word, for metrics and headers; the message has the details."""


class RillstreamError(Exception):
    """Root of all errors that rillstream raises itself."""


class RejectedError(RillstreamError):
    """A record that cannot be applied; it belongs in the dead letters.

    Attributes:
        kind: One word for counting.
        reason: One line for the person who reads the dead letters.
    """

    def __init__(self, reason: str, kind: Reason = "invalid") -> None:
        super().__init__(reason)
        self.reason = reason
        self.kind: Reason = kind


class RetryError(RillstreamError):
    """The world is down; the same call may succeed later."""


class BrokerUnavailableError(RetryError):
    """No Kafka broker answers at the configured address."""


class FencedError(RetryError):
    """Kafka refused a commit of an old group generation; all of that batch was aborted."""


class RowsDamagedError(RetryError):
    """Local rows could not be read and are removed; the next start has them from the changelog."""


class GapError(RetryError):
    """Records are missing between two runs of a partition; nothing was committed past them."""


class FatalError(RillstreamError):
    """Waiting does not help: something has to be changed first."""


class SettingsError(FatalError):
    """A setting is unknown, missing or contradicts another."""


class RefusedError(FatalError):
    """The broker refuses our credentials, or its certificate is not to be trusted."""


class TopicMismatchError(FatalError):
    """A topic is missing or has another shape than the settings ask for."""


class RowFormatError(FatalError):
    """A stored user row cannot be read by this version."""


class ChangelogLostError(FatalError):
    """The changelog ends before what the local rows were built from: the topic lost data."""


class BadFileError(FatalError):
    """A file of records cannot be read, or has a bad row where none is allowed."""
