"""Blocked words: what one pattern of them all would find."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scoring.rules.blocked_words import BlockedWords, _alike


@pytest.mark.parametrize(
    ("word", "title", "is_in"),
    [
        ("tea", "Green TEA, loose", True),
        ("tea", "Teapot", False),
        ("gift  card", "A Gift\tCARD", True),
        ("gift card", "gift of a card", False),
        ("c++", "Learn C++ today", True),
        ("c++", "Learn C+ today", False),
        ("++", "Learn C ++ today", True),
        ("sale", "\u017fale", True),
        ("istanbul", "\u0130stanbul", True),
        ("stra\xdfe", "STRA\u1e9eE", True),
        ("\xb5m", "50 \u039cM", True),
    ],
)
def test_whole_words_are_found_whatever_their_capitals(word: str, title: str, is_in: bool) -> None:
    assert BlockedWords([word]).are_in(title) == is_in
    assert BlockedWords(["another", word, "word"]).are_in(title) == is_in
    assert not BlockedWords([]).are_in(title)


_texts = st.text(
    st.sampled_from("aAbi\u0131\u0130s\u017f\xdf\u1e9e\xb5+-_1 \t"), min_size=1, max_size=8
)


@given(st.lists(_texts.filter(str.strip), min_size=1, max_size=5), _texts)
def test_it_is_what_one_pattern_says(words: list[str], title: str) -> None:
    either = "|".join(r"\s+".join(map(re.escape, word.split())) for word in words)
    pattern = re.compile(rf"(?<!\w)(?:{either})(?!\w)", re.IGNORECASE)
    assert BlockedWords(words).are_in(title) == (pattern.search(title) is not None)


def test_no_two_letters_are_taken_for_one_by_patterns_alone() -> None:
    """Else a word would not be looked for in titles that have it."""
    every = map(chr, range(0x20000))
    letters = [each for each in every if len({each, each.lower(), each.upper()}) > 1]
    assert len(letters) > 2_000
    for letter in letters:
        same = re.findall(re.escape(letter), "".join(letters), re.IGNORECASE)
        assert {_alike(each) for each in same} == {_alike(letter)}
