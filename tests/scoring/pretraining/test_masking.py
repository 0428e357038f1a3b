"""Which words are hidden, and how."""

from __future__ import annotations

import random
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from scoring.pretraining.masking import Masker
from scoring.pretraining.recipe import Masking

MASK, N_WORDS = 999, 900
# [CLS] un ##pre ##ten ##tious cable [SEP] [PAD]
WORDS = [None, 0, 0, 0, 0, 1, None, None]
IDS = [101, 11, 12, 13, 14, 15, 102, 0]


def masker(share: float, *, whole_words: bool = True) -> Masker:
    return Masker(Masking(share=share, whole_words=whole_words), MASK, N_WORDS)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=30), st.floats(0.01, 0.9), st.integers())
def test_whole_words_up_to_the_share_and_one_at_least(
    lengths: list[int], share: float, seed: int
) -> None:
    words = [None, *(word for word, n in enumerate(lengths) for _ in range(n)), None]
    hidden = masker(share).hide(list(range(len(words))), words, random.Random(seed))[1]
    chosen = Counter(words[place] for place in hidden)
    assert hidden == sorted(set(hidden))
    assert None not in chosen
    assert all(n == lengths[word] for word, n in chosen.items() if word is not None)
    assert chosen
    if len(chosen) > 1:
        assert len(hidden) <= max(1, round(share * sum(lengths)))


def test_tokens_for_themselves_reach_the_share() -> None:
    hidden = masker(0.6, whole_words=False).hide(IDS, WORDS, random.Random(1))[1]
    assert len(hidden) == 3
    assert set(hidden) <= {1, 2, 3, 4, 5}


def test_eight_in_ten_are_masked_one_is_another_word_one_stays() -> None:
    """Devlin et al. 2019; 5,000 tokens, so that a share is wrong by .02 once in ten thousand."""
    draw, ids = random.Random(3), [N_WORDS + 5] * 50  # no random word is the same
    fates: Counter[str] = Counter()
    for _ in range(1_000):
        changed, hidden = masker(0.1).hide(ids, range(50), draw)
        assert len(hidden) == 5
        assert [changed[p] for p in range(50) if p not in hidden] == [N_WORDS + 5] * 45
        for place in hidden:
            now = changed[place]
            fates["mask" if now == MASK else "same" if now == N_WORDS + 5 else "other"] += 1
            assert now == MASK or now == N_WORDS + 5 or 0 <= now < N_WORDS
    assert abs(fates["mask"] - 4_000) < 110
    assert abs(fates["other"] - 500) < 85
    assert abs(fates["same"] - 500) < 85


def test_the_same_seed_hides_the_same_and_the_ids_stay_as_they_were() -> None:
    before = list(IDS)
    first, second = (masker(0.4).hide(IDS, WORDS, random.Random(7)) for _ in range(2))
    assert first == second
    assert before == IDS
