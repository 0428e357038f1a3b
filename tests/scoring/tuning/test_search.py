"""Looking for numbers: the front, the search, and a file of trials that outlives a kill."""

import math
from pathlib import Path

import numpy as np
import pytest

from scoring import Policy, PolicyError
from scoring.errors import TrainingError
from scoring.tuning.front import is_front
from scoring.tuning.picture import picture
from scoring.tuning.search import Search, Trial
from scoring.tuning.space import RANGES, Space
from scoring.tuning.trials import Trials

NAMES = ["weight_repeat", "long_half_life_ms"]


def worth(numbers: dict[str, float]) -> tuple[float, float]:
    """Best at a weight of 2 and a half-life of 90 days; the second wants a small weight."""
    days = numbers["long_half_life_ms"] / 86_400_000
    first = -((numbers["weight_repeat"] - 2) ** 2) - np.log2(days / 90) ** 2 / 10
    return float(first), -numbers["weight_repeat"]


def run(search: Search, tried: list[Trial], until: int) -> list[Trial]:
    for number in range(len(tried), until):
        numbers = search.numbers(tried) if number else search.space.of(Policy())
        tried = [*tried, Trial(number, numbers, worth(numbers))]
    return tried


def test_the_front_is_what_nothing_beats_and_of_equals_the_first() -> None:
    values = np.array([[1, 5], [2, 4], [1, 4], [2, 4], [3, 0], [0, 0]], float)
    assert is_front(values).tolist() == [True, True, False, False, True, False]


def test_numbers_and_points_are_the_same_thing() -> None:
    space = Space(list(RANGES))
    numbers = space.of(Policy())
    assert space.numbers(space.point(numbers)) == pytest.approx(numbers, rel=0.005)
    assert set(space.numbers(np.zeros(len(space))).values()) >= {0.0}
    assert space.numbers(np.ones(len(space)))["weight_repeat"] == RANGES["weight_repeat"].high
    with pytest.raises(PolicyError, match="slate_size cannot be tuned"):
        Space(["slate_size"])


def test_a_search_comes_near_the_best_and_closer_than_chance_alone() -> None:
    tried = run(Search(Space(NAMES), 60, 20, seed=1), [], 60)
    spread = max(trial.values[0] for trial in tried[:21])
    assert max(trial.values[0] for trial in tried) > max(-0.02, spread)
    assert sum(is_front(np.array([trial.values for trial in tried]))) > 5


def test_a_search_goes_on_as_if_it_had_not_stopped() -> None:
    search = Search(Space(NAMES), 30, 8, seed=5)
    whole = run(search, [], 30)
    assert run(search, whole[:17], 30) == whole
    assert run(Search(Space(NAMES), 30, 8, seed=6), [], 30) != whole


def test_trials_outlive_a_kill_in_the_middle_of_a_line(tmp_path: Path) -> None:
    file = tmp_path / "out" / "trials.jsonl"
    trials = Trials(file, {"seed": 1})
    made = [
        Trial(0, {"weight_repeat": 0.5}, (0.1, 0.2)),
        Trial(1, {"weight_repeat": 2.0}, (0.3, 0)),
    ]
    for trial in made:
        trials.add(trial)
    with file.open("a") as torn:
        torn.write('{"number": 2, "numb')
    again = Trials(file, {"seed": 1})
    assert again.made == made
    again.add(Trial(2, {"weight_repeat": 1.0}, (0.0, 0.0)))
    assert len(Trials(file, {"seed": 1}).made) == 3


def test_a_search_that_was_killed_in_its_first_line_begins(tmp_path: Path) -> None:
    file = tmp_path / "t.jsonl"
    Trials(file, {"seed": 1})
    raw = file.read_bytes()
    for left in (b"", raw[:4], raw[:-1]):
        file.write_bytes(left)
        Trials(file, {"seed": 1})
        assert file.read_bytes() == raw
    file.write_bytes(b"of someone else")
    with pytest.raises(TrainingError, match="another search"):
        Trials(file, {"seed": 1})
    assert file.read_bytes() == b"of someone else"


@pytest.mark.parametrize("line", [b"\xff", b"no JSON", b"[]", b'{"number": 1}'])
def test_a_line_that_is_no_trial_is_named(tmp_path: Path, line: bytes) -> None:
    file = tmp_path / "t.jsonl"
    Trials(file, {"seed": 1})
    whole = file.read_bytes() + line + b"\n"
    file.write_bytes(whole)
    with pytest.raises(TrainingError, match=r"t\.jsonl:2 is no trial"):
        Trials(file, {"seed": 1})
    assert file.read_bytes() == whole


@pytest.mark.parametrize("first", [b"\xff", b"[]", b"no JSON"])
def test_a_first_line_that_is_no_search_is_another_one(tmp_path: Path, first: bytes) -> None:
    (tmp_path / "t.jsonl").write_bytes(first + b"\n")
    with pytest.raises(TrainingError, match="its first line is no search"):
        Trials(tmp_path / "t.jsonl", {"seed": 1})


def test_a_figure_that_is_none_outlives_a_kill(tmp_path: Path) -> None:
    Trials(tmp_path / "t.jsonl", {}).add(Trial(0, {}, (math.nan, 1.0)))
    (again,) = Trials(tmp_path / "t.jsonl", {}).made
    assert math.isnan(again.values[0])


def test_another_search_does_not_go_on_in_the_same_file(tmp_path: Path) -> None:
    Trials(tmp_path / "t.jsonl", {"seed": 1, "from": "2026-01-01"})
    with pytest.raises(TrainingError, match=r"seed was 1, and is 2"):
        Trials(tmp_path / "t.jsonl", {"seed": 2, "from": "2026-01-01"})


def test_a_picture_has_a_panel_for_each_pair_and_a_dot_for_each_trial() -> None:
    from xml.etree import ElementTree

    values = np.array([[0.1, 0.5, 1], [0.2, 0.4, 1], [0.1, 0.1, 1]])
    drawn = picture(["purchases", "new", "tail"], values, is_front(values), 1)
    tree = ElementTree.fromstring(drawn)  # noqa: S314 - our own
    space = "{http://www.w3.org/2000/svg}"
    circles = tree.findall(f"{space}circle")
    assert len(circles) == 2 * (3 + 1)
    xs = [float(each.get("cx", "nan")) for each in circles[:3]]
    assert xs[0] > xs[1] > xs[2], "the second objective goes along"
