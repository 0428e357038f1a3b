"""DM: a model of the reward, asked about what the target would do."""

from __future__ import annotations

from scoring.offpolicy.terms import Floats, Terms


def direct_method(expected: Floats) -> Terms:
    """V = 1/n Σ_i E_{a~π(·|x_i)} q(x_i, a).

    Beygelzimer & Langford, KDD 2009; Dudík, Langford & Li, ICML 2011.

    Assumes: the model q is right wherever the target goes. Needs no propensities.
    Bias: that of the model, and no number of lists makes it smaller; its interval does not know of
    it. Variance: small, Var(E_π q) / n.

    Args:
        expected: (n,) reward that the model expects under the target. The model was fitted on other
            lists than these (cross-fitting), else it has seen the answers.
    """
    return Terms.mean(expected)
