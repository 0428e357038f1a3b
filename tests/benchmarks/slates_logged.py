"""The log of a shop whose lists a softmax of its ranker drew, out of simulated visits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from scoring.reinforcement.episodes import Episodes
from scoring.reinforcement.logged import LoggedLists
from scoring.reinforcement.plackett_luce import log_probabilities_without_rules
from scoring.reinforcement.returns import returns_to_go
from tests.benchmarks.supervised_slates import Scores, softened


def logged_lists(
    seen: Sequence[Episodes], scores: Scores, temperature: float, discount: float
) -> LoggedLists:
    """What a joined log of these visits holds: shown items alone, with their propensities."""
    return LoggedLists(
        *(
            torch.cat(columns)
            for columns in zip(
                *(_columns(each, scores, temperature, discount) for each in seen), strict=True
            )
        )
    )


def _columns(
    seen: Episodes, scores: Scores, temperature: float, discount: float
) -> tuple[Tensor, ...]:
    features, places = torch.from_numpy(seen.features), torch.from_numpy(seen.places)
    with torch.inference_mode():
        worths = softened(scores(features), temperature)
        propensities = log_probabilities_without_rules(worths, places)
    rewards = torch.from_numpy(seen.rewards)
    later = (returns_to_go(rewards, discount) - rewards)[seen.visits, seen.users]
    return (
        torch.from_numpy(np.take_along_axis(seen.features, seen.places[:, :, None], 1)),
        propensities.clone(),
        torch.ones_like(places, dtype=torch.bool),
        torch.from_numpy(seen.examined),
        torch.from_numpy(seen.clicks).float(),
        torch.from_numpy(seen.purchases).float(),
        torch.from_numpy(seen.item_rewards).float(),
        later.float(),
    )
