"""A file of rules that changes under a running worker: taken over, or refused and the old go on."""

from __future__ import annotations

import os
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from index import LiveIndex
from scoring import Policy, Recommender, Rules, read_rules
from streams.live.armed_ranking import ArmedRanking
from streams.live.live_ranking import LiveRanking
from streams.live.policies import Policies
from streams.live.rules_follower import RulesFollower
from streams.metrics import StepMetrics
from tests.scoring.shop import item, open_shop, request

ONE = "[block]\nitems = ['i0']\n"
TWO = "[block]\nitems = ['i1']\n"


def refused(metrics: StepMetrics) -> float | None:
    return metrics.registry.get_sample_value("rillstream_rules_refused_total")


def test_a_change_is_taken_over_once_and_a_broken_file_leaves_the_rules_as_they_are(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    file, metrics, obeyed = tmp_path / "rules.toml", StepMetrics(), list[Rules]()
    file.write_text(ONE)
    first = read_rules(file)
    follower = RulesFollower(file, first.version, obeyed.append, metrics)

    def look(text: str | None) -> list[list[str]]:
        if text is None:
            file.unlink()
        else:
            (tmp_path / "new").write_text(text)
            os.replace(tmp_path / "new", file)
        obeyed.clear()
        follower.look()
        follower.look()
        return [rules.block.items for rules in obeyed]

    assert look(ONE + "# the same\n") == []
    assert look(TWO) == [["i1"]]
    assert look("[blok]\nitems = ['i2']\n") == []
    assert refused(metrics) == 1
    assert "do you mean `block`" in "".join(capfd.readouterr())
    assert look(None) == []
    assert refused(metrics) == 2
    assert look(TWO) == [], "they have been in force all the time"
    assert look(ONE) == [["i0"]]


def test_rules_that_could_not_be_brought_into_force_are_tried_again(tmp_path: Path) -> None:
    file, tries = tmp_path / "rules.toml", list[str]()
    file.write_text(ONE)

    def obey(rules: Rules) -> None:
        tries.append(rules.version)
        if len(tries) == 1:
            raise RuntimeError("the lane did not answer")

    follower = RulesFollower(file, None, obey, StepMetrics())
    with pytest.raises(RuntimeError, match="did not answer"):
        follower.look()
    for _ in range(2):
        follower.look()
    assert tries == [read_rules(file).version] * 2


def test_a_running_follower_sees_a_change_and_closes(tmp_path: Path) -> None:
    file, obeyed = tmp_path / "rules.toml", list[str]()
    file.write_text(ONE)
    follower = RulesFollower(
        file, read_rules(file).version, lambda rules: obeyed.append(rules.version), StepMetrics()
    )
    follower.start()
    file.write_text(TWO)
    deadline = time.monotonic() + 20
    while not obeyed:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    follower.close()
    assert not follower.is_alive()
    assert obeyed == [read_rules(file).version]


def test_an_edition_that_was_opened_under_old_rules_is_served_under_the_new(
    tmp_path: Path,
) -> None:
    def edition(name: str, rules: Rules | None) -> Any:
        items = [item("i0"), item("i1")]
        live = LiveIndex(open_shop(tmp_path / name, items, np.eye(2, dtype=np.float32)))

        def made(policy: Policy, ranker: object) -> Recommender:
            return Recommender(live, None, policy=policy, rules=rules)

        return SimpleNamespace(live=live, ranking=ArmedRanking(Policies(Policy()), made))

    quiet = SimpleNamespace(serves=lambda *_: None, sized=lambda *_: None)
    (tmp_path / "rules.toml").write_text(ONE)
    rules = read_rules(tmp_path / "rules.toml")
    ranking = LiveRanking(edition("a", None), quiet)  # type: ignore[arg-type]
    assert (ranking.rules_version, len(ranking.recommend([request()])[0].items)) == (None, 2)
    late = edition("b", None)
    ranking.obey(rules)
    assert len(ranking.recommend([request()])[0].items) == 1
    ranking.swap(late)
    assert ranking.rules_version == rules.version
    assert len(ranking.recommend([request()])[0].items) == 1
