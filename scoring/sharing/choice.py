"""A form of sharing by the name that a configuration gives it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any, Final

from scoring.errors import SharingError
from scoring.sharing.contract import Sharing
from scoring.sharing.hard import HardSharing
from scoring.sharing.mmoe import MMoE
from scoring.sharing.ple import PLE

SHARINGS: Final[Mapping[str, Callable[..., Sharing]]] = {
    "hard": HardSharing,
    "mmoe": MMoE,
    "ple": PLE,
}


def make_sharing(name: str, dim: int, outputs: Mapping[str, int], **options: Any) -> Sharing:
    """The form of sharing of that name.

    Args:
        name: One of SHARINGS.
        dim: D, of the features.
        outputs: Task -> number of logits.
        options: The keyword arguments of its class.

    Raises:
        SharingError: No such form, or no such option.
    """
    if name not in SHARINGS:
        raise SharingError(f"no sharing is called {name!r}; there are {', '.join(SHARINGS)}")
    made = SHARINGS[name]
    known = [each for each in inspect.signature(made).parameters if each not in ("dim", "outputs")]
    if unknown := options.keys() - set(known):
        raise SharingError(f"sharing {name} has no {sorted(unknown)}; it has {known}")
    return made(dim, outputs, **options)
