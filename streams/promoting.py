"""A promoted policy -> the policy file of the workers."""

from __future__ import annotations

import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from scoring.errors import EvidenceError
from scoring.offpolicy.target import DRAWING, Target
from scoring.policy import Policy
from scoring.policy_file import read_numbers, with_numbers, write_numbers
from scoring.slates.drawing import Drawing
from streams.policy_file import policy_of, usable
from streams.settings import Settings


def whole_drawing(target: Target, logged: Iterable[Drawing]) -> dict[str, Any]:
    """All numbers with which the target draws, those included that it leaves as in the log.

    So workers draw as was evaluated, whatever their settings say by now.

    Args:
        target: Of the evaluation.
        logged: How the lists of the log were drawn.

    Raises:
        EvidenceError: Lists were drawn in several ways, and the target does not settle on one.
    """
    if target.shadows is not None:
        found = {each.drawing for each in target.shadows.values()}
    else:
        found = {target.drawing(each) for each in logged}
    ways = {tuple(getattr(each, name) for name in DRAWING) for each in found}
    if len(ways) > 1:
        differ = [name for name, *values in zip(DRAWING, *ways, strict=True) if len({*values}) > 1]
        raise EvidenceError(
            f"the lists of the log were drawn in {len(ways)} ways; let the candidate name its "
            + ", ".join(differ)
        )
    said = zip(DRAWING, *ways, strict=True)
    return {name: value for name, value in said if value is not None}


def policy_from(file: Path, settings: Settings, place: Path) -> Policy:
    """The policy that workers would have if this file stood in that place.

    Where the place is not the workers' own policy file (RILLSTREAM_POLICY), it is that of an arm,
    whose numbers stand over the workers' own.

    Args:
        file: Need not be there: then it says nothing.
        settings: Of the workers.
        place: Where it stands, or is to stand.

    Raises:
        PolicyError: The file makes no policy.
        SettingsError: A setting was made that says otherwise; workers could not publish its lists.
    """
    own = settings.policy
    if own is None or own.resolve() == place.resolve():
        return policy_of(settings.model_copy(update={"policy": file if file.exists() else None}))
    policy = policy_of(settings)
    if not file.exists():
        return policy
    return usable(settings, with_numbers(policy, read_numbers(file), str(file)))


def put_in_force(place: Path, numbers: Mapping[str, Any], about: str, settings: Settings) -> None:
    """Replace these numbers in a policy file; others in it stay.

    What was there is copied aside first, and the new file takes its place in one step: a crash
    leaves either policy whole, and a second run changes nothing.

    Args:
        place: The file; made where there is none.
        numbers: Of the candidate.
        about: What speaks for it, as comments above the numbers.
        settings: Of the workers, which must be able to start with it.

    Raises:
        PolicyError: What is there is no policy file.
        SettingsError: A setting was made that says otherwise.
    """
    before = read_numbers(place) if place.exists() else {}
    after = {**before, **numbers}
    if after == before:
        return  # it is in force; what was before it is to stay beside it
    new = place.with_suffix(".new.toml")
    write_numbers(new, after, about)
    try:
        policy_from(new, settings, place)
    except BaseException:
        new.unlink()
        raise
    if before:
        shutil.copyfile(place, place.with_suffix(".before.toml"))
    new.replace(place)
