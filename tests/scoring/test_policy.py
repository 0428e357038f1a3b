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
        ({"candidates": 1_000_000_000}, "candidates is 1000000000, it must be 1 to 10000"),
        ({"candidates": 10**400}, "it must be 1 to 10000"),
        ({"quotas": {"tables": 10**30}}, "0 to 10000 each"),
        ({"search_hit": math.nan}, "finite"),
        ({"weight_search": math.nan}, "weight_search is nan"),
        ({"weight_search": 1e39}, "weight_search is 1e[+]39, it must be -100000 to 100000"),
        ({"weight_value": -1e6}, "weight_value is -1000000.0"),
        ({"type_weights": {"view": math.inf}}, "type_weights of .'view'."),
        ({"type_weights": {"view": 1e38}}, "type_weights of .'view'."),
        ({"temperature": 1e10}, "temperature is 10000000000.0"),
        ({"weight_deviation": 1e-200}, "weight_deviation is 1e-200"),
        ({"weight_deviation": 1e200}, "weight_deviation is 1e[+]200"),
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
