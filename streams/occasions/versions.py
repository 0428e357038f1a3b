"""Which policies are compared: that of the settings, and files that say otherwise."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from scoring import Policy
from scoring.policy_file import read_numbers, with_numbers
from streams.policy_file import policy_of
from streams.settings import Settings


def policies_of(settings: Settings, files: Sequence[Path]) -> dict[str, Policy]:
    """Name -> policy; the settings' own comes first and is called `settings`.

    Raises:
        PolicyError: A file makes no policy.
    """
    own = policy_of(settings)
    return {"settings": own} | {
        str(file): with_numbers(own, read_numbers(file), str(file)) for file in files
    }
