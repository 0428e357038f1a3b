"""Domain pretraining as something the loop can train."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from torch import Tensor, nn

from scoring.errors import RecipeError
from scoring.language.model import LanguageModel
from scoring.pretraining.corpus import Corpus, Pair
from scoring.pretraining.model import PretrainingModel
from scoring.pretraining.partners import partners, reciprocal_ranks
from scoring.pretraining.recipe import Pretraining
from scoring.training.sampling import EndlessOrder, rows_by_task

_TOGETHER: Final = 128
_MEASURED: Final = 1  # the same words are hidden before, after and in every run


@dataclass(frozen=True, slots=True)
class Rows:
    """What one step learns from.

    Attributes:
        words: Texts; none where no words are learned.
        pairs: By loss.
        seed: Of what is hidden.
    """

    words: Sequence[str]
    pairs: dict[str, Sequence[Pair]]
    seed: int


class PretrainingTask:
    """A `Trainable`: each step has rows of every loss whose weight is above 0 and that has rows.

    Attributes:
        module: Language model and head.
        weights: By loss, of those that are computed.
        n_batches: So many that an epoch shows as many rows as there are.
    """

    def __init__(self, language: LanguageModel, corpus: Corpus, recipe: Pretraining) -> None:
        self._corpus = corpus
        self._contrast = recipe.contrast
        asked = recipe.weights
        weights = {"words": asked.words, "clicks": asked.clicks, "items": asked.items}
        sizes = {name: n for name, n in corpus.sizes().items() if weights[name] and n > 1}
        if not sizes:
            raise RecipeError(f"nothing to learn: weights are {weights}, rows {corpus.sizes()}")
        self.weights = {name: weights[name] for name in sizes}
        self.module = PretrainingModel(language, recipe.masking if "words" in sizes else None)
        n = sum(sizes.values())
        self._counts = rows_by_task(sizes, min(recipe.batch_size, n), recipe.temperature)
        self.n_batches = -(-n // recipe.batch_size)
        self._seed = recipe.training.seed
        self._orders = {
            name: EndlessOrder(size, self._seed, place)
            for place, (name, size) in enumerate(sizes.items())
        }
        self._right = {
            name: partners([*held.train, *held.held_out]) for name, held in corpus.pairs.items()
        }

    def shared(self) -> Sequence[nn.Parameter]:
        """The language model, as far as it learns."""
        return self.module.shared()

    def begin_epoch(self, epoch: int) -> None:
        """Thaw what this epoch thaws."""
        self.module.language.begin_epoch(epoch, self.module.words_head)

    def batches(self, epoch: int) -> Iterator[Rows]:
        """Rows of every loss; those of small files come round more often."""
        for step in range(epoch * self.n_batches, (epoch + 1) * self.n_batches):
            places = {
                name: self._orders[name].rows(step * n, n) for name, n in self._counts.items()
            }
            yield Rows(
                [self._corpus.words.train[i] for i in places.get("words", ())],
                {
                    name: [held.train[i] for i in places[name]]
                    for name, held in self._corpus.pairs.items()
                    if name in places
                },
                self._seed * 1_000_003 + step,
            )

    def losses(self, batch: Rows) -> dict[str, Tensor]:
        """One scalar a loss."""
        found = {}
        if batch.words:
            found["words"] = self.module.words(batch.words, batch.seed).loss
        for name, pairs in batch.pairs.items():
            found[name] = self.module.pairs(pairs, self._right[name], self._contrast)
        return found

    def validate(self) -> dict[str, float]:
        """Of what is held out: perplexity and accuracy of hidden tokens, MRR of pairs.

        The perplexity is e to the mean loss of a hidden token, not that of a text's next word.
        """
        found = {}
        if "words" in self.weights and (texts := self._corpus.words.held_out):
            loss, n_right, n = 0.0, 0, 0
            for start in range(0, len(texts), _TOGETHER):
                said = self.module.words(texts[start : start + _TOGETHER], _MEASURED + start)
                loss += float(said.loss) * said.n
                n_right, n = n_right + said.n_right, n + said.n
            if n:
                found = {"words.perplexity": math.exp(loss / n), "words.accuracy": n_right / n}
        for name, held in self._corpus.pairs.items():
            if held.held_out:
                right = self._right[name]
                ranks = reciprocal_ranks(self.module.language, held.held_out, right)
                found[f"{name}.mrr"] = sum(ranks) / len(ranks)
        return found
