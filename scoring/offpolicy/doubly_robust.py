"""DR: the model's estimate, its errors weighed as IPS weighs rewards."""

from __future__ import annotations

from scoring.offpolicy.terms import Floats, Terms


def doubly_robust(weights: Floats, rewards: Floats, predicted: Floats, expected: Floats) -> Terms:
    """V = 1/n Σ_i E_{a~π} q(x_i, a) + w_i (r_i − q(x_i, a_i)).

    Robins, Rotnitzky & Zhao 1994; Dudík, Langford & Li, ICML 2011.

    Assumes: propensities are right and there is support, *or* the model is right.
    Bias: none if either holds (with cross-fitting). Variance: E_μ[w² Var(r|x,a)] / n plus
    that of w (q − E r): smaller than of IPS where the model predicts anything at all.

    Args:
        weights: (n,), at least 0.
        rewards: (n,).
        predicted: (n,) q of what was logged, from a model fitted on other lists.
        expected: (n,) q expected under the target.
    """
    return Terms.mean(expected + weights * (rewards - predicted))
