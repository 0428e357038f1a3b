"""The task that a recipe's settings mean."""

from __future__ import annotations

from scoring.tasks.answer import Answer
from scoring.tasks.binary import Binary
from scoring.tasks.classification import Classification
from scoring.tasks.contract import Task
from scoring.tasks.cross_relevance import CrossRelevance
from scoring.tasks.relevance import Relevance
from scoring.training.recipe import (
    AnswerSettings,
    AnyTask,
    BinarySettings,
    ClassificationSettings,
    CrossRelevanceSettings,
    RelevanceSettings,
)


def make_task(settings: AnyTask) -> Task:
    """A task, before it has seen a row."""
    match settings:
        case ClassificationSettings():
            return Classification(settings)
        case BinarySettings():
            return Binary(settings)
        case RelevanceSettings():
            return Relevance(settings)
        case CrossRelevanceSettings():
            return CrossRelevance()
        case AnswerSettings():
            return Answer(settings)
