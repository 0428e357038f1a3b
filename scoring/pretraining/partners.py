"""Which texts belong together, and how far ahead of all others a model puts them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

from torch.nn.functional import normalize

from scoring.language.model import LanguageModel
from scoring.pretraining.corpus import Pair


def partners(pairs: Sequence[Pair]) -> dict[str, set[str]]:
    """All that is right for each left side."""
    found: dict[str, set[str]] = {}
    for asked, right in pairs:
        found.setdefault(asked, set()).add(right)
    return found


def reciprocal_ranks(
    language: LanguageModel, pairs: Sequence[Pair], right: Mapping[str, Set[str]]
) -> list[float]:
    """1 / rank of each pair's right side among all right sides that there are.

    What else is right for the same left side is not counted as ahead. Ties count half.

    Args:
        language: Its vectors are compared by their cosine.
        pairs: (n) to be measured.
        right: By left side.
    """
    asked = {text: place for place, text in enumerate(dict.fromkeys(a for a, _ in pairs))}
    found = {text: place for place, text in enumerate(dict.fromkeys(b for _, b in pairs))}
    scores = (
        normalize(language.vectors(list(asked)), dim=1)
        @ normalize(language.vectors(list(found)), dim=1).T
    )  # (asked, found)
    ranks = []
    for a, b in pairs:
        row, own = scores[asked[a]], scores[asked[a], found[b]]
        others = [found[text] for text in right[a] if text != b and text in found]
        ahead, equal = (row > own), (row == own)
        ahead[others], equal[others] = False, False
        ranks.append(1 / (1 + int(ahead.sum()) + (int(equal.sum()) - 1) / 2))
    return ranks
