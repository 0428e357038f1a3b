"""Which words may stand for each other: as a file says, or as the encoder's word vectors do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from string import punctuation
from typing import Final

import torch
from torch import Tensor
from torch.nn.functional import normalize

from scoring.errors import RecipeError

_AT_MOST: Final = 3
# In MiniLM "cheap" is .57 from "expensive" and "red" .53 from "blue"; "sofa" is .66 from "couch".
_LEAST_COSINE: Final = 0.6
_TOGETHER: Final = 512


def read_synonyms(file: Path) -> dict[str, tuple[str, ...]]:
    """Word in lower case -> the others of all lines that it is in.

    Args:
        file: Lines of words or phrases with commas between: ``sofa, couch, settee``. Blank lines
            and what follows a ``#`` mean nothing.

    Raises:
        RecipeError: There is no such file, or a line with fewer than two words.
    """
    if not file.is_file():
        raise RecipeError(f"{file} is not a file: augmentation.synonym_file names it")
    found: dict[str, list[str]] = {}
    for number, line in enumerate(file.read_text("utf-8").splitlines(), start=1):
        said = line.split("#")[0].strip()
        group = [word for part in said.split(",") if (word := " ".join(part.split()))]
        if said and len(group) < 2:
            raise RecipeError(
                f"{file}:{number}: {said!r} is no line of two words or more with commas between"
            )
        for word in group:
            others = found.setdefault(word.lower(), [])
            others += [other for other in group if other != word and other not in others]
    return {word: tuple(others) for word, others in found.items()}


def nearest_words(
    words: Sequence[str], vectors: Tensor, asked: Iterable[str]
) -> dict[str, tuple[str, ...]]:
    """Word -> at most three others that are near it; words without any have no entry.

    They are other forms of it as often as synonyms of it, and now and then its opposite: what is
    near in these vectors stands in the same places.

    Args:
        words: V, in lower case.
        vectors: (V, d), theirs.
        asked: Words in any case; those that are not among V are passed over.
    """
    places = {word: place for place, word in enumerate(words)}
    wanted = sorted({word.lower() for word in asked} & places.keys())
    units = normalize(vectors, dim=1)  # (V, d)
    found = {}
    for start in range(0, len(wanted), _TOGETHER):
        part = wanted[start : start + _TOGETHER]
        own = torch.tensor([places[word] for word in part])
        cosines = units[own] @ units.T  # (n, V)
        cosines[torch.arange(len(part)), own] = -1.0
        values, nearest = cosines.topk(min(_AT_MOST, len(words)), dim=1)  # (n, 3)
        for word, near, which in zip(part, values.tolist(), nearest.tolist(), strict=True):
            others = [words[w] for w, c in zip(which, near, strict=True) if c >= _LEAST_COSINE]
            if others:
                found[word] = tuple(others)
    return found


def words_of(texts: Iterable[str]) -> set[str]:
    """All words, without the marks around them."""
    return {word.strip(punctuation) for text in texts for word in text.split()}
