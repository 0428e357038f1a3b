"""An experiment as a TOML file: variants, their shares of the users, and shadows beside them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec

from scoring.errors import ExperimentError
from scoring.experiments.assignment import place_of
from scoring.policy import Policy
from scoring.policy_file import checked_numbers, read_numbers, with_numbers
from scoring.rules.rule_file import Strict
from scoring.training.recipe import with_nearest

Name = Annotated[str, msgspec.Meta(pattern=r"^[a-zA-Z0-9._-]{1,32}$")]
Salt = Annotated[str, msgspec.Meta(min_length=1, max_length=64)]

_TINY: Final = 1e-9


class ArmTable(Strict, frozen=True, kw_only=True):
    """A variant, as the file says it.

    Attributes:
        name: In lists and reports.
        share: Of all users, above 0 and at most 1.
        policy: Numbers of a policy and the ranker that they weigh, or the name of a policy file
            beside this one; what is not named is the worker's own.
    """

    name: Name
    share: Annotated[float, msgspec.Meta(gt=0, le=1)] = 1.0
    policy: str | dict[str, Any] = msgspec.field(default_factory=dict)


class ShadowTable(ArmTable, frozen=True, kw_only=True):
    """A shadow, as the file says it.

    Attributes:
        beside: A variant whose users alone it scores for; None = those of all, and of none.
    """

    beside: Name | None = None


class ExperimentTable(Strict, frozen=True, kw_only=True):
    """The file."""

    name: Name
    salt: Salt | None = None
    variants: Annotated[tuple[ArmTable, ...], msgspec.Meta(max_length=16)] = ()
    shadows: Annotated[tuple[ShadowTable, ...], msgspec.Meta(max_length=16)] = ()


@dataclass(frozen=True, slots=True)
class Arm:
    """A variant or a shadow.

    Attributes:
        name: Its name.
        share: Of all users.
        numbers: Of its policy, where they are not the worker's own; its ranker among them.
        where: For errors.
        beside: Of a shadow: the variant whose users alone it scores for; None = everybody's.
    """

    name: str
    share: float
    numbers: Mapping[str, Any]
    where: str
    beside: str | None = None

    def policy(self, own: Policy) -> Policy:
        """Its policy, given the worker's own.

        Raises:
            PolicyError: The numbers make none.
        """
        return with_numbers(own, self.numbers, self.where)


@dataclass(frozen=True, slots=True)
class Experiment:
    """Who gets which policy.

    Attributes:
        name: In lists and reports.
        salt: Another one mixes the users anew.
        variants: The first is what the others are compared with. Who is in none has the worker's
            own policy and is not in the experiment.
        shadows: Score beside the list that is published, each for its share of the users.
    """

    name: str
    salt: str
    variants: Sequence[Arm]
    shadows: Sequence[Arm]

    @property
    def arms(self) -> tuple[Arm, ...]:
        """Variants, then shadows."""
        return (*self.variants, *self.shadows)

    def variant_of(self, user_id: str) -> Arm | None:
        """The variant of a user; None = not in the experiment."""
        place = place_of(user_id, self.salt)
        end = 0.0
        for arm in self.variants:
            end += arm.share
            if place < end or end > 1 - _TINY:  # ten shares of .1 are a little less than 1
                return arm
        return None

    def shadows_of(self, user_id: str) -> list[Arm]:
        """The shadows that score for a user; each draws its users by a salt of its own."""
        return [
            arm
            for arm in self.shadows
            if place_of(user_id, f"{self.salt}/{arm.name}") < arm.share
            and self._is_beside(arm, user_id)
        ]

    def _is_beside(self, shadow: Arm, user_id: str) -> bool:
        if shadow.beside is None:
            return True
        variant = self.variant_of(user_id)
        return variant is not None and variant.name == shadow.beside


def read_experiment(file: Path) -> Experiment:
    """Read one; paths of policy files are relative to it.

    Raises:
        ExperimentError: The file is missing, or is no experiment.
        PolicyError: A policy in it names what there is not.
    """
    try:
        table = msgspec.toml.decode(file.read_bytes(), type=ExperimentTable)
    except OSError as error:
        raise ExperimentError(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:  # not a DecodeError of msgspec's
        raise ExperimentError(f"{file} is not UTF-8: {error.reason}") from None
    except msgspec.DecodeError as error:
        raise ExperimentError(f"{file}: {with_nearest(str(error), ExperimentTable)}") from None
    arms = [*table.variants, *table.shadows]
    names = [arm.name for arm in arms]
    if not arms:
        raise ExperimentError(f"{file} has neither [[variants]] nor [[shadows]]")
    if len(set(names)) < len(names):
        raise ExperimentError(f"{file}: two arms have one name: {', '.join(sorted(names))}")
    total = sum(arm.share for arm in table.variants)
    if total > 1 + _TINY:
        raise ExperimentError(f"{file}: the variants' shares are {total:g} together, above 1")
    if len(table.variants) == 1:
        raise ExperimentError(f"{file}: one variant has nothing to be compared with; add another")
    of_variants = {arm.name for arm in table.variants}
    for shadow in table.shadows:
        if shadow.beside is not None and shadow.beside not in of_variants:
            raise ExperimentError(
                f"{file}: {shadow.name} is beside {shadow.beside}, which is no variant; there are: "
                + (", ".join(sorted(of_variants)) or "none")
            )
    return Experiment(
        table.name,
        table.salt or table.name,
        tuple(_arm(file, arm) for arm in table.variants),
        tuple(replace(_arm(file, arm), beside=arm.beside) for arm in table.shadows),
    )


def _arm(file: Path, table: ArmTable) -> Arm:
    where = f"{file}: {table.name}"
    if isinstance(table.policy, str):
        numbers: Mapping[str, Any] = read_numbers(file.parent / table.policy)
    else:
        numbers = checked_numbers(table.policy, where, file.parent)
    return Arm(table.name, table.share, numbers, where)
