"""The experiment that the settings name: read, and compared with what a worker can do."""

from __future__ import annotations

from scoring import Policy
from scoring.errors import ExperimentError
from scoring.experiments.experiment import Experiment, read_experiment
from streams.policy_file import usable
from streams.settings import Settings


def experiment_of(settings: Settings, own: Policy) -> Experiment | None:
    """The experiment; None = there is no file.

    Args:
        settings: Name the file.
        own: The worker's policy, whose numbers an arm's replace.

    Raises:
        ExperimentError: The file is none, or has shadows that nobody would see.
        PolicyError: An arm's numbers make no policy.
        SettingsError: An arm's decisions would not fit a message.
    """
    if settings.experiment is None:
        return None
    experiment = read_experiment(settings.experiment)
    for arm in experiment.arms:
        usable(settings, arm.policy(own))
    if experiment.shadows and not settings.publish_decisions:
        raise ExperimentError(
            f"{settings.experiment}: shadows are written to the decisions topic only: set "
            "RILLSTREAM_PUBLISH_DECISIONS=true, or take them out"
        )
    return experiment
