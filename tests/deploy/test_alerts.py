"""Alerts ask for what there is, and the operations page says what to do at each."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.offered import as_people_say, offered
from tests.deploy.promql import asked, problems

DEPLOY = Path(__file__).parents[2] / "deploy"
(GROUP,) = yaml.safe_load((DEPLOY / "alerts.yaml").read_text())["groups"]
ALERTS: list[dict[str, Any]] = GROUP["rules"]
OPERATIONS = (DEPLOY.parent / "docs" / "operations.md").read_text()


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert["alert"])
def test_an_alert_asks_for_what_there_is(alert: dict[str, Any]) -> None:
    assert asked(alert["expr"])
    assert list(problems(alert["expr"], offered())) == []


def test_each_alert_has_its_line_in_the_operations() -> None:
    rows = re.findall(r"^\| `(Rillstream\w+)` \|", OPERATIONS, re.MULTILINE)
    assert rows == [alert["alert"] for alert in ALERTS]


def test_the_operations_list_every_metric_and_no_other() -> None:
    written = re.findall(r"`(rillstream_[a-z_]+)(?:\{([a-z_, ]+)\})?`", OPERATIONS)
    there = {as_people_say(name): series.labels for name, series in offered().items()}
    assert {name for name, _ in written} == there.keys()
    told = {(name, frozenset(filter(None, labels.split(", ")))) for name, labels in written}
    assert told >= set(there.items())
