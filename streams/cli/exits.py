"""Exit codes, and which error ends with which."""

import errno
import os
import sys
from enum import IntEnum

from streams.errors import BadFileError, FatalError, FencedError, RejectedError, RetryError


class Exit(IntEnum):
    """What the command line answers to the shell."""

    OK = 0
    UNEXPECTED = 1
    USAGE = 2
    WORLD_DOWN = 3
    BAD_INPUT = 4
    FATAL = 5
    BUSY = 6
    BELOW_TARGET = 7
    FENCED = 75
    INTERRUPTED = 130
    NO_READER = 141
    TERMINATED = 143


MEANINGS = {
    Exit.OK: "done",
    Exit.UNEXPECTED: "unexpected error; run again with --debug and report it",
    Exit.USAGE: "wrong arguments",
    Exit.WORLD_DOWN: "broker or object store down or too slow, or a disk full; try again",
    Exit.BAD_INPUT: "a file, folder, version or record that was named is missing or unusable",
    Exit.FATAL: "settings, topics, index and model do not fit together; change one of them",
    Exit.BUSY: "another build works in this index folder, or a version was made current meanwhile",
    Exit.BELOW_TARGET: "too low: an index's recall, a head beside its twin, evidence for a policy",
    Exit.FENCED: "another worker took over; start again",
    Exit.INTERRUPTED: "ended by Ctrl-C",
    Exit.NO_READER: "the reader of the output (head, less) ended first",
    Exit.TERMINATED: "ended by SIGTERM",
}

_BY_ERROR: tuple[tuple[type[Exception], Exit], ...] = (
    (RejectedError, Exit.BAD_INPUT),
    (BadFileError, Exit.BAD_INPUT),
    (FencedError, Exit.FENCED),
    (RetryError, Exit.WORLD_DOWN),
    (FatalError, Exit.FATAL),
    (FileNotFoundError, Exit.BAD_INPUT),
    (FileExistsError, Exit.BAD_INPUT),
    (IsADirectoryError, Exit.BAD_INPUT),
    (NotADirectoryError, Exit.BAD_INPUT),
    (PermissionError, Exit.BAD_INPUT),
)

_OF_A_PATH = (errno.EROFS, errno.ENAMETOOLONG, errno.ELOOP)
"""Errors of a path that have no class of their own."""

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)

_OF_WHAT_WAS_NAMED = (
    "RecipeError",
    "RowsError",
    "RulesError",
    "ExperimentError",
    "EvidenceError",
    "PolicyFileError",
    "ModelError",
    "RankerError",
    "TowerFormatError",
    "EncoderSourceError",
    "EncoderFormatError",
)
"""Errors of scoring about one file or folder by itself: all others are about two things."""

# Of packages that a command need not have loaded.
_BY_NAME: tuple[tuple[str, str, Exit], ...] = (
    ("index.errors", "BusyError", Exit.BUSY),
    ("index.errors", "StoreUnavailableError", Exit.WORLD_DOWN),
    ("index.errors", "RecallError", Exit.BELOW_TARGET),
    ("index.errors", "LostVersionError", Exit.FATAL),
    ("index.errors", "UnknownVersionError", Exit.BAD_INPUT),
    ("index.errors", "IndexError_", Exit.FATAL),
    *(("scoring.errors", name, Exit.BAD_INPUT) for name in _OF_WHAT_WAS_NAMED),
    ("scoring.errors", "ScoringError", Exit.FATAL),
)


def explain(error: Exception) -> tuple[Exit, str]:
    """Return an error's exit code and one line about it, with the way out where we know one."""
    for kind, code in _BY_ERROR:
        if isinstance(error, kind):
            return code, _of_a_path(error)
    if isinstance(error, OSError) and error.errno in _OF_A_PATH:
        return Exit.BAD_INPUT, _of_a_path(error)
    if isinstance(error, OSError) and error.errno in _FULL:
        where = error.filename or "a disk"
        return Exit.WORLD_DOWN, f"{where}: {error.strerror}. Make room, then run it again"
    if isinstance(error, UnicodeDecodeError):
        return Exit.BAD_INPUT, f"what was read is not UTF-8: {_one_line(error)}"
    for module, name, code in _BY_NAME:
        if isinstance(error, _loaded(module, name)):
            return code, _one_line(error)
    if isinstance(error, _loaded("confluent_kafka", "KafkaException")):
        if error.args[0].name() == "_INVALID_ARG":  # a key file that its password does not open
            return Exit.FATAL, (
                f"the Kafka client cannot use these settings: {_one_line(error.args[0].str())}. "
                "Look at the RILLSTREAM_SECURITY__ variables"
            )
        return Exit.WORLD_DOWN, (
            f"Kafka: {_one_line(error)}. Is the broker up? Try: rillstream doctor"
        )
    text = _one_line(error)
    return Exit.UNEXPECTED, f"{type(error).__name__}: {text} (run again with --debug to see where)"


def _loaded(module: str, name: str) -> tuple[type[Exception], ...]:
    """Return the error class if its module is in use, else nothing: never import it only to ask."""
    found = getattr(sys.modules.get(module), name, None)
    return (found,) if found is not None else ()


def _of_a_path(error: Exception) -> str:
    """The system's own words begin with a number that helps nobody."""
    if not isinstance(error, OSError) or not error.filename or not error.strerror:
        return _one_line(error)
    if error.errno == errno.EEXIST and not os.path.isdir(error.filename):
        return f"{error.filename}: Not a directory"
    return f"{error.filename}: {error.strerror}"


def _one_line(error: Exception | str) -> str:
    return " ".join(str(error).split()) or "no details"
