"""What can go wrong with an index, as one tree.

    IndexError_
    ├── RejectedInputError         bad items or vectors: fix the input, then build again
    ├── IndexFormatError           files that must not be loaded: damaged, swapped, unknown
    │   └── NotReadableHereError   of a newer program, or not to be read now: perhaps sound
    ├── NoCurrentVersionError      nothing is published yet
    ├── UnknownVersionError        no such version in this store
    │   └── LostVersionError       the one that nobody had to name: current, or the one before
    ├── CurrentVersionError        what is current is not removed
    ├── UnknownEngineError         no engine of that name
    ├── EngineUnavailableError     the engine's library is not installed
    ├── RecallError                a build that finds too little is not published
    ├── EncoderFilesError          an encoder beside the versions: damaged, or not there
    ├── StoreUnavailableError      an object store that does not answer, or has no driver here
    ├── BusyError                  another build works in this folder
    └── MismatchError              two things that must not meet
        ├── DimensionMismatchError     query vectors of another width
        └── EncoderMismatchError       query vectors of another model

Only a busy folder and an object store that does not answer are worth a retry: the others need
another input, another version or another setting.
"""

from __future__ import annotations


class IndexError_(Exception):  # noqa: N801, N818 - the underscore keeps it apart from the builtin
    """Base of every error that this package raises on purpose."""


class RejectedInputError(IndexError_, ValueError):
    """Items or vectors that cannot become an index."""


class IndexFormatError(IndexError_):
    """A version whose files must not be loaded.

    Attributes:
        version: The version that was refused.
        problems: What is wrong with it, one sentence each.
    """

    def __init__(self, version: str, problems: list[str]) -> None:
        self.version = version
        self.problems = problems
        super().__init__(
            f"index version {version} is refused: {'; '.join(problems)}. "
            "Build it again, or make another version current (rillstream index list)"
        )


class NotReadableHereError(IndexFormatError):
    """A version that cannot be judged: another program, or another hour, may find it sound."""


class NoCurrentVersionError(IndexError_):
    """The store has no current version."""


class UnknownVersionError(IndexError_):
    """The store has no version of that name."""


class LostVersionError(UnknownVersionError):
    """The store lacks the version that is current, or has none before it."""


class CurrentVersionError(IndexError_, ValueError):
    """A version that cannot be removed, as it is the current one."""


class UnknownEngineError(IndexError_, ValueError):
    """No engine of that name."""


class EngineUnavailableError(IndexError_):
    """An engine whose library is not installed."""


class RecallError(IndexError_):
    """A build whose recall is below its target."""


class EncoderFilesError(IndexError_):
    """An encoder that an index needs and that cannot be used as it is."""


class StoreUnavailableError(IndexError_):
    """An object store that does not answer, or whose driver is not installed."""


class BusyError(IndexError_):
    """Another build works in the same folder."""


class MismatchError(IndexError_):
    """Two things that must not meet."""


class DimensionMismatchError(MismatchError, ValueError):
    """Query vectors whose width is not the snapshot's."""


class EncoderMismatchError(MismatchError):
    """Query vectors of another encoder than the one that made the item vectors."""
