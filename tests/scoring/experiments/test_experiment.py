"""Who gets which variant: for ever the same, in the shares of the file."""

from pathlib import Path

import pytest
from scipy.stats import chi2_contingency, chisquare, kstest

from scoring import Policy, PolicyError
from scoring.errors import ExperimentError
from scoring.experiments.assignment import place_of
from scoring.experiments.experiment import read_experiment

USERS = [f"u{number}" for number in range(20_000)]
TEXT = """
name = "repeat"
[[variants]]
name = "as-is"
share = 0.5
[[variants]]
name = "high"
share = 0.3
policy = { weight_repeat = 2.5, draw = "softmax" }
[[shadows]]
name = "tuned"
share = 0.1
policy = "tuned.toml"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "tuned.toml").write_text("weight_popularity = 1.5\n")
    found = tmp_path / "experiment.toml"
    found.write_text(TEXT)
    return found


def test_the_place_of_a_user_never_changes() -> None:
    """Written down: another value would move every user of every experiment that is running."""
    assert place_of("ann", "repeat") == 0.5156078684162637
    assert place_of("ann", "repeat-2") != place_of("ann", "repeat")


def test_places_are_uniform_even_where_ids_are_counted_up() -> None:
    assert kstest([place_of(user, "repeat") for user in USERS], "uniform").pvalue > 0.001


def test_places_under_two_salts_are_independent() -> None:
    """Users of one experiment's variant are spread over those of another's as all users are."""
    table = [[0, 0], [0, 0]]
    for user in USERS:
        table[place_of(user, "one") < 0.5][place_of(user, "other") < 0.3] += 1
    assert chi2_contingency(table).pvalue > 0.001


def test_shares_are_those_of_the_file_and_the_rest_is_in_no_variant(file: Path) -> None:
    experiment = read_experiment(file)
    found = [experiment.variant_of(user) for user in USERS]
    counts = [
        sum(arm is not None and arm.name == name for arm in found) for name in ("as-is", "high")
    ]
    outside = sum(arm is None for arm in found)
    assert chisquare([*counts, outside], [10_000, 6_000, 4_000]).pvalue > 0.001
    n_shadowed = sum(bool(experiment.shadows_of(user)) for user in USERS)
    assert 1_800 < n_shadowed < 2_200


def test_a_shadows_users_come_from_all_variants_alike(file: Path) -> None:
    experiment = read_experiment(file)
    table: dict[str, list[int]] = {"as-is": [0, 0], "high": [0, 0]}
    for user in USERS:
        if (arm := experiment.variant_of(user)) is not None:
            table[arm.name][bool(experiment.shadows_of(user))] += 1
    assert chi2_contingency(list(table.values())).pvalue > 0.001


def test_shares_that_fill_everything_leave_nobody_out(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arms = "".join(f'[[variants]]\nname = "v{n}"\nshare = 0.1\n' for n in range(10))
    file.write_text(f'name = "ten"\n{arms}')
    monkeypatch.setattr("scoring.experiments.experiment.place_of", lambda *_: 1 - 2**-53)
    last = read_experiment(file).variant_of("the last user that there can be")
    assert last is not None
    assert last.name == "v9"


def test_an_arms_numbers_replace_the_workers_own(file: Path) -> None:
    experiment = read_experiment(file)
    own = Policy(slate_size=7)
    as_is, high = (arm.policy(own) for arm in experiment.variants)
    assert as_is == own
    assert (high.weight_repeat, high.draw, high.slate_size) == (2.5, "softmax", 7)
    assert experiment.shadows[0].policy(own).weight_popularity == 1.5


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("share = 0.3", "share = 0.6", "shares are 1.1 together"),
        ('name = "high"', 'name = "as-is"', "two arms have one name"),
        ("share = 0.3", "shard = 0.3", "do you mean `share`"),
        ("share = 0.3", "share = 0.0", "share"),
        ("weight_repeat = 2.5", "weight_repaet = 2.5", "high: no policy has weight_repaet"),
        (
            'policy = "tuned.toml"',
            'policy = "nowhere.toml"',
            "nowhere.toml: No such file .* name a policy file",
        ),
    ],
)
def test_a_file_that_cannot_be_followed_is_refused(
    file: Path, old: str, new: str, said: str
) -> None:
    file.write_text(TEXT.replace(old, new))
    with pytest.raises((ExperimentError, PolicyError), match=said):
        read_experiment(file)


def test_a_file_that_is_no_text_is_refused(file: Path) -> None:
    file.write_bytes(b'name = "\xff"')
    with pytest.raises(ExperimentError, match="is not UTF-8"):
        read_experiment(file)


def test_one_variant_alone_is_no_comparison(file: Path) -> None:
    file.write_text('name = "x"\n[[variants]]\nname = "a"\n')
    with pytest.raises(ExperimentError, match="nothing to be compared with"):
        read_experiment(file)
    file.write_text('name = "x"\n')
    with pytest.raises(ExperimentError, match="neither"):
        read_experiment(file)


def test_a_shadow_beside_a_variant_scores_for_its_users_alone(file: Path) -> None:
    file.write_text(TEXT + 'beside = "high"\n')
    experiment = read_experiment(file)
    variants = {user: experiment.variant_of(user) for user in USERS}
    of_variant = {user for user, arm in variants.items() if arm is not None and arm.name == "high"}
    shadowed = {user for user in USERS if experiment.shadows_of(user)}
    assert shadowed < of_variant
    assert len(shadowed) / len(of_variant) == pytest.approx(0.1, abs=0.015)
    file.write_text(TEXT + 'beside = "low"\n')
    with pytest.raises(ExperimentError, match="beside low, which is no variant; there are: as-is"):
        read_experiment(file)
