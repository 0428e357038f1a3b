"""What is believed of the weights of a score's terms, as numbers of a policy."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec
import numpy as np

MAX_TERMS: Final = 64

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
        if not (np.isfinite(self.mean).all() and np.isfinite(precision).all()):
            return "beliefs must be finite numbers"
        if not np.allclose(precision, precision.T) or np.linalg.eigvalsh(precision).min() <= 0:
            return "the precision of beliefs must be symmetric and positive definite"
        return None
