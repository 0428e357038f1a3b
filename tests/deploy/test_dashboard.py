"""The Grafana dashboard asks for what there is, and shows all of it."""

from __future__ import annotations

import json
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.deploy.offered import as_people_say, offered
from tests.deploy.promql import asked, problems

DEPLOY = Path(__file__).parents[2] / "deploy"
DASHBOARD = json.loads((DEPLOY / "grafana.json").read_text())
PANELS: list[dict[str, Any]] = DASHBOARD["panels"]
TARGETS = [
    pytest.param(target["expr"], id=f"{panel['title']} {target['refId']}")
    for panel in PANELS
    for target in panel.get("targets", [])
]
VARIABLES = {"$__rate_interval": "5m", "$job": "rillstream", "$instance": ".*"}


def written_out(expression: str) -> str:
    """As Grafana sends it."""
    for name, value in VARIABLES.items():
        expression = expression.replace(name, value)
    assert "$" not in expression, "a variable that there is not"
    return expression


@pytest.mark.parametrize("expression", TARGETS)
def test_a_panel_asks_for_what_there_is(expression: str) -> None:
    assert list(problems(written_out(expression), offered())) == []


@pytest.mark.parametrize("expression", TARGETS)
def test_a_panel_shows_the_processes_that_were_chosen(expression: str) -> None:
    for selector in asked(written_out(expression)):
        assert selector.matched >= {"job", "instance"}, selector.name


def shown() -> set[str]:
    """Names of all metrics on the dashboard."""
    expressions = [written_out(str(parameter.values[0])) for parameter in TARGETS]
    return {as_people_say(each.name) for text in expressions for each in asked(text)}


def test_every_metric_is_shown() -> None:
    assert shown() == {as_people_say(name) for name in offered()}


def test_what_an_alert_asks_for_is_shown() -> None:
    (group,) = yaml.safe_load((DEPLOY / "alerts.yaml").read_text())["groups"]
    names = {each.name for alert in group["rules"] for each in asked(alert["expr"])} - {"up"}
    assert {as_people_say(name) for name in names} <= shown()


def test_the_source_is_chosen_by_whoever_imports_it() -> None:
    variables = {each["name"]: each for each in DASHBOARD["templating"]["list"]}
    assert variables["datasource"]["type"] == "datasource"
    assert variables["datasource"]["query"] == "prometheus"
    assert set(variables) == {"datasource", "job", "instance"}
    asking = [*(panel for panel in PANELS if panel["type"] != "row"), variables["job"]]
    for each in [*asking, *(target for panel in PANELS for target in panel.get("targets", []))]:
        assert each["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


def test_panels_lie_beside_each_other() -> None:
    assert len({panel["id"] for panel in PANELS}) == len(PANELS)
    for one, other in combinations([panel["gridPos"] for panel in PANELS], 2):
        apart = (
            one["x"] + one["w"] <= other["x"]
            or other["x"] + other["w"] <= one["x"]
            or one["y"] + one["h"] <= other["y"]
            or other["y"] + other["h"] <= one["y"]
        )
        assert apart, (one, other)
        assert one["x"] + one["w"] <= 24  # Grafana's columns


def test_targets_of_a_panel_have_names_of_their_own() -> None:
    for panel in PANELS:
        names = [target["refId"] for target in panel.get("targets", [])]
        assert len(set(names)) == len(names), panel["title"]
