"""The tasks that a recipe's settings mean."""

from __future__ import annotations

from collections.abc import Mapping

from scoring.behaviour.recipe import (
    AnyTask,
    BinarySettings,
    ClassesSettings,
    ConversionSettings,
    EngagementSettings,
)
from scoring.behaviour.tasks.binary import Binary
from scoring.behaviour.tasks.classes import Classes
from scoring.behaviour.tasks.contract import BehaviourTask
from scoring.behaviour.tasks.conversion import Conversion
from scoring.behaviour.tasks.engagement import Engagement


def make_tasks(settings: Mapping[str, AnyTask]) -> dict[str, BehaviourTask]:
    """Tasks by name, before they have seen a row."""
    return {name: _make(name, each, settings) for name, each in settings.items()}


def _make(name: str, settings: AnyTask, others: Mapping[str, AnyTask]) -> BehaviourTask:
    match settings:
        case ConversionSettings():
            click = others[settings.given]
            column = click.column if isinstance(click, BinarySettings) else None
            return Conversion(name, settings, column or settings.given)
        case ClassesSettings():
            return Classes(name, settings)
        case BinarySettings():
            return Binary(name, settings)
        case EngagementSettings():
            return Engagement(name, settings)
