"""What is believed of the weights of a score's terms, as numbers of a policy."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
import numpy as np

MAX_TERMS: Final = 64

_LARGEST: Final = 1e9
_SUREST: Final = 1e18  # a deviation of 1e-9

_Numbers = Annotated[tuple[float, ...], msgspec.Meta(max_length=MAX_TERMS)]


class Beliefs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A Gaussian over F weights, as `rillstream policy believe` learns it from a log.

    Attributes:
        mean: F weights, of which 1 leaves a term as it is.
        precision: F rows of F numbers, the inverse of their covariance.
    """

    mean: _Numbers
    precision: Annotated[tuple[_Numbers, ...], msgspec.Meta(max_length=MAX_TERMS)]

    def problem(self) -> str | None:
        """What makes no distribution of these numbers; None = nothing."""
        n = len(self.mean)
        if not n or {len(self.precision), *map(len, self.precision)} != {n}:
            return f"beliefs need a precision of {n} rows of {n} numbers, as there are means"
        precision = np.array(self.precision)
        if not (np.abs(self.mean) <= _LARGEST).all() or not (np.abs(precision) <= _SUREST).all():
            return (
                f"beliefs must be finite numbers: means up to {_LARGEST:g}, "
                f"precisions up to {_SUREST:g}"
            )
        eigenvalues = np.linalg.eigvalsh(precision)
        if not np.allclose(precision, precision.T) or eigenvalues.min() < 1 / _SUREST:
            return "the precision of beliefs must be symmetric and positive definite"
        return None
