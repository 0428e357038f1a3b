"""How often rows with a word had a label, as log odds: what ids say of rare events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import betaln, expit, logit

from scoring.behaviour.recipe import BehaviourRecipe, RateSettings
from scoring.training.split import place_of

_FOLDS: Final = 5
_Floats = NDArray[np.float64]


class Rates(msgspec.Struct, frozen=True, kw_only=True):
    """Of the words of a column.

    Attributes:
        odds: Word -> log odds of the label.
        unknown: Those of a word that was not there.
    """

    odds: dict[str, float]
    unknown: float

    def of(self, words: NDArray[Any]) -> NDArray[np.float32]:
        """(n,) words -> (n,) log odds."""
        return np.array([self.odds.get(word, self.unknown) for word in words.tolist()], np.float32)


def learn_rates(words: NDArray[Any], labels: _Floats) -> Rates:
    """Log odds with the beta prior under which the labels of all words are likeliest.

    A word with n rows, s of them with the label, has log((s + a) / (n - s + b)). The a and b are
    of this column and label (empirical Bayes: Efron, Large-Scale Inference, 2010, chapter 1): where
    words differ much, few rows of one are believed.

    Args:
        words: (n,); '' is one like any other.
        labels: (n,) 0 or 1, NaN where not observed.
    """
    seen = ~np.isnan(labels)
    known, places = np.unique(words[seen], return_inverse=True)
    yes = np.bincount(places, labels[seen], len(known)).astype(np.float64)
    no = np.bincount(places, minlength=len(known)) - yes
    a, b = _likeliest_prior(yes, no)
    odds = np.log((yes + a) / (no + b))
    return Rates(
        odds=dict(zip(known.tolist(), odds.tolist(), strict=True)), unknown=float(np.log(a / b))
    )


def every_rate(
    recipe: BehaviourRecipe, columns: Mapping[str, NDArray[Any]], labels: Mapping[str, NDArray[Any]]
) -> dict[str, Rates]:
    """Feature -> its rates, of all rows."""
    return {
        name: learn_rates(columns[name], labels[feature.of][:, 0])
        for name, feature in _rate_features(recipe).items()
    }


def cross_fitted(
    recipe: BehaviourRecipe,
    columns: Mapping[str, NDArray[Any]],
    labels: Mapping[str, NDArray[Any]],
    keys: Sequence[str],
) -> dict[str, NDArray[Any]]:
    """The same columns, with words of rates as (n,) log odds that know nothing of their own row.

    Each of five folds has the rates of the other four (Micci-Barreca, SIGKDD Explorations 3(1),
    2001, without folds, learns its own labels by heart). Rows of one key are in one fold: a word
    that never comes again in another key is as unknown in training as it will be later.

    Args:
        recipe: Which are rates.
        columns: Name -> (n, …).
        labels: Task -> (n, k).
        keys: n, what keeps rows together; '' = a row is by itself.
    """
    found = dict(columns)
    if not (features := _rate_features(recipe)):
        return found
    folds = np.array(
        [
            int(place_of(key or str(row), "rates", recipe.split_seed) * _FOLDS)
            for row, key in enumerate(keys)
        ]
    )
    for name, feature in features.items():
        words, happened = columns[name], labels[feature.of][:, 0]
        odds = np.empty(len(words), np.float32)
        for fold in range(_FOLDS):
            inside = folds == fold
            odds[inside] = learn_rates(words[~inside], happened[~inside]).of(words[inside])
        found[name] = odds
    return found


def _rate_features(recipe: BehaviourRecipe) -> dict[str, RateSettings]:
    return {name: each for name, each in recipe.features.items() if isinstance(each, RateSettings)}


def _likeliest_prior(yes: _Floats, no: _Floats) -> tuple[float, float]:
    """The a and b of that distribution, from (W,) rows of each word with and without the label.

    Its strength a + b and mean have wide normal priors (log strength 1 ± 2, log odds of the mean
    0 ± 5): words that all say the same would have it grow without end.
    """
    pairs, n_words = np.unique(np.stack([yes, no]), axis=1, return_counts=True)

    def loss(at: _Floats) -> float:
        strength, mean = np.exp(at[0]), expit(at[1])
        a, b = strength * mean, strength * (1 - mean)
        likely = n_words @ (betaln(pairs[0] + a, pairs[1] + b) - betaln(a, b))
        return float(((at[0] - 1) / 2) ** 2 / 2 + (at[1] / 5) ** 2 / 2 - likely)

    begin = np.array([1.0, logit((yes.sum() + 0.5) / (yes.sum() + no.sum() + 1))])
    log_strength, log_odds = minimize(loss, begin, method="Nelder-Mead").x
    strength, mean = np.exp(log_strength), expit(log_odds)
    return float(strength * mean), float(strength * (1 - mean))
