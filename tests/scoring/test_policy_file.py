"""Policy files: what they name holds, and what no policy has is refused with the nearest name."""

from pathlib import Path
from typing import Any

import pytest

from scoring import Policy, PolicyError
from scoring.policy_file import read_numbers, with_numbers, write_numbers


def test_what_was_written_is_read_and_has_the_same_version(tmp_path: Path) -> None:
    numbers: dict[str, Any] = {
        "weight_repeat": 2.125,
        "long_half_life_ms": 5e9,
        "draw": "softmax",
        "category_cap": 3,
        "quotas": {"related": 5, "new_items": 0},
        "type_weights": {"view": 0.5, "return": -1e-7},
    }
    file = tmp_path / "policy.toml"
    write_numbers(file, numbers, "tuned\non something")
    assert read_numbers(file) == numbers
    assert with_numbers(Policy(), read_numbers(file), "it").version == Policy(**numbers).version
    assert file.read_text().startswith("# tuned\n# on something\n")


def test_words_of_any_letters_are_read_as_they_were_written(tmp_path: Path) -> None:
    """As in the path of a ranker; JSON would write the last as two halves, which TOML refuses."""
    said = {"draw": 'caf\xe9 "\\ \u6771 \U0001f680'}
    write_numbers(tmp_path / "policy.toml", said, "")
    assert read_numbers(tmp_path / "policy.toml") == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("weight_repaet = 1.0", "did you mean weight_repeat"),
        ('weight_repeat = "high"', "weight_repeat: Expected `float`, got `str`"),
        ("slate_size = 2.5", "slate_size: Expected `int`"),
        ('[quotas]\nrelated = "all"', "quotas"),
        ("= 1", "is no policy file"),
    ],
)
def test_a_file_that_means_nothing_is_refused(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "policy.toml"
    file.write_text(text)
    with pytest.raises(PolicyError, match=said):
        read_numbers(file)


def test_numbers_that_make_no_policy_are_refused_with_their_file() -> None:
    with pytest.raises(PolicyError, match=r"policy\.toml: centroid_share is 2"):
        with_numbers(Policy(), {"centroid_share": 2.0}, "policy.toml")
