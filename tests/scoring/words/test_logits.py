"""TF-IDF and logistic regression: against scikit-learn's own pipeline."""

from __future__ import annotations

import pytest
import torch
from sklearn.feature_extraction.text import HashingVectorizer, TfidfTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline, make_union

from scoring.words.logits import WordLogits
from tests.scoring.training.shop_rows import colour, texts

H = 64


@pytest.mark.parametrize("colours", [("red", "blue"), ("red", "blue", "green")])
def test_probabilities_are_those_of_the_library(colours: tuple[str, ...]) -> None:
    """Of two labels too, where its regression has one logit and ours two."""
    learned = [f"{text} {text[:5]}" for text in texts() if colour(text) in colours]
    labels = [colour(text) for text in learned]
    sides = [
        make_pipeline(
            HashingVectorizer(n_features=H, alternate_sign=False, norm=None, **how),
            TfidfTransformer(sublinear_tf=True),
        )
        for how in (
            {"analyzer": "word", "ngram_range": (1, 2)},
            {"analyzer": "char_wb", "ngram_range": (2, 5)},
        )
    ]
    theirs = make_pipeline(make_union(*sides), LogisticRegression(C=5.0)).fit(learned, labels)
    ours = WordLogits(H, len(colours))
    ours.learn(learned, labels, strength=5.0)
    asked = [*learned[:20], "a red bike, and a blue one", "!", "café"]
    expected = torch.from_numpy(theirs.predict_proba(asked)).float()
    torch.testing.assert_close(ours(asked).softmax(dim=1), expected, atol=2e-3, rtol=0)
    assert (
        ours(learned).argmax(dim=1) == torch.from_numpy(theirs.predict_proba(learned)).argmax(dim=1)
    ).all()


def test_a_column_of_a_saved_model_is_the_same_for_ever() -> None:
    """It is known by its hash alone: another hash would make every saved model guess."""
    known = WordLogits(2**20, 1)
    known.weight.copy_(torch.arange(2**21).unsqueeze(1) / 2**21)
    assert float(known(["red"])) == pytest.approx(2.91399, abs=1e-4)
