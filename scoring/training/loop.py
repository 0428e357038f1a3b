"""The training loop: epochs of batches, validation, the best weights kept, resumed after a kill."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any, Final, Generic

import msgspec
import torch
from torch import Tensor, nn

from scoring.errors import CheckpointError, TrainingError
from scoring.training import checkpoint
from scoring.training.contracts import Balancer, Batch, Progress, Trainable, Writer
from scoring.training.differing import differing
from scoring.training.history import Epoch, Fitted
from scoring.training.optimizer import make_optimizer
from scoring.training.processes import ALONE, Processes
from scoring.training.running import RunningMeans
from scoring.training.schedule import rate_factor
from scoring.training.settings import LoopSettings

_REPORT_EVERY: Final = 10
_LATE: Final = 50  # steps whose mean loss is shown


class Interrupted(TrainingError):  # noqa: N818 - what happened, by the wish of a person
    """Training was asked to stop; its checkpoint goes on where it was."""


@dataclass(slots=True)
class _State:
    """Where a training is; JSON holds it between two runs."""

    epoch: int = 0
    batch: int = 0  # batches of this epoch that are done
    sums: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)
    best: int = -1
    best_file: str | None = None
    history: list[Epoch] = field(default_factory=list)


def fit(
    trainable: Trainable[Batch],
    settings: LoopSettings,
    balancer: Balancer,
    *,
    folder: Path | None = None,
    identity: Mapping[str, str] | None = None,
    progress: Callable[[Progress], None] | None = None,
    writer: Writer | None = None,
    stop: Callable[[], bool] = lambda: False,
    processes: Processes = ALONE,
) -> Fitted:
    """Train, and leave the best weights in the module.

    Several processes take one step together: each learns from its own part of the batch, their
    gradients are averaged, and so all have the same weights. Process 0 validates and writes.

    Args:
        trainable: What learns.
        settings: How.
        balancer: Makes one gradient of several losses.
        folder: Where checkpoints live; a training that finds one there goes on from it, with the
            batches and random numbers that it would have had. None = nothing is written.
        identity: What must be the same to go on (data, model), beside the settings.
        progress: Called every few steps, and with measures after each epoch.
        writer: Gets the losses and measures as curves.
        stop: Asked after each step; if true, the state is written and `Interrupted` raised.
        processes: That train together; the trainable's batches are the parts of this one.

    Raises:
        Interrupted: As asked.
        CheckpointError: The folder holds the state of another training, or a damaged one.
        TrainingError: A loss is not a number, the measure is not among the validation's, or no
            weight would learn.
    """
    loop = _Loop(
        trainable,
        settings,
        balancer,
        folder,
        dict(identity or {}),
        progress,
        writer,
        stop,
        processes,
    )
    return loop.run()


class _Loop(Generic[Batch]):
    def __init__(
        self,
        trainable: Trainable[Batch],
        settings: LoopSettings,
        balancer: Balancer,
        folder: Path | None,
        identity: dict[str, str],
        progress: Callable[[Progress], None] | None,
        writer: Writer | None,
        stop: Callable[[], bool],
        processes: Processes,
    ) -> None:
        self._trainable = trainable
        self._settings = settings
        self._balancer = balancer
        self._balancer_module = balancer if isinstance(balancer, nn.Module) else nn.Module()
        self._processes = processes
        self._folder = folder
        self._identity = {"settings": msgspec.json.encode(settings).decode(), **identity}
        if processes.count > 1:
            self._identity["processes"] = str(processes.count)
        self._report = progress
        self._writer = writer
        self._stop = stop
        self._shared = list(trainable.shared())
        self._optimizer = make_optimizer(
            trainable.module, self._shared, self._balancer_module, settings
        )
        if not any(parameter.requires_grad for parameter in trainable.module.parameters()):
            raise TrainingError(
                "no weight would learn: the model is frozen, and no task has a head of its own; "
                "choose another adaptation"
            )
        self._n_steps = settings.epochs * trainable.n_batches
        self._state = _State()
        self._best_weights: dict[str, Tensor] = {}
        self._late = RunningMeans(_LATE)

    def run(self) -> Fitted:
        torch.manual_seed(self._settings.seed + self._processes.rank)  # dropout of its own
        self._resume()
        for module in (self._trainable.module, self._balancer_module):
            self._processes.spread(module.state_dict().values())
        self._require_measure()
        self._begun_s, self._begun_step = time.monotonic(), self._step
        self._saved_s = self._begun_s
        while self._state.epoch < self._settings.epochs and not self._out_of_patience():
            self._run_epoch()
        stopped_early = self._state.epoch < self._settings.epochs
        self._load_best()
        self._trainable.module.eval()
        return Fitted(self._state.best, tuple(self._state.history), stopped_early)

    @property
    def _step(self) -> int:
        return self._state.epoch * self._trainable.n_batches + self._state.batch

    def _run_epoch(self) -> None:
        state = self._state
        self._trainable.begin_epoch(state.epoch)
        self._trainable.module.train()
        for batch in islice(self._trainable.batches(state.epoch), state.batch, None):
            losses = self._learn(batch)
            state.batch += 1
            for name, value in losses.items():
                state.sums[name] = state.sums.get(name, 0.0) + value
                state.counts[name] = state.counts.get(name, 0) + 1
            self._tell(losses)
            self._perhaps_save()
        if state.batch != self._trainable.n_batches:
            raise TrainingError(
                f"epoch {state.epoch} had {state.batch} batches, {self._trainable.n_batches} "
                "were promised: n_batches must be that of every epoch"
            )
        self._end_epoch()

    def _learn(self, batch: Batch) -> dict[str, float]:
        """One step of the optimiser; returns the losses before it."""
        settings = self._settings
        factor = rate_factor(self._step, self._n_steps, settings)
        for group in self._optimizer.param_groups:
            group["lr"] = group["highest_rate"] * factor
        self._optimizer.zero_grad(set_to_none=True)
        losses = self._trainable.losses(batch)
        values = self._processes.means({n: float(loss.detach()) for n, loss in losses.items()})
        for name, value in values.items():
            if not math.isfinite(value):
                raise TrainingError(
                    f"loss {name} is {value} at step {self._step}: a lower learning_rate, a longer "
                    "warmup or a smaller clip may help"
                )
        self._balancer.backward(losses, self._shared)
        modules = (self._trainable.module, self._balancer_module)
        self._processes.average_gradients(p for module in modules for p in module.parameters())
        if settings.l2_shared:
            for parameter in self._shared:
                if parameter.grad is not None:
                    parameter.grad.add_(parameter.detach(), alpha=settings.l2_shared)
        if settings.clip:
            nn.utils.clip_grad_norm_(self._trainable.module.parameters(), settings.clip)
        self._optimizer.step()
        return values

    def _end_epoch(self) -> None:
        state = self._state
        means = {name: state.sums[name] / state.counts[name] for name in state.sums}
        self._balancer.end_epoch(means)
        measures = self._validated()
        state.history.append(Epoch(means, measures))
        if self._is_best(measures):
            state.best = state.epoch
            self._keep_best()
        for tag, values in (("loss/epoch", means), ("validation", measures)):
            self._write(tag, values, state.epoch + 1)
        state.epoch, state.batch, state.sums, state.counts = state.epoch + 1, 0, {}, {}
        self._save()
        if self._report is not None:
            self._report(self._progress(state.epoch - 1, measures))

    def _validated(self) -> dict[str, float]:
        """What process 0 measures on what is held out."""
        self._trainable.module.eval()
        with torch.no_grad():
            measures = self._trainable.validate() if self._processes.main else {}
        found: dict[str, float] = json.loads(self._processes.tell(json.dumps(measures)))
        return found

    def _require_measure(self) -> None:
        """A name that nothing has is told before the first epoch, which may take hours."""
        name = self._settings.measure
        if name is None or self._state.history:
            return
        if name not in (measures := self._validated()):
            there = ", ".join(sorted(measures)) or "none, for no row is held out for validation"
            raise TrainingError(f"measure {name!r} is not validated; these are: {there}")

    def _is_best(self, measures: Mapping[str, float]) -> bool:
        name = self._settings.measure
        if name is None or self._state.best < 0:
            return True
        now, before = measures[name], self._state.history[self._state.best].measures[name]
        if math.isnan(before):  # no measure, as of a single label: any number is better
            return not math.isnan(now)
        return now < before if self._settings.lower_is_better else now > before

    def _out_of_patience(self) -> bool:
        waited = self._state.epoch - 1 - self._state.best
        return 0 < self._settings.patience <= waited and self._settings.measure is not None

    def _keep_best(self) -> None:
        module = self._trainable.module
        if self._folder is None:
            self._best_weights = {k: v.detach().clone() for k, v in module.state_dict().items()}
            return
        self._state.best_file = f"best-{self._state.epoch}.safetensors"
        if self._processes.main:
            checkpoint.save_weights(module, self._folder / self._state.best_file)

    def _load_best(self) -> None:
        if self._folder is None:
            self._trainable.module.load_state_dict(self._best_weights)
        elif self._state.best_file is not None:
            checkpoint.load_weights(self._trainable.module, self._folder / self._state.best_file)

    def _tell(self, losses: Mapping[str, float]) -> None:
        self._late.add(losses)
        if self._step % _REPORT_EVERY == 0:
            self._write("loss", self._late.means(), self._step)
            if self._report is not None:
                self._report(self._progress(self._state.epoch, None))

    def _progress(self, epoch: int, measures: Mapping[str, float] | None) -> Progress:
        passed_s = max(time.monotonic() - self._begun_s, 1e-9)
        per_s = (self._step - self._begun_step) / passed_s
        left_s = (self._n_steps - self._step) / max(per_s, 1e-9)
        return Progress(
            epoch, self._step, self._n_steps, self._late.means(), per_s, left_s, measures
        )

    def _write(self, tag: str, values: Mapping[str, float], step: int) -> None:
        if self._writer is not None:
            for name, value in values.items():
                self._writer.add_scalar(f"{tag}/{name}", value, step)

    def _perhaps_save(self) -> None:
        due = time.monotonic() - self._saved_s >= self._settings.checkpoint_every_s
        stop, due = self._processes.any(self._stop(), due)
        if stop or due:
            self._save()
        if stop:
            raise Interrupted(
                f"stopped at step {self._step} of {self._n_steps}; "
                + ("run again to go on" if self._folder else "nothing was kept")
            )

    def _save(self) -> None:
        if self._folder is None:
            return
        random = {
            self._random(rank) + name: part
            for name, state in checkpoint.random_tensors().items()
            for rank, part in enumerate(self._processes.gather(state))
        }
        tensors = {
            **_prefixed("model.", self._trainable.module.state_dict()),
            **_prefixed("balancer.", self._balancer_module.state_dict()),
            **_prefixed("optimizer.", checkpoint.optimizer_tensors(self._optimizer)),
            **random,
        }
        facts: dict[str, Any] = msgspec.to_builtins(self._state)
        facts["identity"] = self._identity
        if self._processes.main:
            # The last step of an epoch and its end are two states of one step.
            name = f"epoch-{self._state.epoch}-{self._state.batch}"
            checkpoint.write(self._folder, name, tensors, facts)
        self._processes.wait()  # whoever ended before it is written would end the writer, too
        self._saved_s = time.monotonic()

    def _resume(self) -> None:
        found = None if self._folder is None else checkpoint.read(self._folder)
        if found is None:
            return
        for name, ours in self._identity.items():
            theirs = found.facts["identity"].get(name)
            if theirs != ours and (apart := differing(theirs, ours)):
                raise CheckpointError(
                    f"{self._folder} holds a training with other {name} ({apart}): "
                    "use another folder, or begin anew with --restart"
                )
        self._trainable.module.load_state_dict(found.under("model."))
        self._balancer_module.load_state_dict(found.under("balancer."))
        checkpoint.restore_optimizer(self._optimizer, found.under("optimizer."))
        checkpoint.restore_random(found.under(self._random(self._processes.rank)))
        facts = {name: found.facts[name] for name in _State.__slots__}
        self._state = msgspec.convert(facts, _State)

    def _random(self, rank: int) -> str:
        """Before the names of a process's generators."""
        return "rng." if self._processes.count == 1 else f"rng.{rank}."


def _prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {prefix + name: tensor for name, tensor in tensors.items()}
