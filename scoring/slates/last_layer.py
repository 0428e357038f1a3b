"""The last layer as a Bayesian: a Gaussian over the weights of a score's terms."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scoring.slates.beliefs import Beliefs
from scoring.slates.chance import normals
from scoring.slates.drawing import Drawing


@dataclass(frozen=True, slots=True)
class LastLayer:
    """Linear regression with known noise; what is believed of F weights after some rewards.

    (Bishop 2006, section 3.3). Kept as precision and precision times mean, so that rewards add up
    whatever their order.

    Attributes:
        precision: (F, F) inverse covariance of the weights.
        shift: (F,) precision times mean.
        noise: Standard deviation of a reward around its mean.
    """

    precision: NDArray[np.float64]
    shift: NDArray[np.float64]
    noise: float = 1.0

    @classmethod
    def around(cls, mean: NDArray[np.float64], deviation: float, noise: float = 1.0) -> LastLayer:
        """Before any reward: independent weights around these, each with that deviation."""
        precision = np.eye(len(mean)) / deviation**2
        return cls(precision, precision @ mean, noise)

    @classmethod
    def of(cls, drawing: Drawing, n_terms: int) -> LastLayer:
        """What a drawing believes of so many weights: as learned, or 1 with its deviation."""
        if (learned := drawing.beliefs) is None:
            return cls.around(np.ones(n_terms), drawing.weight_deviation)
        precision = np.array(learned.precision)
        return cls(precision, precision @ np.array(learned.mean))

    @property
    def beliefs(self) -> Beliefs:
        """The same as numbers of a policy."""
        return Beliefs(tuple(self.mean.tolist()), tuple(map(tuple, self.precision.tolist())))

    def observe(
        self,
        features: NDArray[np.float64],
        rewards: NDArray[np.float64],
        importance: NDArray[np.float64] | None = None,
    ) -> LastLayer:
        """What is believed after more rewards.

        Args:
            features: (R, F).
            rewards: (R,).
            importance: (R,) weight of each, as of an inverse propensity; None = 1.
        """
        weighted = features if importance is None else features * importance[:, None]
        return self.plus(weighted.T @ features, weighted.T @ rewards)

    def plus(self, squares: NDArray[np.float64], cross: NDArray[np.float64]) -> LastLayer:
        """The same by sums over rewards: (F, F) of x xᵀ and (F,) of x r, x being features."""
        scale = 1.0 / self.noise**2
        return LastLayer(self.precision + scale * squares, self.shift + scale * cross, self.noise)

    @property
    def mean(self) -> NDArray[np.float64]:
        """(F,) the most likely weights."""
        return np.linalg.solve(self.precision, self.shift).astype(np.float64)

    def sample(self, recommendation_id: str, n: int) -> NDArray[np.float64]:
        """(n, F) weights, the same ones for the same list."""
        factor = np.linalg.cholesky(self.precision)  # L Lᵀ = precision
        spread = normals(recommendation_id, (len(self.shift), n))
        return self.mean + np.linalg.solve(factor.T, spread).T.astype(np.float64)
