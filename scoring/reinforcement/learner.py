"""Steps on a slate policy: from episodes of visits to better lists."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scoring.ranker.network import HeadsNetwork
from scoring.reinforcement.baselines import ValueBaseline, by_other_users, leave_one_out
from scoring.reinforcement.episodes import Episodes
from scoring.reinforcement.objective import Surrogate
from scoring.reinforcement.plackett_luce import (
    Lists,
    RankDistributions,
    log_probabilities_without_rules,
)
from scoring.reinforcement.policy import worths
from scoring.reinforcement.returns import generalised_advantages, returns_to_go, scaled
from scoring.reinforcement.settings import LearningSettings
from scoring.reinforcement.top_k import shown_items_loss, single_draws
from scoring.reinforcement.trust_region import hold_within

_SEEN: Final = 512  # lists that a round is described by
_PIECE: Final = 256
"""Lists that go through the network at once: what they leave there stays in the cache."""


@dataclass(frozen=True, slots=True)
class Learned:
    """What one round did.

    Attributes:
        entropy: Mean of a rank under the policy that drew, nats.
        moved: Mean KL of a list between before and after, nats.
    """

    entropy: float
    moved: float


@dataclass(frozen=True, slots=True)
class _Evidence:
    """N lists to learn from; tensors of length N."""

    features: Tensor  # (N, C, F)
    places: Tensor  # (N, n)
    before: Tensor  # (N, C) worths under the policy that drew them
    advantages: Tensor  # (N, n)

    def rows(self, chosen: Tensor) -> _Evidence:
        return _Evidence(
            self.features[chosen],
            self.places[chosen],
            self.before[chosen],
            self.advantages[chosen],
        )


class Learner:
    """Holds the optimiser, the baseline, and the policy that KL is measured to.

    Args:
        network: Is changed by learning; its scaling is set by the first round.
        settings: Which of the switches are on.
        seed: Of the order of steps.
    """

    def __init__(self, network: HeadsNetwork, settings: LearningSettings, seed: int) -> None:
        self.network = network
        self._settings = settings
        self._baselines: list[ValueBaseline] = []  # of each simulator, after the first round
        self._parameters = [*network.parameters()]
        self._optimizer = torch.optim.Adam(self._parameters, lr=settings.learning_rate)
        self._schedule = torch.optim.lr_scheduler.LinearLR(
            self._optimizer, 1.0, 0.1, settings.rounds
        )
        self._reference: HeadsNetwork | None = None
        self._generator = torch.Generator().manual_seed(seed)
        self._units: list[float] = []  # of each simulator's rewards, so that none drowns another
        self._round = 0

    def learn(self, groups: Sequence[Sequence[Episodes]]) -> Learned:
        """One round.

        Args:
            groups: For each simulator, one or more tries: episodes under the policy as it is now;
                of the same users with the same luck where the baseline is leave-one-out.
        """
        if self._round == 0:
            self._reference = copy.deepcopy(self.network)
            self._units = [_unit(tries, self._settings.discount) for tries in groups]
        evidence = self._evidence(groups)
        if self._round == 0 and self._settings.baseline == "value":
            self._baselines = [
                self._first_baseline(*each) for each in zip(groups, self._units, strict=True)
            ]
        left = 1 - self._round / self._settings.rounds
        surrogate = Surrogate(
            self._settings.clip, self._settings.entropy * left, self._settings.divergence
        )
        n = len(evidence.places)
        for _ in range(self._settings.passes):
            order = torch.randperm(n, generator=self._generator)
            for chosen in torch.split(order, self._settings.batch):
                self._step(evidence.rows(chosen), surrogate)
        self._schedule.step()
        self._round += 1
        return self._said(evidence)

    def _evidence(self, groups: Sequence[Sequence[Episodes]]) -> _Evidence:
        gains = []
        for place, (tries, unit) in enumerate(zip(groups, self._units, strict=True)):
            over_time = self._advantages(tries, place)
            found = torch.cat([_of_visits(g, e) for g, e in zip(over_time, tries, strict=True)])
            found = found[:, None].expand(-1, tries[0].places.shape[1])
            if self._settings.credit != "ranks":
                # Chen et al. credit an item with what came of itself, and with what followed.
                items = torch.cat([_float32(e.item_rewards / unit) for e in tries])
                found = found - items.sum(dim=1, keepdim=True) + items
            gains.append(scaled(found))
        flat = [each for tries in groups for each in tries]
        features = torch.from_numpy(np.concatenate([each.features for each in flat]))
        with torch.no_grad():
            before = torch.cat(
                [worths(self.network, each) for each in torch.split(features, _PIECE)]
            )
        places = torch.from_numpy(np.concatenate([each.places for each in flat]))
        return _Evidence(features, places, before, torch.cat(gains))

    def _advantages(self, tries: Sequence[Episodes], place: int) -> list[Tensor]:
        """(T, B) gains of each try over the baseline of a simulator."""
        discount, unit = self._settings.discount, self._units[place]
        if self._settings.baseline == "value":
            return [self._over_value(each, place) for each in tries]
        returns = [returns_to_go(_float32(each.rewards / unit), discount) for each in tries]
        if self._settings.baseline == "none":
            return returns
        return list(leave_one_out(torch.stack(returns)))

    def _over_value(self, episodes: Episodes, place: int) -> Tensor:
        """(T, B) gains over V as it was; V learns from these visits afterwards."""
        inner, after = torch.from_numpy(episodes.inner), torch.from_numpy(episodes.after)
        rewards = _float32(episodes.rewards / self._units[place])
        if self._baselines:
            values, ahead = self._baselines[place](inner), self._baselines[place](after)  # (M,)
        else:
            returns = _of_visits(returns_to_go(rewards, self._settings.discount), episodes)
            users = torch.from_numpy(episodes.users)
            values, ahead = by_other_users(inner, after, returns, users, self._generator)
        follows = _float32(episodes.stays) * ahead
        follows[torch.from_numpy(episodes.visits == episodes.shape[0] - 1)] = 0.0
        gains = generalised_advantages(
            rewards,
            _over_time(values, episodes),
            _over_time(follows, episodes),
            self._settings.discount,
            self._settings.trace,
        )
        if self._baselines:
            self._baselines[place].learn(inner, _of_visits(gains, episodes) + values)
        return gains

    def _first_baseline(self, tries: Sequence[Episodes], unit: float) -> ValueBaseline:
        returns = [
            _of_visits(returns_to_go(_float32(e.rewards / unit), self._settings.discount), e)
            for e in tries
        ]
        inner = torch.cat([torch.from_numpy(each.inner) for each in tries])
        return ValueBaseline(inner, torch.cat(returns), self._generator)

    def _step(self, part: _Evidence, surrogate: Surrogate) -> None:
        before = [each.detach().clone() for each in self._parameters]
        self._optimizer.zero_grad()
        n = len(part.places)
        for rows in torch.split(torch.arange(n), _PIECE):  # gradients add up to the batch's own
            piece = part.rows(rows)
            loss = self._loss(worths(self.network, piece.features), piece, surrogate)
            (loss * len(rows) / n).backward()  # type: ignore[no-untyped-call]
        self._optimizer.step()
        if self._settings.bound > 0:
            hold_within(self._parameters, before, lambda: self._moved(part), self._settings.bound)

    def _loss(self, values: Tensor, part: _Evidence, surrogate: Surrogate) -> Tensor:
        n_ranks = part.places.shape[1]
        if self._settings.credit == "ranks":
            logs = log_probabilities_without_rules(values, part.places)
            before = log_probabilities_without_rules(part.before, part.places)
            now, reference = self._distributions(values, part)
            return surrogate.loss(logs, before, part.advantages, now, reference)
        there = torch.ones_like(values, dtype=torch.bool)
        return shown_items_loss(
            single_draws(values, there, part.places),
            single_draws(part.before, there, part.places),
            part.advantages,
            cap=self._settings.cap,
            n_ranks=n_ranks if self._settings.credit == "top-k" else None,
        )

    def _distributions(
        self, values: Tensor, part: _Evidence
    ) -> tuple[RankDistributions | None, RankDistributions | None]:
        """Of the policy, and of that which KL is measured to; none where nothing asks for them."""
        if self._settings.entropy == self._settings.divergence == 0:
            return None, None
        lists = Lists.without_rules(part.places, values.shape[1])
        now = RankDistributions(values, lists)
        if self._settings.divergence == 0 or self._reference is None:
            return now, None
        with torch.no_grad():
            return now, RankDistributions(worths(self._reference, part.features), lists)

    def _moved(self, part: _Evidence) -> float:
        """Mean KL(before ‖ now) of a list."""
        with torch.no_grad():
            lists = Lists.without_rules(part.places, part.before.shape[1])
            now = RankDistributions(worths(self.network, part.features), lists)
            then = RankDistributions(part.before, lists)
            return float(then.divergences(now).sum(dim=1).mean())

    def _said(self, evidence: _Evidence) -> Learned:
        some = torch.randperm(len(evidence.places), generator=self._generator)[:_SEEN]
        part = evidence.rows(some)
        lists = Lists.without_rules(part.places, part.before.shape[1])
        entropy = RankDistributions(part.before, lists).entropies().mean()
        return Learned(float(entropy), self._moved(part))


def _over_time(of_visits: Tensor, episodes: Episodes) -> Tensor:
    """(M,) -> (T, B), 0 where a user had left."""
    return _float32(episodes.over_time(of_visits.numpy().astype(np.float64)))


def _of_visits(over_time: Tensor, episodes: Episodes) -> Tensor:
    """(T, B) -> (M,), the visits that took place."""
    return over_time[torch.from_numpy(episodes.visits), torch.from_numpy(episodes.users)]


def _unit(tries: Sequence[Episodes], discount: float) -> float:
    """Standard deviation of a simulator's returns, in rewards."""
    returns = [_of_visits(returns_to_go(_float32(e.rewards), discount), e) for e in tries]
    return max(float(torch.cat(returns).std(correction=0)), 1e-6)


def _float32(array: NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(array.astype(np.float32))
