"""The check of expressions finds what it is for."""

from __future__ import annotations

import pytest

from tests.deploy.offered import offered
from tests.deploy.promql import problems


@pytest.mark.parametrize(
    ("expression", "wrong"),
    [
        ("sum(rate(rillstream_lists_total[5m]))", []),
        ("sum(rate(rillstream_list_total[5m]))", ["rillstream_list_total is offered by nobody"]),
        ("rillstream_lists_total", ["rillstream_lists_total only ever grows: it needs a rate"]),
        ("rate(rillstream_ready[5m])", ["rillstream_ready is no counter: it has no rate"]),
        ("sum by (topic) (rillstream_ready)", ["rillstream_ready has no ['topic']"]),
        ('rillstream_ready{version="1"}', ["rillstream_ready has no ['version']"]),
        (
            "histogram_quantile(0.9, sum(rate(rillstream_commit_seconds_bucket[5m])))",
            ["rillstream_commit_seconds_bucket: a quantile is of buckets, by le"],
        ),
        (
            "histogram_quantile(0.9, rate(rillstream_commit_seconds_sum[5m]))",
            ["rillstream_commit_seconds_sum: a quantile is of buckets, by le"],
        ),
    ],
)
def test_a_wrong_expression_is_told(expression: str, wrong: list[str]) -> None:
    assert list(problems(expression, offered())) == wrong


def test_what_is_no_promql_is_told() -> None:
    with pytest.raises(ValueError, match="unclosed left parenthesis"):
        list(problems("sum(rate(rillstream_lists_total[5m])", offered()))
