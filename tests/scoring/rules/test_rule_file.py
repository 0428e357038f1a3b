"""The file of rules: what it says is what holds, and what it does not mean is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from scoring import Rules, RulesError, read_rules

WHOLE = """
[bought]
days = 7
[bought.cycle_days]
categories = { Coffee = 21 }
items = { "mug-1" = 365 }
[block]
items = ["post"]
categories = ["Samples"]
brands = ["Noname"]
words = ["gift card"]
[price]
min = 0.5
max = 100
[caps]
category = 3
brands = { Acme = 1 }
[[pins]]
item = "mug-1"
position = 2
category = "Kitchen"
query = "red mug"
since = 2026-11-20
until = 2026-12-01
reason = "deal of the week"
"""


def written(folder: Path, text: str) -> Path:
    file = folder / "rules.toml"
    file.write_text(text)
    return file


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    rules = read_rules(written(tmp_path, WHOLE))
    assert rules.bought is not None
    assert rules.bought.cycle_days.categories == {"Coffee": 21.0}
    assert rules.caps.brands == {"Acme": 1}
    assert rules.pins[0].reason == "deal of the week"


def test_the_version_is_what_the_rules_say_and_not_how(tmp_path: Path) -> None:
    one = read_rules(written(tmp_path, WHOLE))
    other = read_rules(written(tmp_path, "# A comment\n" + WHOLE.replace("min = 0.5", "min= 0.50")))
    changed = read_rules(written(tmp_path, WHOLE.replace("max = 100", "max = 101")))
    assert one.version == other.version
    assert one.version.startswith("rules-")
    assert len({one.version, changed.version, Rules().version}) == 3


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("[bougt]\ndays = 7", "unknown field `bougt`.*do you mean `bought`"),
        ("[block]\nbrand = ['A']", "do you mean `brands`"),
        ("[[pins]]\nitem = 'a'\npositon = 1", "do you mean `position`"),
        ("[[pins]]\nitem = 'a'\nposition = 0", ">= 1"),
        ("[[pins]]\nposition = 1", "item"),
        ("[[pins]]\nitem='a'\nposition=1\nsince=2026-02-02\nuntil=2026-01-01", "is after until"),
        ("[block]\nitems=['a']\n[[pins]]\nitem='a'\nposition=1", "it is blocked as well"),
        ("[[pins]]\nitem='a'\nposition=1\nquery=' ?'", r"pin 1 \(a\): query ' \?' has no word"),
        ("[price]\nmin = 9\nmax = 3", "price.min is 9, above price.max, 3"),
        ("[caps]\ncategory = 0", ">= 1"),
        ("[seen]\ntimes = 17", "<= 16"),
        ("[seen]\ntimes = 3\ndays = 0", "> 0"),
        ("[bought]", "days"),
        ("[bought]\ndays = nan", "days|nan"),
        ("[block]\nwords = [' ']", "no word"),
        ("[floors]\ntail = 1.5", "<= 1"),
        ("[floors]\ncategories = {a = 0.7, b = 0.5}", "category shares sum to 1.2, above 1"),
        ("[floors]\nbrands = {a = 0.5, b = 0.51}", "brand shares sum to 1.01, above 1"),
        ("[floors.brands]\n" + "\n".join(f"b{n} = 0.01" for n in range(49)), "has 49 groups"),
        (f"[floors.categories]\n{'c' * 241} = 0.5", "<= 240"),
        ("[block", "Expected"),
    ],
)
def test_what_means_nothing_is_refused_with_the_nearest_name(
    tmp_path: Path, text: str, complaint: str
) -> None:
    file = written(tmp_path, text)
    with pytest.raises(RulesError, match=complaint) as refused:
        read_rules(file)
    assert str(file) in str(refused.value)
    assert "\n" not in str(refused.value)


def test_floors_that_one_list_can_have_together_are_read(tmp_path: Path) -> None:
    """0.7 + 0.2 + 0.1 is 1 but for rounding; an item may be of a category, a brand and the tail."""
    said = "[floors]\ntail = 0.9\ncategories = {a = 0.7, b = 0.2, c = 0.1}\nbrands = {d = 0.8}"
    floors = read_rules(written(tmp_path, said)).floors
    assert floors.tail == 0.9
    assert floors.categories == {"a": 0.7, "b": 0.2, "c": 0.1}
    assert floors.brands == {"d": 0.8}


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(RulesError, match=r"gone.toml: No such file"):
        read_rules(tmp_path / "gone.toml")
