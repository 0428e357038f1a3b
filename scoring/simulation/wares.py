"""What the simulated shop sells, as its shoppers see it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

DIM: Final = 8
"""Numbers of a taste, and of an item."""

N_KINDS: Final = 20
LURE_AGAINST_QUALITY: Final = -0.5
"""Correlation of how clickable an item looks with how good it is: clickbait exists."""

LOG_PRICE_MEAN: Final = 0.63
LOG_PRICE_SD: Final = 1.05
"""Of the 3,659 items of UCI Online Retail, in pounds."""

_KIND_SHARE: Final = 0.7
_WORD: Final = re.compile(r"[^\W\d_]{3,}")


@dataclass(frozen=True, slots=True)
class Wares:
    """N items.

    Attributes:
        vectors: (N, 8) float64 of length 1: what an item is about.
        kinds: (N,) int64 from 0, its category.
        n_kinds: How many categories.
        lures: (N,) float64, standard scores: how clickable it looks, whatever it is.
        qualities: (N,) float64, standard scores: how good it is for whoever clicks it.
        log_prices: (N,) float64, logarithm of the price.
        popularity: (N,) float64, standard scores.
    """

    vectors: NDArray[np.float64]
    kinds: NDArray[np.int64]
    n_kinds: int
    lures: NDArray[np.float64]
    qualities: NDArray[np.float64]
    log_prices: NDArray[np.float64]
    popularity: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.kinds)

    @classmethod
    def invented(
        cls,
        n_items: int = 400,
        seed: int = 0,
    ) -> Wares:
        """A shop out of nothing: 20 categories, each around a direction of its own."""
        rng = np.random.default_rng([seed, n_items])
        kinds = rng.integers(0, N_KINDS, n_items)
        centres = unit(rng.standard_normal((N_KINDS, DIM)))
        own = unit(rng.standard_normal((n_items, DIM)))
        log_prices = LOG_PRICE_MEAN + LOG_PRICE_SD * rng.standard_normal(n_items)
        vectors = unit(_KIND_SHARE * centres[kinds] + (1 - _KIND_SHARE) * own)
        return cls._with_looks(vectors, kinds, N_KINDS, log_prices, rng)

    @classmethod
    def of_items(
        cls,
        texts: Sequence[str],
        categories: Sequence[str | None],
        prices: Sequence[float | None],
        seed: int = 0,
    ) -> Wares:
        """A real catalogue: what an item is about comes from its words, the price is its own.

        A word is a random direction, an item the sum of its words' directions: so a taste is a
        taste for words, which an encoder of texts can learn. An item without a category is of the
        kind that its vector is nearest to. How clickable and how good it is, nobody has logged:
        that is drawn.

        Raises:
            ValueError: Nothing to sell, or rows of different lengths.
        """
        if not texts or not len(texts) == len(categories) == len(prices):
            raise ValueError(
                f"{len(texts)} texts, {len(categories)} categories and {len(prices)} prices"
            )
        rng = np.random.default_rng([seed, len(texts)])
        vectors = unit(np.stack([_of_words(text) for text in texts]))
        names = sorted({name for name in categories if name is not None})
        code = {name: number for number, name in enumerate(names)}
        centres = unit(rng.standard_normal((N_KINDS, DIM)))
        nearest = len(names) + (vectors @ centres.T).argmax(axis=1)
        known = np.array([-1 if name is None else code[name] for name in categories])
        kinds = np.where(known >= 0, known, nearest)
        given = np.array([np.nan if price is None else price for price in prices], np.float64)
        given[~(given > 0)] = np.nan
        middle = 0.0 if np.isnan(given).all() else float(np.nanmedian(np.log(given)))
        log_prices = np.where(np.isnan(given), middle, np.log(np.maximum(given, 1e-9)))
        return cls._with_looks(vectors, kinds, len(names) + N_KINDS, log_prices, rng)

    @classmethod
    def _with_looks(
        cls,
        vectors: NDArray[np.float64],
        kinds: NDArray[np.int64],
        n_kinds: int,
        log_prices: NDArray[np.float64],
        rng: np.random.Generator,
    ) -> Wares:
        n_items = len(kinds)
        lures = rng.standard_normal(n_items)
        rest = np.sqrt(1 - LURE_AGAINST_QUALITY**2)
        return cls(
            vectors=vectors,
            kinds=kinds.astype(np.int64),
            n_kinds=n_kinds,
            lures=lures,
            qualities=LURE_AGAINST_QUALITY * lures + rest * rng.standard_normal(n_items),
            log_prices=log_prices,
            popularity=0.5 * lures + np.sqrt(0.75) * rng.standard_normal(n_items),
        )


def _of_words(text: str) -> NDArray[np.float64]:
    """(8,) sum of the directions of a text's words; of the text itself where it has none."""
    words = _WORD.findall(text.lower()) or [text]
    seeds = [hashlib.blake2b(word.encode(), digest_size=8).digest() for word in words]
    directions = [
        np.random.default_rng(int.from_bytes(each, "little")).standard_normal(DIM) for each in seeds
    ]
    found: NDArray[np.float64] = np.sum(directions, axis=0)
    return found


def unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """(..., D) scaled to length 1."""
    found: NDArray[np.float64] = vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)
    return found
