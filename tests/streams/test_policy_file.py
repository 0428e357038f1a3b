"""The policy of a worker: settings, and a file that they name."""

from pathlib import Path

import pytest

from scoring.ranker.ranker import Ranker
from streams.errors import SettingsError
from streams.live.policies import Policies
from streams.policy_file import policy_of
from streams.settings import Settings, load_settings
from tests.scoring.ranker.test_learned import heads, knowledge


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    found = tmp_path / "policy.toml"
    found.write_text('weight_repeat = 2\ndraw = "softmax"\n')
    return found


def test_a_policy_files_numbers_hold_and_the_settings_the_others(file: Path) -> None:
    policy = policy_of(load_settings(policy=file, slate_size=7))
    assert (policy.weight_repeat, policy.draw, policy.slate_size) == (2.0, "softmax", 7)
    assert policy.version != policy_of(Settings(slate_size=7)).version


def test_a_setting_that_the_file_contradicts_is_an_error(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RILLSTREAM_DRAW", "best")
    with pytest.raises(SettingsError, match=r"RILLSTREAM_DRAW is best, and .* says draw = softmax"):
        policy_of(load_settings(policy=file))
    monkeypatch.setenv("RILLSTREAM_DRAW", "softmax")
    assert policy_of(load_settings(policy=file)).draw == "softmax"


def test_more_candidates_than_a_record_holds_are_refused_in_a_file_too(file: Path) -> None:
    file.write_text("candidates = 2000\n")
    with pytest.raises(SettingsError, match="candidates = 2000 is above 1000"):
        policy_of(load_settings(policy=file, publish_decisions=True))
    file.write_text("quotas = { tables = 2000 }\n")
    with pytest.raises(SettingsError, match="tables = 2000 is above 1000"):
        policy_of(load_settings(policy=file, publish_decisions=True))
    with pytest.raises(SettingsError, match="alike = 3000 is above 1000"):
        policy_of(load_settings(publish_decisions=True, candidate_quotas={"alike": 3000}))


@pytest.mark.parametrize("named", ["worker", "promoted"])
def test_the_files_ranker_takes_the_place_of_the_settings(file: Path, named: str) -> None:
    """Workers of a learner have one in their settings, and a promotion writes one into the file."""
    for name, weight in (("worker", 1.0), ("promoted", 2.0)):
        (file.parent / name).mkdir()
        Ranker(heads(in_session=weight), knowledge()).save(file.parent / name)
    file.write_text(f'ranker = "{named}"\n')
    found = Policies.read(load_settings(policy=file, ranker=file.parent / "worker"))
    assert found.own.ranker is not None
    assert found.own.ranker.folder.name == named
    assert [each.heads.version for each in found.named.values()] == [
        heads(in_session=1.0 if named == "worker" else 2.0).version
    ]
