"""What the training loop trains: a tower, the users it learns from, and those it is asked about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, Literal

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from scoring.bfloat16 import multiplies_in_bfloat16
from scoring.errors import SequenceError
from scoring.rings import RETURN
from scoring.sequence.batches import (
    NO_TARGET,
    Batch,
    count_batches,
    epoch_of_users,
    shift,
)
from scoring.sequence.binary import binary_cross_entropy
from scoring.sequence.full_ranking import measures, ranks, tower_scorer
from scoring.sequence.full_softmax import full_softmax
from scoring.sequence.sampled_softmax import ItemSampler, sampled_softmax
from scoring.sequence.sequences import Question, Sequences
from scoring.sequence.tower import N_ACTIONS, SequenceTower

_COUNT = Annotated[int, msgspec.Meta(ge=1)]


class NextItemSettings(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a tower learns what comes next.

    Attributes:
        loss: `full` over all items; `sampled` over `n_negatives` of them, for catalogues too large
            for that; `binary`, one negative for each event, SASRec as published.
        n_events: Of a batch, about.
        n_negatives: Of `sampled`, shared by a batch.
        power: Of popularity in drawing them, 0 to 1; `binary` draws uniformly.
        bfloat16: Whether `full` multiplies in 16 bits, where the machine does; the sums are kept
            in 32.
        older: Whether what lies further back than a tower reads is learned from as well, in windows
            of its length; as published, and by default, it is left out.
        unwanted: Actions whose items are no targets, as places in `scoring.rings.TYPES`.
        n_asked: Users asked in a validation, drawn once; 0 = all.
        seed: Of order, negatives and who is asked.
    """

    loss: Literal["full", "sampled", "binary"] = "full"
    n_events: _COUNT = 1024
    n_negatives: _COUNT = 4096
    power: Annotated[float, msgspec.Meta(ge=0, le=1)] = 0.5
    bfloat16: bool = True
    older: bool = False
    unwanted: tuple[Annotated[int, msgspec.Meta(ge=0, lt=N_ACTIONS)], ...] = (RETURN,)
    n_asked: Annotated[int, msgspec.Meta(ge=0)] = 10_000
    seed: Annotated[int, msgspec.Meta(ge=0)] = 0


class NextItem:
    """A `scoring.training` Trainable.

    Attributes:
        module: The tower.
        n_batches: Of an epoch.
    """

    def __init__(
        self,
        tower: SequenceTower,
        train: Sequences,
        validation: Question,
        settings: NextItemSettings,
    ) -> None:
        """Cut the users to the tower's length and choose who is asked.

        Args:
            tower: To be trained.
            train: Users; those without an event to aim at are left out.
            validation: What is asked after each epoch.
            settings: How.

        Raises:
            SequenceError: Those are all, or the loss is for one interest and the tower has several.
        """
        if settings.loss == "binary" and (k := tower.settings.n_interests) > 1:
            raise SequenceError(
                f'n_interests is {k}: loss = "binary" is for one, take "full" or "sampled"'
            )
        unwanted = np.zeros(N_ACTIONS, np.bool_)
        unwanted[list(settings.unwanted)] = True
        length = tower.settings.length + 1
        cut = train.windows(length) if settings.older else train.last(length)
        n_targets = _count_targets(cut, unwanted)
        # A batch of users without any would have no loss.
        enough = np.flatnonzero(n_targets)
        if not len(enough):
            raise SequenceError(
                f"none of {train.n_users} users has two events, the later one of something wanted: "
                "there is nothing to learn from"
            )
        self._train, self._n_targets = cut.select(enough), n_targets[enough]
        self._unwanted = unwanted
        self.module: nn.Module = tower
        self._tower = tower
        self._settings = settings
        self.n_batches = count_batches(self._n_targets, settings.n_events)
        counts = np.bincount(self._train.items, minlength=tower.items.n_items)
        power = 0.0 if settings.loss == "binary" else settings.power
        self._sampler = ItemSampler(counts, power)
        self._asked = _some(validation, settings.n_asked, settings.seed)

    def shared(self) -> Sequence[nn.Parameter]:
        """All of the tower: there is one loss."""
        return list(self.module.parameters())

    def begin_epoch(self, epoch: int) -> None:
        """Nothing depends on the epoch."""

    def batches(self, epoch: int) -> Iterator[Batch]:
        """All users once, in an order of the epoch's own."""
        rng = np.random.default_rng((self._settings.seed, epoch))
        for users in epoch_of_users(self._n_targets, self._settings.n_events, rng):
            events, targets = shift(self._train.select(users), self._unwanted)
            n_drawn = {
                "full": 0,
                "sampled": self._settings.n_negatives,
                "binary": int((targets != NO_TARGET).sum()),
            }[self._settings.loss]
            yield Batch(events, targets, self._sampler.draw(n_drawn, rng))

    def losses(self, batch: Batch) -> dict[str, Tensor]:
        """One loss, `next`, a mean over the events that have a target."""
        has_one = batch.targets != NO_TARGET  # (B, T)
        tower, settings = self._tower, self._settings
        states = tower.scaled(tower(batch.events)[has_one])  # (n, K, e)
        targets = batch.targets[has_one]  # (n,)
        if settings.loss == "full":
            narrow = settings.bfloat16 and multiplies_in_bfloat16(states.device)
            dtype = torch.bfloat16 if narrow else torch.float32
            return {"next": full_softmax(states, tower.item_space(), targets, dtype)}
        positives = tower.item_space(targets)  # (n, e)
        drawn = tower.item_space(batch.negatives)  # (M, e)
        if settings.loss == "binary":
            return {"next": binary_cross_entropy(states[:, 0], positives, drawn)}
        log_q = self._sampler.log_q[batch.negatives]  # (M,)
        loss = sampled_softmax(states, positives, targets, drawn, batch.negatives, log_q)
        return {"next": loss}

    def validate(self) -> dict[str, float]:
        """HR@10 and NDCG@10 over all items."""
        return dict(measures(ranks(tower_scorer(self._tower), self._asked)))


def _count_targets(sequences: Sequences, unwanted: NDArray[np.bool_]) -> NDArray[np.int64]:
    """(U,) events of each user that follow another one and are wanted."""
    wanted = np.concatenate([[0], np.cumsum(~unwanted[sequences.actions])])  # (n + 1,)
    ends = sequences.starts[1:]
    counts: NDArray[np.int64] = wanted[ends] - wanted[np.minimum(sequences.starts[:-1] + 1, ends)]
    return counts


def _some(question: Question, n_asked: int, seed: int) -> Question:
    """So many users of a question, drawn once; all where there are no more."""
    n_users = len(question.targets)
    if not 0 < n_asked < n_users:
        return question
    users = np.sort(np.random.default_rng(seed).choice(n_users, n_asked, replace=False))
    return Question(question.pasts.select(users), question.targets[users])
