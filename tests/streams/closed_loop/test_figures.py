"""What a loop's report says of its outcomes."""

from __future__ import annotations

import json
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import numpy as np
import pytest

from streams.closed_loop.arms import ARMS
from streams.closed_loop.figures import as_record, figures, served
from streams.closed_loop.outcomes import Outcome
from streams.closed_loop.picture import picture
from streams.closed_loop.report import write_report
from streams.closed_loop.rounds import IN_FORCE, NOT_TAKEN, Round


def outcome(at_s: float, user: str, arm: str, expected: float, *, left: bool = False) -> Outcome:
    return Outcome(
        at_s=at_s,
        user_id=user,
        arm=arm,
        policy_version="p",
        heads_version=None,
        reward=2 * expected,
        expected=expected,
        clicks=1,
        purchases=0,
        left=left,
    )


ROWS = [
    outcome(1, "a", "best", 0.2),
    outcome(9, "a", "best", 0.4, left=True),
    outcome(2, "b", "best", 0.6),
    outcome(3, "c", "learned", 1.0),
    outcome(10, "d", "learned", 2.0),
    outcome(4, "e", "", 9.0),
]


def test_an_arms_lists_are_those_of_its_users_and_of_its_time() -> None:
    best, learned, uniform = figures(ROWS, ARMS, 2)
    assert (best.visits, best.reward.n_users) == (3, 2)
    assert best.reward.value == pytest.approx(0.4)
    assert best.happened.value == pytest.approx(0.8)
    assert best.lifetime.value == pytest.approx(0.6)
    assert best.left.value == pytest.approx(1 / 3)
    assert [part.value for part in best.over_time] == pytest.approx([0.4, 0.4])
    assert [part.value for part in learned.over_time] == pytest.approx([1.0, 2.0])
    assert uniform.visits == 0
    record = as_record([best, learned, uniform], "best")
    assert record[1]["reward_less_best"]["value"] == pytest.approx(1.1)
    assert record[2]["reward"]["value"] is None


def test_what_an_arm_served_is_told_policy_by_policy() -> None:
    promoted = [
        msgspec.structs.replace(row, policy_version="q", heads_version="h") for row in ROWS[3:5]
    ]
    best, first, second = served([*ROWS, *promoted[1:]], ARMS)
    assert (best.arm, best.n_lists, best.n_heads, best.since_s) == ("best", 3, 0, 1)
    assert (first.policy_version, first.n_lists, first.reward.value) == ("p", 2, 1.5)
    assert (second.policy_version, second.n_heads, second.since_s) == ("q", 1, 10)


def test_users_and_not_lists_make_the_interval() -> None:
    """Two users of a hundred equal lists each tell no more than two numbers do."""
    rows = [outcome(n, user, "best", at) for n in range(100) for user, at in (("a", 0), ("b", 1))]
    low, high = figures(rows, ["best"], 1)[0].reward.interval
    assert high - low > 1


def test_the_picture_has_a_line_and_a_band_for_each_arm_that_has_lists() -> None:
    rng = np.random.default_rng(0)
    rows = [
        outcome(float(n % 60), f"{arm}{n % 20}", arm, float(rng.random()))
        for arm in ("best", "learned")
        for n in range(200)
    ]
    drawn = picture(figures(rows, ARMS, 4), 60.0, [(30.0, "round 1: <promoted>")], "Simulated & so")
    root = ElementTree.fromstring(drawn)  # noqa: S314 - our own
    names = [child.tag.rpartition("}")[2] for child in root.iter()]
    assert (names.count("polyline"), names.count("polygon")) == (2, 2)
    assert "round 1: <promoted>" in [child.text for child in root.iter() if child.text]


def test_the_report_says_that_it_is_simulated_and_what_was_refused(tmp_path: Path) -> None:
    made = Round(1, 5.0, "heads", (), "12 lists", NOT_TAKEN, "not enough evidence")
    taken = Round(2, 6.0, "a ranker", (), "9 events", IN_FORCE, "ranker-1")
    record = write_report(tmp_path, ROWS, [made, taken], {"model": "examining", "seconds": 10})
    assert json.loads((tmp_path / "report.json").read_text()) == record
    assert record["simulated"] is True
    page = (tmp_path / "report.md").read_text()
    assert "simulated" in page
    assert "not taken: not enough evidence" in page
    assert (
        "| best | the best by score; from the first ranker on, its newest heads | p | 0.0 |" in page
    )
    assert "| learned | 2 | 2 | 1.5000 |" in page
    drawn = (tmp_path / "reward.svg").read_text()
    assert "imulated" in drawn
    assert "round 2: a ranker" in drawn
    assert "round 1" not in drawn, "nothing came of it"


def test_a_loop_that_ended_before_its_first_list_has_a_report(tmp_path: Path) -> None:
    record = write_report(tmp_path, [], [], {})
    assert [arm["visits"] for arm in record["arms"]] == [0, 0, 0]
