"""Users -> padded batches of like length and size: little padding, every event weighs alike."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from scoring.sequence.sequences import Sequences

NO_TARGET: Final = -1
# So much a length may be misjudged when users are put in order: batches differ between epochs.
_JITTER: Final = 0.25


@dataclass(frozen=True, slots=True)
class Events:
    """Padded events of B users. Padding comes last, where no causal state can see it.

    Attributes:
        items: (B, T) int64 catalogue rows; 0 in padding.
        actions: (B, T) int64; 0 in padding.
        at_ms: (B, T) int64; the last moment of the user in padding.
        lengths: (B,) int64, at least 1.
    """

    items: Tensor
    actions: Tensor
    at_ms: Tensor
    lengths: Tensor


@dataclass(frozen=True, slots=True)
class Batch:
    """What is trained on at once.

    Attributes:
        events: B users.
        targets: (B, T) the item after each event, `NO_TARGET` in padding and where it is unwanted.
        negatives: (M,) items drawn for a sampled loss, empty for others.
    """

    events: Events
    targets: Tensor
    negatives: Tensor


def pad(sequences: Sequences) -> Events:
    """Users as they are -> one padded batch. Every user needs an event."""
    lengths = sequences.lengths
    columns = np.arange(int(lengths.max(initial=1)))  # (T,)
    inside = columns < lengths[:, None]  # (B, T)
    places = sequences.starts[:-1, None] + np.minimum(columns, lengths[:, None] - 1)  # (B, T)
    return Events(
        items=torch.from_numpy(np.where(inside, sequences.items[places], 0)),
        actions=torch.from_numpy(np.where(inside, sequences.actions[places], 0)),
        at_ms=torch.from_numpy(sequences.at_ms[places]),
        lengths=torch.from_numpy(lengths),
    )


def shift(sequences: Sequences, unwanted: NDArray[np.bool_]) -> tuple[Events, Tensor]:
    """Users with two events or more -> all but each last event, and what follows each.

    Args:
        sequences: B users.
        unwanted: (actions,) actions whose items are no targets: nobody wants what is returned.
    """
    padded = pad(sequences)
    steps = torch.arange(padded.items.shape[1] - 1)  # (T,)
    following = padded.items[:, 1:]  # (B, T)
    missing = steps >= (padded.lengths[:, None] - 1)  # (B, T)
    missing |= torch.from_numpy(unwanted)[padded.actions[:, 1:]]
    events = Events(
        items=padded.items[:, :-1],
        actions=padded.actions[:, :-1],
        at_ms=padded.at_ms[:, :-1],
        lengths=padded.lengths - 1,
    )
    return events, following.masked_fill(missing, NO_TARGET)


def count_batches(lengths: NDArray[np.int64], n_events: int) -> int:
    """How many batches an epoch has; the same in every epoch.

    Args:
        lengths: (U,) events of each user.
        n_events: Of a batch, about.
    """
    total = int(lengths.sum())
    # A longer user than that would leave the batch beside it empty.
    return max(1, min(-(-total // n_events), total // int(lengths.max(initial=1))))


def epoch_of_users(
    lengths: NDArray[np.int64], n_events: int, rng: np.random.Generator
) -> Iterator[NDArray[np.int64]]:
    """All users once, in batches of about the same number of events and of like lengths.

    Batches with so many users each would give an event of a short sequence more weight than one of
    a long sequence, as the loss is a mean over the batch.
    """
    n_batches = count_batches(lengths, n_events)
    order = np.argsort(lengths * (1 + _JITTER * rng.random(len(lengths))))  # ties: at random
    done = np.cumsum(lengths[order])
    # Batch k ends with the last user whose events are among the first (k + 1) / n of all.
    parts = np.split(
        order, np.searchsorted(done * n_batches, done[-1] * np.arange(1, n_batches), "right")
    )
    for place in rng.permutation(n_batches):
        yield parts[place]
