"""The loop: learns, keeps the best, stops in time, and goes on after a kill as if nothing was."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import msgspec
import pytest
import torch
from torch import Tensor

from scoring.balancing import DynamicWeightAverage, FixedWeights
from scoring.errors import CheckpointError, TrainingError
from scoring.saved.whole_folder import settle
from scoring.training.contracts import Progress
from scoring.training.loop import Interrupted, fit
from scoring.training.settings import LoopSettings
from tests.scoring.training.lines import Lines

SETTINGS = LoopSettings(epochs=4, learning_rate=0.02, measure="double", lower_is_better=True)
OFTEN = LoopSettings(
    epochs=4, learning_rate=0.02, measure="double", lower_is_better=True, checkpoint_every_s=0
)


LOSSES = ["double", "minus"]


def weights(lines: Lines) -> dict[str, Tensor]:
    return {name: value.clone() for name, value in lines.module.state_dict().items()}


def assert_same(ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]) -> None:
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        assert torch.equal(value, theirs[name]), name


def test_it_learns() -> None:
    lines = Lines()
    before = lines.validate()
    fitted = fit(lines, LoopSettings(epochs=30, learning_rate=0.02), FixedWeights(LOSSES))
    assert fitted.measures["double"] < 0.1 * before["double"]
    assert fitted.measures["minus"] < 0.3 * before["minus"]
    assert lines.begun == list(range(30))


@pytest.mark.parametrize("killed_at", [1, 6, 7, 17, 23])
def test_a_killed_training_goes_on_as_if_it_had_not_been(tmp_path: Path, killed_at: int) -> None:
    """Batches, dropout, AdamW's moments, the best weights: all are those of the unbroken run."""
    whole = Lines()
    expected = fit(whole, OFTEN, FixedWeights(LOSSES), folder=tmp_path / "whole")

    killed = Lines()
    killed.fail_at = killed_at
    with pytest.raises(KeyboardInterrupt):
        fit(killed, OFTEN, FixedWeights(LOSSES), folder=tmp_path / "killed")
    again = Lines(seed=9)  # other weights: all must come from the checkpoint
    found = fit(again, OFTEN, FixedWeights(LOSSES), folder=tmp_path / "killed")

    assert_same(weights(again), weights(whole))
    assert found == expected
    assert len(killed.seen) + len(again.seen) == len(whole.seen)
    for ours, theirs in zip(killed.seen + again.seen, whole.seen, strict=True):
        assert torch.equal(ours, theirs)


@pytest.mark.parametrize("killed_at", [13, 14, 20, 21])
def test_a_training_killed_between_its_two_files_goes_on_as_if_it_had_not_been(
    tmp_path: Path, killed_at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The 13th pointer is that of an epoch's last step, the 14th that of its end: one step, twice.

    The tensors of the 14th are there already. What the end of an epoch does to the balancer must
    not be done to them again.
    """
    whole = Lines()
    expected = fit(whole, OFTEN, DynamicWeightAverage(LOSSES), folder=tmp_path / "whole")
    n_pointers = 0

    def dying(part: Path, file: Path) -> None:
        nonlocal n_pointers
        n_pointers += file.suffix == ".json"
        if n_pointers == killed_at:
            raise KeyboardInterrupt
        settle(part, file)

    with monkeypatch.context() as patch:
        patch.setattr("scoring.training.checkpoint.settle", dying)
        with pytest.raises(KeyboardInterrupt):
            fit(Lines(), OFTEN, DynamicWeightAverage(LOSSES), folder=tmp_path / "killed")
    again = Lines(seed=9)
    found = fit(again, OFTEN, DynamicWeightAverage(LOSSES), folder=tmp_path / "killed")
    assert_same(weights(again), weights(whole))
    assert found == expected


def test_what_was_done_since_the_last_checkpoint_is_done_again(tmp_path: Path) -> None:
    whole = Lines()
    fit(whole, SETTINGS, FixedWeights(LOSSES))
    killed = Lines()
    killed.fail_at = 10  # four batches after the checkpoint of the first epoch
    with pytest.raises(KeyboardInterrupt):
        fit(killed, SETTINGS, FixedWeights(LOSSES), folder=tmp_path)
    again = Lines()
    fit(again, SETTINGS, FixedWeights(LOSSES), folder=tmp_path)
    assert len(again.seen) == 18
    assert_same(weights(again), weights(whole))


def test_a_training_that_ended_is_not_run_again(tmp_path: Path) -> None:
    first, second = Lines(), Lines(seed=3)
    fitted = fit(first, SETTINGS, FixedWeights(LOSSES), folder=tmp_path)
    assert fit(second, SETTINGS, FixedWeights(LOSSES), folder=tmp_path) == fitted
    assert second.seen == []
    assert_same(weights(second), weights(first))


def test_a_wish_to_stop_is_met_between_two_steps(tmp_path: Path) -> None:
    whole, stopped, again = Lines(), Lines(), Lines()
    fit(whole, SETTINGS, FixedWeights(LOSSES))
    with pytest.raises(Interrupted, match="step 8 of 24"):
        fit(
            stopped,
            SETTINGS,
            FixedWeights(LOSSES),
            folder=tmp_path,
            stop=lambda: len(stopped.seen) == 8,
        )
    fit(again, SETTINGS, FixedWeights(LOSSES), folder=tmp_path)
    assert len(again.seen) == 16
    assert_same(weights(again), weights(whole))


class Worsening(Lines):
    """Is best after its second epoch."""

    marks = (0.5, 0.9, 0.7, 0.8, 0.6, 0.5)

    def validate(self) -> dict[str, float]:
        return {"mark": self.marks[self.begun[-1] if self.begun else 0]}


@pytest.mark.parametrize("kept", [True, False])
def test_patience_ends_the_training_and_the_best_weights_stay(tmp_path: Path, kept: bool) -> None:
    two, six = Worsening(), Worsening()
    settings = LoopSettings(epochs=6, decay="constant", warmup=0, measure="mark", patience=2)
    best = fit(two, LoopSettings(epochs=2, decay="constant", warmup=0), FixedWeights(LOSSES))
    found = fit(six, settings, FixedWeights(LOSSES), folder=tmp_path if kept else None)
    assert (found.best, len(found.history), found.stopped_early) == (1, 4, True)
    assert found.measures == best.measures == {"mark": 0.9}
    assert_same(weights(six), weights(two))


class Unmeasured(Worsening):
    """Its first epochs have no measure, as where the validation rows are of one label."""

    marks = (float("nan"), float("nan"), 0.7, 0.8, float("nan"), 0.5)


def test_any_measure_is_better_than_none() -> None:
    settings = LoopSettings(epochs=6, measure="mark")
    found = fit(Unmeasured(), settings, FixedWeights(LOSSES))
    assert (found.best, found.measures) == (3, {"mark": 0.8})


def test_other_settings_do_not_go_on_from_a_checkpoint(tmp_path: Path) -> None:
    fit(Lines(), SETTINGS, FixedWeights(LOSSES), folder=tmp_path)
    with pytest.raises(CheckpointError, match=r"other settings \(\w+: [^{},]+, now [^{},]+\)"):
        fit(Lines(), OFTEN, FixedWeights(LOSSES), folder=tmp_path)
    with pytest.raises(CheckpointError, match=r"other rows \(None, now 17\)"):
        fit(Lines(), SETTINGS, FixedWeights(LOSSES), folder=tmp_path, identity={"rows": "17"})


def test_a_setting_that_a_newer_version_knows_and_nobody_set_is_no_difference(
    tmp_path: Path,
) -> None:
    before, since = '{"name": "shop"}', '{"name": "shop", "looked": null}'
    fit(Lines(), SETTINGS, FixedWeights(LOSSES), folder=tmp_path, identity={"recipe": before})
    fit(Lines(), SETTINGS, FixedWeights(LOSSES), folder=tmp_path, identity={"recipe": since})
    changed = since.replace("null", "true")
    with pytest.raises(CheckpointError, match=r"other recipe \(looked: none, now true\)"):
        fit(Lines(), SETTINGS, FixedWeights(LOSSES), folder=tmp_path, identity={"recipe": changed})


def test_a_damaged_checkpoint_says_the_way_out(tmp_path: Path) -> None:
    fit(Lines(), SETTINGS, FixedWeights(LOSSES), folder=tmp_path)
    (tmp_path / "epoch-4-0.safetensors").write_bytes(b"cut short")
    with pytest.raises(CheckpointError, match="--restart"):
        fit(Lines(), SETTINGS, FixedWeights(LOSSES), folder=tmp_path)


def test_nothing_is_pickled_and_old_states_are_removed(tmp_path: Path) -> None:
    fitted = fit(Lines(), OFTEN, FixedWeights(LOSSES), folder=tmp_path)
    assert {file.name for file in tmp_path.iterdir()} == {
        "checkpoint.json",
        "epoch-4-0.safetensors",
        f"best-{fitted.best}.safetensors",
    }


def test_the_shared_penalty_is_the_gradient_of_half_lambda_theta_squared() -> None:
    """One step of plain losses beside one with the penalty written out as a loss."""

    class Penalised(Lines):
        def losses(self, batch: Tensor) -> dict[str, Tensor]:
            penalty = sum(p.square().sum() for p in self.shared())
            return {**super().losses(batch), "penalty": 0.35 * torch.as_tensor(penalty)}

    once = {"epochs": 1, "weight_decay": 0.0, "clip": 0.0}
    given, written = Lines(), Penalised()
    fit(given, LoopSettings(**once, l2_shared=0.7), FixedWeights(LOSSES))  # type: ignore[arg-type]
    fit(written, LoopSettings(**once), FixedWeights([*LOSSES, "penalty"]))  # type: ignore[arg-type]
    for name, value in weights(given).items():
        torch.testing.assert_close(value, weights(written)[name], atol=2e-6, rtol=1e-4)


def test_a_loss_that_is_no_number_ends_the_training_with_its_name() -> None:
    class Broken(Lines):
        def losses(self, batch: Tensor) -> dict[str, Tensor]:
            return {**super().losses(batch), "minus": torch.tensor(float("nan"))}

    with pytest.raises(TrainingError, match="loss minus is nan at step 0"):
        fit(Broken(), SETTINGS, FixedWeights(LOSSES))


def test_an_unknown_measure_names_the_known_ones_before_anything_is_learned() -> None:
    class Untested(Lines):
        def validate(self) -> dict[str, float]:
            return {}

    lines = Lines()
    with pytest.raises(TrainingError, match="'auc' is not validated; these are: double, minus"):
        fit(lines, LoopSettings(measure="auc"), FixedWeights(LOSSES))
    assert lines.seen == []
    with pytest.raises(TrainingError, match="these are: none, for no row is held out"):
        fit(Untested(), SETTINGS, FixedWeights(LOSSES))


def test_too_few_batches_are_an_error_and_not_a_shorter_schedule() -> None:
    class Short(Lines):
        n_batches = 7

        def batches(self, epoch: int):  # type: ignore[no-untyped-def]
            yield from list(super().batches(epoch))[:4]

    with pytest.raises(TrainingError, match="had 4 batches, 7 were promised"):
        fit(Short(), SETTINGS, FixedWeights(LOSSES))


def test_progress_and_curves_tell_losses_pace_and_measures() -> None:
    told: list[Progress] = []
    curves: list[tuple[str, int]] = []

    class Pen:
        def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None:
            curves.append((tag, global_step))

    fitted = fit(Lines(), SETTINGS, FixedWeights(LOSSES), progress=told.append, writer=Pen())
    assert [p.step for p in told] == [6, 10, 12, 18, 20, 24]
    assert all(p.n_steps == 24 and set(p.losses) == {"double", "minus"} for p in told)
    assert all(p.per_s > 0 and p.left_s >= 0 for p in told)
    assert [p.measures for p in told if p.measures] == [e.measures for e in fitted.history]
    assert ("loss/double", 10) in curves
    assert ("validation/minus", 4) in curves


def test_where_a_low_number_is_good_the_lowest_is_kept() -> None:
    settings = LoopSettings(epochs=6, measure="mark", lower_is_better=True)
    assert fit(Worsening(), settings, FixedWeights(LOSSES)).best == 0
    assert (
        fit(
            Worsening(),
            msgspec.structs.replace(settings, lower_is_better=False),
            FixedWeights(LOSSES),
        ).best
        == 1
    )
