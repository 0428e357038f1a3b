"""What a shop's own catalogue says: its brands, its kinds of things, the words of its titles."""

from __future__ import annotations

import difflib
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from scoring.intents.words import content, is_small, phrases, words

LONGEST: Final = 3
LONGEST_NAME: Final = 6
FEW: Final = 5  # titles at most that share what is the name of one product
# Where a title stops saying what the thing is and says what it is like.
_TAIL: Final = re.compile(r"\s(?:in|with|for|by|from|at|w/)\s|[(,:;|]|\s[-–—/]\s", re.IGNORECASE)
_LONG: Final = 5  # letters; shorter words are too near to each other
_NEARLY: Final = 0.83  # of difflib: a letter of six
_BETWEEN: Final = re.compile(r"[/>|,&]")
_PARTS: Final = re.compile(r"\s*[:(|)]\s*|\s[-–—]\s")
_LEAST: Final = 3  # titles that must agree on a brand
_LEAST_OF_KIND: Final = 5  # … and things that are called the same
_SHARE_OF_TITLES: Final = 1e-4  # … and so much of a large catalogue
_AHEAD: Final = 0.7  # a brand stands first, nearly wherever it stands
_UNFINISHED: Final = 0.9  # "call" is none where it is nearly always "call of"


@dataclass(frozen=True, slots=True)
class CatalogueItem:
    """What rules want to know of an item.

    Attributes:
        title: As shown.
        brand: As the catalogue says it; '' = it does not.
        category: The same.
    """

    title: str
    brand: str = ""
    category: str = ""


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The words of one catalogue; none are built in.

    Attributes:
        brands: Makers and series, as phrases of `words`.
        kinds: Kinds of things, the same.
        names: Parts of titles, between colons, dashes and brackets, that few titles have.
        places: Word -> numbers of the titles that have it; words of brands and kinds are there,
            with none perhaps.
        spellings: First letter -> words of `places` that are long enough to be misspelt.
    """

    brands: frozenset[str]
    kinds: frozenset[str]
    names: frozenset[str]
    places: dict[str, frozenset[int]]
    spellings: dict[str, tuple[str, ...]]

    def spelt(self, word: str) -> str:
        """The word, or the one that is meant by it if the catalogue has one that is nearly so."""
        if word in self.places or len(word) < _LONG or _is_number(word):
            return word
        near = difflib.get_close_matches(word, self.spellings.get(word[0], ()), 1, _NEARLY)
        return near[0] if near else word

    def titles_with(self, found: Sequence[str]) -> frozenset[int]:
        """Numbers of the titles that have all of these words."""
        sets = sorted((self.places.get(word, frozenset()) for word in found), key=len)
        return frozenset.intersection(*sets) if sets else frozenset()


def read_vocabulary(items: Iterable[CatalogueItem]) -> Vocabulary:
    """Brands and kinds as the catalogue names them; where it does not, as its titles show them.

    Titles are asked for brands if no item has one, and for kinds if their own item has none.

    A brand is then what titles begin with: 1 … 3 words that stand first in 7 of 10 titles that
    have them. A kind is what titles, up to their first comma, bracket or preposition, end with,
    or what they say after their last dash.
    """
    every = list(dict.fromkeys(items))
    titles = [words(item.title) for item in every]
    heads = [words(_TAIL.split(item.title.strip(), maxsplit=1)[0]) for item in every]
    least = max(_LEAST, round(_SHARE_OF_TITLES * len(every)))
    kinds = {
        phrase
        for item in every
        for part in (item.category, *_BETWEEN.split(item.category))
        if (phrase := " ".join(words(part)))
    }
    kinds |= {phrase.split()[-1] for phrase in kinds}  # "accent chair" is a chair
    plain = [place for place, item in enumerate(every) if not item.category]
    kinds |= _ends([heads[place] for place in plain], max(least, _LEAST_OF_KIND))
    kinds |= _last_parts([every[place] for place in plain], least)
    brands = {" ".join(words(item.brand)) for item in every if item.brand}
    if not brands:
        brands = _beginnings(titles, least) - kinds
    places: defaultdict[str, set[int]] = defaultdict(set)
    for word in (word for phrase in brands | kinds for word in phrase.split()):
        places[word] = set()
    for number, title in enumerate(titles):
        for word in title:
            places[word].add(number)
    spellings: defaultdict[str, list[str]] = defaultdict(list)
    for word in sorted(places):
        if len(word) >= _LONG and not _is_number(word):
            spellings[word[0]].append(word)
    return Vocabulary(
        brands=frozenset(brands - {""}),
        kinds=frozenset(kinds - {""}),
        names=frozenset(_names(every, titles) - kinds - brands),
        places={word: frozenset(found) for word, found in places.items()},
        spellings={letter: tuple(found) for letter, found in spellings.items()},
    )


def _ends(heads: Sequence[Sequence[str]], least: int) -> set[str]:
    counts = Counter(
        " ".join(head[-n:])
        for head in set(map(tuple, heads))
        for n in range(1, LONGEST + 1)
        if len(head) >= n
    )
    return {
        phrase
        for phrase, count in counts.items()
        if count >= least and not _is_number(phrase.split()[-1]) and not is_small(phrase.split()[0])
    }


def _beginnings(titles: Sequence[Sequence[str]], least: int) -> set[str]:
    first = Counter(
        " ".join(title[:n]) for title in titles for n in range(1, LONGEST + 1) if len(title) > n
    )
    often = {
        phrase
        for phrase, count in first.items()
        if count >= least
        and content(phrase.split())
        and not is_small(phrase.split()[-1])
        and not any(_is_number(word) for word in phrase.split())
    }
    anywhere = Counter(
        phrase for title in titles for phrase in phrases(title, LONGEST) if phrase in often
    )
    longer = Counter(" ".join(title[:n]) for title in titles for n in range(2, LONGEST + 2))
    most: Counter[str] = Counter()
    for phrase, count in longer.items():
        start = phrase.rpartition(" ")[0]
        most[start] = max(most[start], count)
    return {
        phrase
        for phrase in often
        if first[phrase] >= _AHEAD * anywhere[phrase] and most[phrase] < _UNFINISHED * first[phrase]
    }


def _last_parts(items: Sequence[CatalogueItem], least: int) -> set[str]:
    parts = (re.split(r"\s[-–—]\s", item.title) for item in items)
    counts = Counter(" ".join(words(part[-1])) for part in parts if len(part) > 1)
    return {phrase for phrase, count in counts.items() if count >= least}


def _names(items: Sequence[CatalogueItem], titles: Sequence[Sequence[str]]) -> set[str]:
    parts = {
        " ".join(found)
        for item in items
        for part in _PARTS.split(item.title)
        if len(found := words(part)) <= LONGEST_NAME
        and any(not _is_number(word) and len(word) > 2 for word in found)
    }
    counts = Counter(
        phrase for title in titles for phrase in phrases(title, LONGEST_NAME) if phrase in parts
    )
    return {phrase for phrase in parts if counts[phrase] <= FEW}


def _is_number(word: str) -> bool:
    return any(letter.isdigit() for letter in word)
