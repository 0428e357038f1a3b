"""Lists -> heads: one network taught by the softmax of whole lists, then calibrated."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Annotated, Final

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from scoring.behaviour.calibration import Calibration
from scoring.errors import RowsError
from scoring.joined_log import JoinedLog
from scoring.online.examples import targets_of
from scoring.ranker.features import FEATURES, IN_PIECES
from scoring.ranker.heads import Heads
from scoring.ranker.list_loss import list_losses
from scoring.ranker.lists import Lists
from scoring.ranker.network import HeadsNetwork
from scoring.ranker.pieces import Pieces
from scoring.ranker.worst_group import GroupWeights, WorstGroup

BOUGHT: Final = "cvr"
OF_SHOWN: Final = ("ctr", "engagement")
"""What only shown lists teach: who was not shown an item cannot have left it."""

_LISTS_A_STEP: Final = 32
_ROWS_A_STEP: Final = 256
_CONSTANT: Final = 1e-6
"""A column that deviates less was the same in all lists."""


class NetworkSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the network is taught.

    Attributes:
        width: Of each of its layers.
        n_hidden: How many; 0 = linear.
        epochs: Passes over the lists, or over the shown rows where these need more steps.
        learning_rate: Highest, of one cycle (Smith & Topin 2019).
        dropout: After each layer.
        weight_decay: Decoupled.
        seeds: Networks that are taught and say their mean: so many times the width, and the time.
        distilled: With several seeds, one network of the width of one learns what they say, see
            `distilling`, and is what serves.
        n_codes: Vectors for item codes, which stay zero until a learner on the stream moves them.
        worst_group: A penalty on the worst group of users; None = every list weighs the same.
    """

    width: Annotated[int, msgspec.Meta(ge=1, le=512)] = 64
    n_hidden: Annotated[int, msgspec.Meta(ge=0, le=4)] = 2
    epochs: Annotated[int, msgspec.Meta(ge=1, le=1_000)] = 12
    learning_rate: Annotated[float, msgspec.Meta(gt=0, le=1)] = 2e-3
    dropout: Annotated[float, msgspec.Meta(ge=0, lt=1)] = 0.1
    weight_decay: Annotated[float, msgspec.Meta(ge=0)] = 1e-4
    seeds: Annotated[int, msgspec.Meta(ge=1, le=8)] = 1
    distilled: bool = False
    n_codes: Annotated[int, msgspec.Meta(ge=0, le=20_000)] = 4_096
    worst_group: WorstGroup | None = None


@dataclass(frozen=True, slots=True)
class Shown:
    """n rows of lists that were shown, by time, see `joined_log`.

    Attributes:
        features: (n, F) float32, raw.
        targets: (n, 2) 0 or 1, by `OF_SHOWN`.
    """

    features: NDArray[np.float32]
    targets: NDArray[np.float32]

    @classmethod
    def of(cls, log: JoinedLog) -> Shown:
        """What an impression had.

        Raises:
            RowsError: The log has other columns.
        """
        if log.feature_names != FEATURES:
            raise RowsError(
                f"the joined log has {len(log.feature_names)} features, this version makes "
                f"{len(FEATURES)}, or others: it comes from workers with another ranker"
            )
        rows = log.part(log.examined)
        return cls(rows.features, targets_of(rows, OF_SHOWN))

    def some(self, chosen: NDArray[np.bool_]) -> Shown:
        """Some of them."""
        return Shown(self.features[chosen], self.targets[chosen])


def teach(
    lists: Lists,
    shown: Shown | None,
    settings: NetworkSettings,
    seed: int,
    progress: Callable[[int, int], None] = lambda done, total: None,
    groups: GroupWeights | None = None,
    targets: NDArray[np.float32] | None = None,
) -> HeadsNetwork:
    """A network in evaluation mode: ListNet for what is bought, log loss for what was shown.

    A list's loss (Cao et al., ICML 2007) is the mean over its wanted items of ``-log softmax``;
    each list weighs the same, and a candidate that stands for several counts so often in the sum of
    the softmax. With `shown`, each step has the log loss of some of its rows besides, and there are
    as many steps as either needs; a list weighs what it does among `_LISTS_A_STEP`, however few a
    step has, or two would drown what the rows say. Some columns are then read in `Pieces` as well.

    Args:
        lists: Of which at least one has a wanted item.
        shown: Teaches clicks and engagement; None = there are no such heads.
        settings: How.
        seed: Of weights, dropout and order.
        progress: Called with (steps, of how many).
        groups: Weights of these lists by their groups, which follow the losses; None = all weigh
            the same.
        targets: (M,) share of each candidate in its list; None = what was wanted, in equal shares.
    """
    if targets is None:
        targets = lists.wanted.astype(np.float32)
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    network = HeadsNetwork(
        len(FEATURES),
        len(tasks_of(shown)),
        width=settings.width,
        n_hidden=settings.n_hidden,
        dropout=settings.dropout,
        pieces=None if shown is None else Pieces.of(shown.features, IN_PIECES),
    )
    _scale(network, [lists.features] if shown is None else [lists.features, shown.features])
    bounds = list(pairwise(lists.starts.tolist()))
    told = np.array([g for g, (start, end) in enumerate(bounds) if lists.wanted[start:end].any()])
    optimizer = torch.optim.AdamW(
        network.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay
    )
    steps = _steps(len(told), 0 if shown is None else len(shown.features))
    total = len(steps) * settings.epochs
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, settings.learning_rate, total_steps=total + 1, pct_start=0.1
    )
    for epoch in range(settings.epochs):
        order = rng.permutation(len(told))
        for step, part in enumerate(steps):
            chosen = told[order[part]]
            losses = _losses_of_lists(network, lists, targets, [bounds[g] for g in chosen])
            if groups is not None and len(chosen):
                weights = groups.follow(chosen, losses.detach().numpy())
                losses = losses * torch.from_numpy(weights.astype(np.float32))
            loss = losses.sum() / _LISTS_A_STEP
            if shown is not None and len(shown.features):
                loss = loss + _loss_of_shown(network, shown, rng)
            optimizer.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            progress(epoch * len(steps) + step + 1, total)
    return network.eval()


def tasks_of(shown: Shown | None) -> tuple[str, ...]:
    """What a network taught with this predicts."""
    return (BOUGHT,) if shown is None else (*OF_SHOWN, BOUGHT)


def _steps(n_lists: int, n_rows: int) -> list[slice]:
    """Which of an epoch's lists each step has; few, or none, where the rows need more steps."""
    n_steps = max(n_lists // _LISTS_A_STEP, 1)
    if n_rows // _ROWS_A_STEP <= n_steps:
        return [slice(n * _LISTS_A_STEP, (n + 1) * _LISTS_A_STEP) for n in range(n_steps)]
    edges = np.arange(n_rows // _ROWS_A_STEP + 1) * n_lists // (n_rows // _ROWS_A_STEP)
    return [slice(*each) for each in pairwise(edges.tolist())]


def _losses_of_lists(
    network: HeadsNetwork,
    lists: Lists,
    targets: NDArray[np.float32],
    chosen: list[tuple[int, int]],
) -> Tensor:
    """(lists,) loss of each."""
    if not chosen:
        return torch.zeros(0)
    rows = np.concatenate([np.arange(start, end) for start, end in chosen])
    logits = network(torch.from_numpy(lists.features[rows].astype(np.float32)))  # (n, T)
    return list_losses(
        logits[:, -1],
        torch.from_numpy(targets[rows]),
        torch.from_numpy(lists.weights[rows]),
        torch.tensor([end - start for start, end in chosen]),
    )


def _loss_of_shown(network: HeadsNetwork, shown: Shown, rng: np.random.Generator) -> Tensor:
    rows = rng.integers(len(shown.features), size=min(_ROWS_A_STEP, len(shown.features)))
    logits = network(torch.from_numpy(shown.features[rows]))[:, : len(OF_SHOWN)]
    targets = torch.from_numpy(shown.targets[rows])
    return nn.functional.binary_cross_entropy_with_logits(logits, targets)


def calibrated(
    network: HeadsNetwork, lists: Lists, shown: Shown | None, n_codes: int, seed: int
) -> Heads:
    """Heads whose chances are honest for rows such as these, which were not learned from.

    Platt scaling (Platt 1999) of each task, see `behaviour.calibration`.

    Args:
        network: Of `teach`.
        lists: Others.
        shown: Others.
        n_codes: Vectors of item codes, all zero.
        seed: Of the weights that these are read with.
    """
    tasks = tasks_of(shown)
    logits = logits_of(network, lists.features)[:, -1]
    fitted = [_platt(logits, lists.wanted.astype(np.float64), lists.weights)]
    if shown is not None:
        of_shown = logits_of(network, shown.features)[:, : len(OF_SHOWN)]
        ones = np.ones(len(of_shown))
        columns = zip(of_shown.T, shown.targets.T, strict=True)
        fitted = [*(_platt(column, target, ones) for column, target in columns), *fitted]
    with torch.no_grad():
        network.slopes.copy_(torch.tensor([slope for slope, _ in fitted]))
        network.shifts.copy_(torch.tensor([shift for _, shift in fitted]))
    return Heads.of(FEATURES, tasks, _with_codes(network, n_codes, seed))


def logits_of(
    network: HeadsNetwork, features: NDArray[np.float16] | NDArray[np.float32]
) -> NDArray[np.float64]:
    """(M, T) before calibration."""
    found = np.empty((len(features), len(network.slopes)))
    with torch.inference_mode():
        for start in range(0, len(found), 65_536):
            part = features[start : start + 65_536].astype(np.float32)
            found[start : start + len(part)] = network(torch.from_numpy(part)).numpy()
    return found


def _platt(
    logits: NDArray[np.float64],
    happened: NDArray[np.floating],
    weights: NDArray[np.floating],
) -> tuple[float, float]:
    """Slope and shift of one task; 1 and 0 where there is nothing to fit."""
    targets = torch.from_numpy(happened.astype(np.float64))
    each = torch.from_numpy(weights.astype(np.float64))

    def loss(scaled: dict[str, Tensor]) -> Tensor:
        rows = nn.functional.binary_cross_entropy_with_logits(
            scaled["task"], targets, reduction="none"
        )
        return (each * rows).sum()

    calibration = Calibration({"task": 1})
    if 0 < happened.sum() < len(happened):
        calibration.fit({"task": torch.from_numpy(logits.copy())}, ("task",), loss)
    return float(calibration.slopes.exp()), float(calibration.shifts)


def _scale(
    network: HeadsNetwork, tables: Sequence[NDArray[np.float16] | NDArray[np.float32]]
) -> None:
    """Mean and deviation of each column; one that never varied is not listened to.

    Its weights begin at zero and stay there: what it says one day must not meet chance. A learner
    on the stream may still move them.
    """
    sums = np.zeros((2, len(network.mean)))
    for features in tables:
        for start in range(0, len(features), 65_536):
            part = features[start : start + 65_536].astype(np.float64)
            sums += [part.sum(axis=0), np.square(part).sum(axis=0)]
    mean, square = sums / max(sum(len(features) for features in tables), 1)
    deviation = np.sqrt(np.maximum(square - mean**2, 0.0))
    constant = deviation < _CONSTANT
    first = network.get_parameter(_first(network))
    with torch.no_grad():
        network.mean.copy_(torch.from_numpy(mean))
        network.deviation.copy_(torch.from_numpy(np.where(constant, 1.0, deviation)))
        first[:, torch.from_numpy(np.flatnonzero(constant))] = 0.0


def _with_codes(network: HeadsNetwork, n_codes: int, seed: int) -> HeadsNetwork:
    """The same network, which predicts the same, with room for what is learned of single items."""
    if not n_codes:
        return network
    torch.manual_seed(seed)
    shape = {"width": network.shape["width"], "n_hidden": network.shape["n_hidden"]}
    found = HeadsNetwork(
        len(network.mean), len(network.slopes), n_codes=n_codes, pieces=network.pieces, **shape
    )
    first = _first(network)
    weights = network.state_dict()
    fresh = found.state_dict()[first].clone()
    fresh[:, : weights[first].shape[1]] = weights[first]
    found.load_state_dict(weights | {first: fresh, "items": found.items})
    return found.eval()


def _first(network: HeadsNetwork) -> str:
    """Name of the weights that read the columns."""
    return "layers.0.weight" if len(network.layers) else "heads.weight"
