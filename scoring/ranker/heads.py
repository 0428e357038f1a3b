"""Heads as they travel: a network, what its columns and outputs mean, and a version; as bytes."""

from __future__ import annotations

import copy
import hashlib
import json
from dataclasses import dataclass, replace
from typing import Any, Final

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors.torch import load, save
from torch import Tensor

from scoring.damage import DAMAGE
from scoring.errors import RankerError
from scoring.history import item_digest
from scoring.ranker.network import HeadsNetwork
from scoring.ranker.pieces import Pieces
from scoring.ranker.served import ServedNetwork

TASKS: Final = ("ctr", "engagement", "cvr", "value")
"""What heads may predict: three chances, and an expected value without bounds."""

MAX_BYTES: Final = 900_000
"""Heads travel in one Kafka message, whose usual limit is a million bytes with its headers."""

_FORMAT: Final = 1
_KEY: Final = "rillstream-heads"
_PIECES: Final = "pieces.columns"


class _Facts(msgspec.Struct, frozen=True, kw_only=True):
    format: int
    features: tuple[str, ...]
    tasks: tuple[str, ...]
    width: int
    n_hidden: int
    item_width: int


@dataclass(frozen=True, slots=True, eq=False)
class Heads:
    """One version; what learns makes another one from its own network with `of`.

    Attributes:
        version: `heads-` and 8 hex digits of all that it says.
        features: Names of the F columns.
        tasks: T names of `TASKS`.
        network: Never changed: a copy, in evaluation mode.
        served: The same, as and where it scores.
    """

    version: str
    features: tuple[str, ...]
    tasks: tuple[str, ...]
    network: HeadsNetwork
    served: ServedNetwork

    @classmethod
    def of(cls, features: tuple[str, ...], tasks: tuple[str, ...], network: HeadsNetwork) -> Heads:
        """A version of a network as it is now.

        Raises:
            RankerError: Names and network do not fit, or a number is not finite.
        """
        if problem := _problem(features, tasks, network):
            raise RankerError(f"no heads can be made of this network: {problem}")
        own = copy.deepcopy(network).eval().requires_grad_(requires_grad=False)
        content = hashlib.sha256(msgspec.json.encode(_facts(features, tasks, own)))
        for name, tensor in sorted(own.state_dict().items()):
            content.update(name.encode())
            content.update(tensor.numpy().tobytes())
        version = f"heads-{content.hexdigest()[:8]}"
        return cls(version, features, tasks, own, ServedNetwork(own))

    def on(self, device: torch.device) -> Heads:
        """The same version, scoring there."""
        if device == self.served.device:
            return self
        return replace(self, served=ServedNetwork(self.network, device))

    @property
    def features_version(self) -> str:
        """`features-` and 8 hex digits of the columns' names: rows of other columns do not fit."""
        return features_version(self.features)

    def codes(self, item_ids: list[str]) -> NDArray[np.int64]:
        """(n,) item codes; 0 where items have no vectors."""
        return codes_of(item_ids, self.network.n_codes)

    def score(
        self, features: NDArray[np.float32], codes: NDArray[np.int64] | None = None
    ) -> NDArray[np.float32]:
        """(M, F) raw features, (M,) codes of `codes` -> (M, T) chances; of ``value``, a value.

        A row's numbers depend on nothing but the row, up to the last bits of float32.
        """
        with torch.inference_mode():
            columns = torch.from_numpy(np.asarray(features, np.float32).T)  # (F, M)
            given = None if codes is None else torch.from_numpy(codes)
            logits = self.served.calibrated(columns, given)  # (T, M)
            found = torch.sigmoid(logits)
            if "value" in self.tasks:
                at = self.tasks.index("value")
                found[at] = logits[at]
            scores: NDArray[np.float32] = found.cpu().numpy()
        return scores.T

    def to_bytes(self) -> bytes:
        """Safetensors, with the names in their metadata.

        Raises:
            RankerError: Too large for a message: fewer item codes, or narrower layers.
        """
        facts = msgspec.json.encode(_facts(self.features, self.tasks, self.network)).decode()
        tensors = {name: each.contiguous() for name, each in self.network.state_dict().items()}
        raw = save(tensors, metadata={_KEY: facts, "version": self.version})
        if len(raw) > MAX_BYTES:
            raise RankerError(
                f"{self.version} has {len(raw):,} bytes, a message takes {MAX_BYTES:,}: "
                "use fewer item codes or narrower layers"
            )
        return raw

    @classmethod
    def from_bytes(cls, raw: bytes) -> Heads:
        """What `to_bytes` wrote.

        Raises:
            RankerError: Damaged, changed, of another format, or no heads at all.
        """
        try:
            said = _metadata(raw)
            facts = msgspec.json.decode(said[_KEY], type=_Facts)
            if facts.format != _FORMAT:
                raise RankerError(
                    f"heads have format {facts.format}, this version reads {_FORMAT}: "
                    "train them again"
                )
            tensors = load(raw)
            network = _empty(facts, tensors)
            network.load_state_dict(tensors)
        except DAMAGE as error:
            raise RankerError(
                f"{len(raw):,} bytes hold no heads ({type(error).__name__}: {error})"
            ) from error
        heads = cls.of(facts.features, facts.tasks, network)
        if heads.version != said.get("version"):
            raise RankerError(f"{said.get('version')} was changed: its content is {heads.version}")
        return heads


def codes_of(item_ids: list[str], n_codes: int) -> NDArray[np.int64]:
    """(n,) places in a table of `n_codes` vectors; all 0 where it has none."""
    return np.array([item_digest(each) % max(n_codes, 1) for each in item_ids], np.int64)


def features_version(names: tuple[str, ...]) -> str:
    """`features-` and 8 hex digits of the names in their order."""
    return f"features-{hashlib.sha256(chr(10).join(names).encode()).hexdigest()[:8]}"


def _facts(features: tuple[str, ...], tasks: tuple[str, ...], network: HeadsNetwork) -> _Facts:
    return _Facts(format=_FORMAT, features=features, tasks=tasks, **network.shape)


def _empty(facts: _Facts, tensors: dict[str, Tensor]) -> HeadsNetwork:
    """A network of these sizes, made once the tensors that came with them are seen to have them."""
    if min(facts.width, facts.item_width) < 1 or not 0 <= facts.n_hidden <= 8:
        raise ValueError(f"a network of {facts.n_hidden} layers of {facts.width}")

    def made() -> HeadsNetwork:
        return HeadsNetwork(
            len(facts.features),
            len(facts.tasks),
            width=facts.width,
            n_hidden=facts.n_hidden,
            n_codes=len(tensors["items"]),
            item_width=facts.item_width,
            pieces=Pieces(len(pieces)) if (pieces := tensors.get(_PIECES)) is not None else None,
        )

    with torch.device("meta"):  # shapes without memory: two widths of a message multiply
        wanted = {name: each.shape for name, each in made().state_dict().items()}
    if wanted != {name: each.shape for name, each in tensors.items()}:
        raise ValueError("weights of other shapes than it says")
    return made()


def _metadata(raw: bytes) -> dict[str, Any]:
    """A safetensors file begins with the length of a JSON object, and that."""
    length = int.from_bytes(raw[:8], "little")
    if length > len(raw) - 8:
        raise ValueError("shorter than it says")
    header = json.loads(raw[8 : 8 + length])
    found: dict[str, Any] = header["__metadata__"]
    return found


def _problem(
    features: tuple[str, ...], tasks: tuple[str, ...], network: HeadsNetwork
) -> str | None:
    if unknown := [task for task in tasks if task not in TASKS]:
        return f"tasks {unknown}; known are {TASKS}"
    if len(set(tasks)) != len(tasks) or len(set(features)) != len(features):
        return "a name twice"
    if (len(features), len(tasks)) != (len(network.mean), len(network.slopes)):
        return (
            f"{len(features)} features and {len(tasks)} tasks for a network of "
            f"{len(network.mean)} and {len(network.slopes)}"
        )
    if wrong := [n for n, each in network.state_dict().items() if not each.isfinite().all()]:
        return f"{', '.join(wrong)} not finite"
    if not bool((network.deviation > 0).all() and (network.slopes > 0).all()):
        return "a deviation or a slope that is not above 0"
    if network.pieces is not None:
        columns = network.pieces.columns
        if not bool(((columns >= 0) & (columns < len(features))).all()):
            return "a piece of a column that there is not"
        if not bool((network.pieces.halves > 0).all()):
            return "a piece without length"
    return None
