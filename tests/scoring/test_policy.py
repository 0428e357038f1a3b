"""Policy: its version is its numbers, and what cannot make a list is refused."""

import math
from typing import Any

import pytest

from scoring import Policy, PolicyError
from scoring.policy import TYPE_WEIGHTS


def test_equal_numbers_have_one_version_and_other_numbers_another() -> None:
    assert Policy().version == Policy(type_weights=dict(sorted(TYPE_WEIGHTS.items()))).version
    assert Policy(weight_search=2.1).version != Policy().version
    assert Policy(type_weights={**TYPE_WEIGHTS, "view": 2.0}).version != Policy().version


@pytest.mark.parametrize(
    ("numbers", "complaint"),
    [
        ({"slate_size": 0}, "slate_size is 0"),
        ({"slate_size": 201, "candidates": 300}, "slate_size is 201"),
        ({"slate_size": 20, "candidates": 10}, "fewer than slate_size = 20"),
        ({"weight_search": math.nan}, "finite"),
        ({"type_weights": {"view": math.inf}}, "finite"),
        ({"type_weights": {"veiw": 1.0}}, "veiw"),
        ({"short_half_life_ms": 0}, "half-lives"),
        ({"least_evidence": 0}, "least_evidence"),
        ({"search_effort": 0}, "search_effort"),
        ({"centroid_share": 1.5}, "centroid_share is 1.5"),
    ],
)
def test_a_number_out_of_its_range_is_refused(numbers: dict[str, Any], complaint: str) -> None:
    with pytest.raises(PolicyError, match=complaint):
        Policy(**numbers)
