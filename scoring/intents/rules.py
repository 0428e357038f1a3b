"""Weak rules for the intent of a shop's search; the first that holds is the label.

They are heuristics, not truth: docs/search-intents.md says how often one reader agreed with them.
Phrases are English. Brands and kinds of things are those of the catalogue that is given.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from scoring.intents.vocabulary import FEW, LONGEST, LONGEST_NAME, Vocabulary
from scoring.intents.words import content, folded, phrases, words

NONE: Final = "none"
LABELS: Final = ("discounts", "new_arrivals", "brand", "category", "product", "service", NONE)

HELP: Final = (
    r"(?:order|delivery|shipping|account|refund|repair|rebate) status",
    r"track(?:ing)? (?:my |an )?(?:order|package|parcel)",
    r"my (?:order|account|delivery|package|parcel|refund)|where is my",
    r"return policy|^returns?$|returning|refunds?|exchange policy|cancel",
    r"how (?:do|can) i (?:return|order|pay|cancel|track|contact)",
    r"customer (?:service|care|support)|contact(?: us)?$|(?:phone|telephone) number",
    r"(?:store|opening|holiday) (?:hours|locations?|locator)|near me|nearest store",
    r"credit card|financing|gift card balance|price match",
    r"warranty|warranties|protection plan|repair (?:service|shop)",
    r"(?:^|tool |truck )rentals?|for rent|installation(?: services?)?$|installers?",
    r"trade.?in|careers?|jobs$|(?:free |same.day |home )(?:delivery|shipping)|store pick ?up",
)
PRICE: Final = (
    r"(?:on )?sales?|clearance|close.?outs?|coupons?|discount(?:s|ed)?|deals?|bargains?",
    r"cheap(?:er|est)?|promo(?:s|tions?|tional)?|rebates?|black friday|cyber monday",
    r"specials|special offers?|half price|reduced|\d+ ?% off|save money",
)
NEWNESS: Final = (
    r"new (?:arrivals?|releases?|items?|products?|in|collection|movies?|(?:video )?games?)",
    r"what'?s new|latest|newest|coming soon|upcoming|just (?:in|arrived|released)",
    r"pre.?orders?|pre.?ordering|release dates?",
)
_SENTENCE: Final = 4
_ASKS: Final = re.compile(
    r"(?:i|i'm|i've|my|we|you|if|does|do|is|are|was|will|can|could|would|should|has|have|did|what|"
    r"what's|why|how|where|when|which|who|please|there|it|this)\b"
)
_CODE: Final = re.compile(r"(?=\w*[a-z])(?=(?:\w*\d){2})[a-z0-9][a-z0-9-]{3,}|\d{6,}")
_MEASURE: Final = re.compile(
    r"[\d./x-]+(?:in|inch|ft|feet|foot|cm|mm|m|yd|gal|gallon|qt|oz|lb|kg|g|w|watt|v|volt|a|amp|"
    r"ah|k|hp|btu|psi|gb|tb|mb|mp|hz|p|d|x|pc|piece|pack|count|light|year|yr|gauge|ga|th)?s?"
    r"|\d+(?:[xw]\d+)+\w{0,2}|(?:xbox|ps|mp)\d+"
)

Test = Callable[["Asked", Vocabulary], bool]


@dataclass(frozen=True, slots=True)
class Asked:
    """A query as rules look at it.

    Attributes:
        text: In small letters, blanks collapsed.
        words: Its words, singular, spelt as the catalogue spells them.
    """

    text: str
    words: tuple[str, ...]

    @property
    def phrases(self) -> set[str]:
        """All runs of up to three words."""
        return phrases(self.words, LONGEST)


@dataclass(frozen=True, slots=True)
class Rule:
    """One reason for a label.

    Attributes:
        name: Shown beside the label.
        label: One of `LABELS`.
        holds: Whether it does.
    """

    name: str
    label: str
    holds: Test


@dataclass(frozen=True, slots=True)
class Labelled:
    """A weak label.

    Attributes:
        label: One of `LABELS`.
        rule: Name of the rule that gave it; '' for none.
    """

    label: str
    rule: str


def said(*patterns: str) -> Test:
    """The query has words that one of these patterns matches."""
    compiled = re.compile(rf"\b(?:{'|'.join(patterns)})(?![\w-])")
    return lambda asked, vocabulary: compiled.search(asked.text) is not None


def _new_thing(asked: Asked, vocabulary: Vocabulary) -> bool:
    rest = Asked(asked.text.removeprefix("new "), asked.words[1:])
    return asked.text.startswith("new ") and (_brand(rest, vocabulary) or _kind(rest, vocabulary))


def _code(asked: Asked, vocabulary: Vocabulary) -> bool:
    tokens = re.split(r"[\s,;:/]+", asked.text)
    return any(_CODE.fullmatch(token) and not _MEASURE.fullmatch(token) for token in tokens)


def _name(asked: Asked, vocabulary: Vocabulary) -> bool:
    return not vocabulary.names.isdisjoint(phrases(asked.words, LONGEST_NAME))


def _few_titles(asked: Asked, vocabulary: Vocabulary) -> bool:
    """A brand and a word that is of no kind of things, together in a few titles."""
    brands = vocabulary.brands & asked.phrases
    kinds = vocabulary.kinds & asked.phrases
    spent = {word for phrase in brands | kinds for word in phrase.split()}
    own = [word for word in content(asked.words) if word not in spent]
    return (
        bool(brands)
        and any(len(word) > 2 and not _MEASURE.fullmatch(word) for word in own)
        and 0 < len(vocabulary.titles_with(content(asked.words))) <= FEW
    )


def _question(asked: Asked, vocabulary: Vocabulary) -> bool:
    """A sentence: it wants an answer, not things."""
    return len(asked.words) >= _SENTENCE and _ASKS.match(asked.text) is not None


def _in_titles(asked: Asked, vocabulary: Vocabulary) -> bool:
    """Each of its words, and one at least that is no number, is in some titles."""
    own = [word for word in content(asked.words) if not _MEASURE.fullmatch(word)]
    return bool(own) and all(len(vocabulary.places.get(word, ())) >= FEW for word in own)


def _brand(asked: Asked, vocabulary: Vocabulary) -> bool:
    return not vocabulary.brands.isdisjoint(asked.phrases)


def _kind(asked: Asked, vocabulary: Vocabulary) -> bool:
    return not vocabulary.kinds.isdisjoint(asked.phrases)


RULES: Final = (
    Rule("help", "service", said(*HELP)),
    Rule("price", "discounts", said(*PRICE)),
    Rule("newness", "new_arrivals", said(*NEWNESS)),
    Rule("a question", NONE, _question),
    Rule("a new kind", "new_arrivals", _new_thing),
    Rule("a code", "product", _code),
    Rule("a name", "product", _name),
    Rule("few titles", "product", _few_titles),
    Rule("a brand", "brand", _brand),
    Rule("a kind", "category", _kind),
    Rule("words of titles", "category", _in_titles),
)


def weak_label(query: str, vocabulary: Vocabulary) -> Labelled:
    """The label of the first rule that holds; none where none does."""
    text = folded(query)
    asked = Asked(text, tuple(map(vocabulary.spelt, words(text))))
    for rule in RULES:
        if rule.holds(asked, vocabulary):
            return Labelled(rule.label, rule.name)
    return Labelled(NONE, "")
