"""Histories, as a row tells them -> unit interest vectors in the space of an index."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain
from typing import Final

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn.functional import normalize

from index import Corpus
from scoring.errors import SequenceError
from scoring.history import TYPE_CODES, History, Interaction
from scoring.sequence.batches import pad
from scoring.sequence.saved import SavedTower
from scoring.sequence.sequences import Sequences
from scoring.sequence.tower import N_ACTIONS, last_states

_ACTION_OF_CODE: Final = {code: place for place, code in enumerate(TYPE_CODES.values())}
_NO_ACTION: Final = N_ACTIONS - 1


class InterestTower:
    """What each user wants next, as a vector or several; computed for a decision, never stored.

    A tower of the space `text` answers in the space of the index whose vectors it was trained with,
    and knows every item that the index has. A tower of the space `own` knows the items that it was
    trained with, and its answers belong to an index of `item_vectors`.
    """

    def __init__(self, saved: SavedTower, corpus: Corpus | None = None) -> None:
        """Prepare the look-ups.

        Args:
            saved: A trained tower.
            corpus: Where text vectors are; needed by a tower that reads text.

        Raises:
            EncoderMismatchError: Its vectors are of another encoder than those of the training.
            SequenceError: The tower reads text and there is no corpus, or its scores mean nothing
                to an index.
        """
        tower = saved.tower
        if not tower.settings.cosine and tower.settings.space == "own":
            raise SequenceError(
                "this tower compares items by inner product, an index by direction: "
                "train it with cosine = true"
            )
        if tower.items.text is not None:
            if corpus is None:
                raise SequenceError("this tower reads the text of items: give it their index")
            corpus.require_encoder(saved.encoder_version or "")
        self._tower = tower.eval()
        self._corpus = corpus
        self._rows = {item_id: row for row, item_id in enumerate(saved.item_ids)}

    def item_vectors(self) -> NDArray[np.float32]:
        """(N, e) unit vectors of the tower's own items, for an index of its own space."""
        with torch.no_grad():
            vectors: NDArray[np.float32] = normalize(self._tower.item_space(), dim=-1).numpy()
        return vectors

    def interests(self, histories: Sequence[History]) -> NDArray[np.float32]:
        """B histories -> (B, K, e) unit vectors, zero for a user without a known item.

        An item's score is its largest cosine: each of the K is searched by itself, as the interests
        of a row are.

        Interactions with unknown items and visits are left out before the latest are taken, and
        strengths are not looked at: quantity is a fact of another kind than order.
        """
        most = self._tower.settings.length
        rings = [self._known(history.interactions)[:most] for history in histories]
        asked = [user for user, ring in enumerate(rings) if ring]
        n_interests = self._tower.settings.n_interests
        answers = np.zeros((len(histories), n_interests, self._answer_width()), np.float32)
        if not asked:
            return answers
        lengths = np.array([len(rings[user]) for user in asked], np.int64)
        flat = list(chain.from_iterable(reversed(rings[user]) for user in asked))  # oldest first
        sequences = Sequences(
            starts=np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64),
            items=np.arange(len(flat)),
            actions=np.array([_ACTION_OF_CODE.get(e.type, _NO_ACTION) for e in flat], np.int64),
            at_ms=np.array([e.at_ms for e in flat], np.int64),
        )
        events = pad(sequences)
        with torch.no_grad():
            vectors = self._vectors([e.item_id for e in flat])[events.items]  # (b, T, d)
            states = self._tower.read(vectors, events.actions, events.at_ms)  # (b, T, K, e)
            answers[asked] = last_states(states, events.lengths).numpy()
        return answers

    def _known(self, ring: Sequence[Interaction]) -> list[Interaction]:
        if self._corpus is None or self._tower.items.text is None:
            return [event for event in ring if event.item_id in self._rows]
        positions = self._corpus.catalogue.positions([event.item_id for event in ring])
        return [event for event, place in zip(ring, positions.tolist(), strict=True) if place >= 0]

    def _vectors(self, item_ids: list[str]) -> torch.Tensor:
        """N ids of known items -> (n, d) as the tower reads them."""
        items = self._tower.items
        rows = torch.tensor([self._rows.get(item_id, -1) for item_id in item_ids])  # (n,)
        if items.rows is not None:
            rows = torch.where(rows >= 0, items.rows[rows.clamp(min=0)], -1)
        if self._corpus is None or items.text is None:
            return items.mix(rows, None)
        positions = self._corpus.catalogue.positions(item_ids)
        return items.mix(rows, torch.from_numpy(self._corpus.gather(positions)))

    def _answer_width(self) -> int:
        text = self._tower.items.text
        if self._tower.settings.space == "text" and text is not None:
            return int(text.shape[1])
        return self._tower.settings.width
