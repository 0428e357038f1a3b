"""Events of many users as flat columns, each user's in order; how the last ones are held out."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import numpy as np
from numpy.typing import NDArray

from scoring.errors import SequenceError


@dataclass(frozen=True, slots=True)
class Sequences:
    """n events of U users. User u has the events ``starts[u]`` to ``starts[u + 1]``, oldest first.

    Attributes:
        starts: (U + 1,) int64, from 0 to n.
        items: (n,) int64 rows of the catalogue, from 0.
        actions: (n,) int64 places in `scoring.rings.TYPES`; what was done.
        at_ms: (n,) int64 moments, all equal where a log tells none.
    """

    starts: NDArray[np.int64]
    items: NDArray[np.int64]
    actions: NDArray[np.int64]
    at_ms: NDArray[np.int64]

    def __post_init__(self) -> None:
        lengths = {len(self.items), len(self.actions), len(self.at_ms), int(self.starts[-1])}
        if len(lengths) > 1 or self.starts[0] != 0 or (np.diff(self.starts) < 0).any():
            raise SequenceError(
                f"columns of {len(self.items)} items, {len(self.actions)} actions and "
                f"{len(self.at_ms)} moments for {self.starts[-1]} events: they must be aligned"
            )

    @classmethod
    def of(
        cls,
        users: NDArray[np.int64],
        items: NDArray[np.int64],
        actions: NDArray[np.int64] | None = None,
        at_ms: NDArray[np.int64] | None = None,
    ) -> Self:
        """Group events by user: users in ascending order, events by moment, equal ones as given.

        Args:
            users: (n,) from 0, without gaps where every number shall be one user.
            items: (n,) catalogue rows.
            actions: (n,) what was done; None = all the same.
            at_ms: (n,) moments; None = the order given is the order of time.
        """
        actions = np.zeros_like(items) if actions is None else actions
        at_ms = np.zeros_like(items) if at_ms is None else at_ms
        order = np.lexsort((at_ms, users))  # stable
        starts = np.searchsorted(users[order], np.arange(int(users.max(initial=-1)) + 2))
        return cls(starts.astype(np.int64), items[order], actions[order], at_ms[order])

    @property
    def n_users(self) -> int:
        """U."""
        return len(self.starts) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """(U,) events of each user."""
        return np.diff(self.starts)

    def select(self, users: NDArray[np.int64], *, without_last: int = 0) -> Sequences:
        """Some users, in the order given, without each one's last so many events."""
        firsts = self.starts[users]
        lengths = np.maximum(self.lengths[users] - without_last, 0)
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        places = np.arange(starts[-1]) + np.repeat(firsts - starts[:-1], lengths)
        return Sequences(starts, self.items[places], self.actions[places], self.at_ms[places])

    def last(self, most: int) -> Sequences:
        """Each user's latest `most` events."""
        lengths = np.minimum(self.lengths, most)
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        places = np.arange(starts[-1]) + np.repeat(self.starts[1:] - starts[1:], lengths)
        return Sequences(starts, self.items[places], self.actions[places], self.at_ms[places])

    def windows(self, most: int) -> Sequences:
        """Users as several, each with at most so many events; the last of each has as many as can.

        A window's last event is the first of the next one, so that every event but a user's first
        follows another one in exactly one window.

        Args:
            most: Events of a window, 2 or more.
        """
        step = most - 1
        counts = np.maximum(-(-(self.lengths - 1) // step), 1)  # (U,) windows
        owners = np.repeat(np.arange(self.n_users), counts)
        first = np.cumsum(counts) - counts
        after = counts[owners] - 1 - (np.arange(len(owners)) - first[owners])  # windows to come
        ends = self.starts[1:][owners] - after * step
        begins = np.maximum(ends - most, self.starts[:-1][owners])
        lengths = ends - begins
        starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        places = np.arange(starts[-1]) + np.repeat(begins - starts[:-1], lengths)
        return Sequences(starts, self.items[places], self.actions[places], self.at_ms[places])

    def each(self) -> list[NDArray[np.int64]]:
        """Items of each user."""
        return [self.items[start:end] for start, end in pairwise(self.starts.tolist())]


@dataclass(frozen=True, slots=True)
class Question:
    """Q users, what they have done, and the item that came next.

    Attributes:
        pasts: Q users.
        targets: (Q,) the item that followed.
    """

    pasts: Sequences
    targets: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class LeaveOneOut:
    """The protocol of Kang & McAuley (ICDM 2018, section IV-A) and most papers since.

    Attributes:
        train: Each user without the last two events.
        validation: Given `train`, what is the last but one?
        test: Given all but the last, the item of validation included, what is the last?
    """

    train: Sequences
    validation: Question
    test: Question


def leave_one_out(sequences: Sequences) -> LeaveOneOut:
    """Hold out the last event of each user for the test and the one before it for validation.

    Users with fewer than three events only train: nothing would be left to ask with.
    """
    everyone = np.arange(sequences.n_users)
    long = everyone[sequences.lengths >= 3]
    ends = sequences.starts[1:][long]
    short = everyone[sequences.lengths < 3]
    asked = sequences.select(long, without_last=2)
    return LeaveOneOut(
        train=asked if not len(short) else _joined(asked, sequences.select(short)),
        validation=Question(asked, sequences.items[ends - 2]),
        test=Question(sequences.select(long, without_last=1), sequences.items[ends - 1]),
    )


def _joined(first: Sequences, second: Sequences) -> Sequences:
    return Sequences(
        np.concatenate([first.starts, second.starts[1:] + first.starts[-1]]),
        np.concatenate([first.items, second.items]),
        np.concatenate([first.actions, second.actions]),
        np.concatenate([first.at_ms, second.at_ms]),
    )
