"""A network -> heads: its chances made honest by rows that it was not taught."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scoring.behaviour.calibration import Calibration
from scoring.losses.position_based import position_based_losses
from scoring.ranker.features import FEATURES
from scoring.ranker.heads import Heads
from scoring.ranker.learning import logits_of, logits_of_shown, tasks_of
from scoring.ranker.lists import Lists
from scoring.ranker.network import HeadsNetwork
from scoring.ranker.shown import Shown


def calibrated(
    network: HeadsNetwork, lists: Lists, shown: Shown | None, n_codes: int, seed: int
) -> Heads:
    """Heads whose chances are honest for rows such as these, which were not learned from.

    Platt scaling (Platt 1999) of each task, see `behaviour.calibration`.

    Args:
        network: Of `learning.teach`.
        lists: Others.
        shown: Others.
        n_codes: Vectors of item codes, all zero, where the network has none.
        seed: Of the weights that these are read with.
    """
    logits = logits_of(network, lists.features)[:, -1]
    fitted = [platt(logits, lists.wanted.astype(np.float64), lists.weights)]
    if shown is not None:
        ones = np.ones(len(shown.features))
        columns = zip(logits_of_shown(network, shown).T, shown.targets.T, strict=True)
        fitted = [*(platt(*each, ones, shown.looked) for each in columns), *fitted]
    with torch.no_grad():
        network.slopes.copy_(torch.tensor([slope for slope, _ in fitted]))
        network.shifts.copy_(torch.tensor([shift for _, shift in fitted]))
    if not network.n_codes:
        network = _with_codes(network, n_codes, seed)
    return Heads.of(FEATURES, tasks_of(shown), network)


def platt(
    logits: NDArray[np.float64],
    happened: NDArray[np.floating],
    weights: NDArray[np.floating],
    looked: NDArray[np.floating] | None = None,
) -> tuple[float, float]:
    """Slope and shift of one task; 1 and 0 where there is nothing to fit.

    Args:
        logits: (n,) of what is wanted.
        happened: (n,) 0 or 1.
        weights: (n,) how often each counts.
        looked: (n,) in (0, 1], chance that it was looked at; None = all was.
    """
    targets = torch.from_numpy(happened.astype(np.float64))
    each = torch.from_numpy(weights.astype(np.float64))
    seen = torch.from_numpy((np.ones(1) if looked is None else looked).astype(np.float64))

    def loss(scaled: dict[str, Tensor]) -> Tensor:
        return (each * position_based_losses(scaled["task"], targets, seen)).sum()

    calibration = Calibration({"task": 1})
    if 0 < happened.sum() < len(happened):
        calibration.fit({"task": torch.from_numpy(logits.copy())}, ("task",), loss)
    return float(calibration.slopes.exp()), float(calibration.shifts)


def _with_codes(network: HeadsNetwork, n_codes: int, seed: int) -> HeadsNetwork:
    """The same network, which predicts the same, with room for what is learned of single items."""
    if not n_codes:
        return network
    torch.manual_seed(seed)
    shape = {"width": network.shape["width"], "n_hidden": network.shape["n_hidden"]}
    found = HeadsNetwork(
        len(network.mean), len(network.slopes), n_codes=n_codes, pieces=network.pieces, **shape
    )
    first = "layers.0.weight" if len(network.layers) else "heads.weight"
    reading = found.first.weight.detach().clone()
    reading[:, : network.n_columns] = network.first.weight.detach()
    found.load_state_dict(network.state_dict() | {first: reading, "items": found.items})
    return found.eval()
