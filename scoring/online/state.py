"""A learner's whole state as bytes and back: safetensors, facts as JSON; it goes on bit for bit."""

from __future__ import annotations

import json
from typing import Any, Final

import numpy as np
import torch
from safetensors.torch import load, save
from torch import Tensor

from scoring.damage import DAMAGE
from scoring.errors import OnlineError
from scoring.online.examples import Examples
from scoring.online.learner import OnlineLearner
from scoring.online.settings import OnlineSettings
from scoring.ranker.heads import Heads

_FORMAT: Final = 1
_FACTS: Final = "facts"


def to_bytes(learner: OnlineLearner) -> bytes:
    """All that `from_bytes` needs beside the base and the settings."""
    tensors: dict[str, Tensor] = {
        f"network.{name}": each for name, each in learner.network.state_dict().items()
    }
    tensors |= {f"good.{name}": each for name, each in learner.good.network.state_dict().items()}
    for name, parameter in learner.network.named_parameters():
        moments = learner.optimizer.state.get(parameter, {})
        tensors |= {f"adam.{name}.{kind}": each for kind, each in moments.items()}
    for name, rows in (("replay", learner.replay.rows), ("waiting", learner.waiting)):
        tensors |= {f"{name}.{column}": each for column, each in _columns(rows).items()}
    tensors["chances"] = torch.from_numpy(learner.prequential.chances)
    tensors["happened"] = torch.from_numpy(learner.prequential.happened)
    facts = {
        "format": _FORMAT,
        "base": learner.base.version,
        "n_seen": learner.replay.n_seen,
        "n_rows": learner.n_rows,
        "n_rollbacks": learner.n_rollbacks,
        "guard": learner.guard.facts(),
        "rng": learner.rng.bit_generator.state,
    }
    whole = {name: each.detach().contiguous().clone() for name, each in tensors.items()}
    return save(whole, metadata={_FACTS: json.dumps(facts)})


def from_bytes(raw: bytes, base: Heads, settings: OnlineSettings) -> OnlineLearner | None:
    """The learner that `to_bytes` was given; None where that began with another base.

    Raises:
        OnlineError: The bytes are no such state.
    """
    try:
        length = int.from_bytes(raw[:8], "little")
        facts = json.loads(json.loads(raw[8 : 8 + length])["__metadata__"][_FACTS])
        if facts["format"] != _FORMAT:
            raise OnlineError(f"a learner's state of format {facts['format']}, not {_FORMAT}")
        if facts["base"] != base.version:
            return None
        return _restored(load(raw), facts, base, settings)
    except DAMAGE as error:
        raise OnlineError(f"{len(raw):,} bytes are no learner's state: {error!r}") from error


def _restored(
    tensors: dict[str, Tensor], facts: dict[str, Any], base: Heads, settings: OnlineSettings
) -> OnlineLearner:
    learner = OnlineLearner(base, settings)
    learner.network.load_state_dict(_under(tensors, "good."))
    learner.good = learner.heads
    learner.network.load_state_dict(_under(tensors, "network."))
    for name, parameter in learner.network.named_parameters():
        if moments := _under(tensors, f"adam.{name}."):
            learner.optimizer.state[parameter] = moments
    learner.rng.bit_generator.state = facts["rng"]
    learner.replay.restore(_examples(_under(tensors, "replay.")), int(facts["n_seen"]))
    learner.waiting = _examples(_under(tensors, "waiting."))
    learner.prequential.add(tensors["chances"].numpy(), tensors["happened"].numpy())
    learner.guard.restore(facts["guard"])
    learner.n_rows, learner.n_rollbacks = int(facts["n_rows"]), int(facts["n_rollbacks"])
    return learner


def _columns(rows: Examples) -> dict[str, Tensor]:
    names = ("features", "codes", "targets", "ranks")
    return {name: torch.from_numpy(np.ascontiguousarray(getattr(rows, name))) for name in names}


def _examples(columns: dict[str, Tensor]) -> Examples:
    return Examples(**{name: each.numpy() for name, each in columns.items()})


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {
        name.removeprefix(prefix): each for name, each in tensors.items() if name.startswith(prefix)
    }
