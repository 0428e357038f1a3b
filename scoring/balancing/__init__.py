"""How several losses become one gradient: one contract, one method a file."""

from scoring.balancing.cagrad import CAGrad
from scoring.balancing.choice import BALANCERS, balancer_of, make_balancer
from scoring.balancing.contract import Balancer
from scoring.balancing.dwa import DynamicWeightAverage
from scoring.balancing.fixed import FixedWeights
from scoring.balancing.gradnorm import GradNorm
from scoring.balancing.pcgrad import PCGrad
from scoring.balancing.uncertainty import UncertaintyWeights

__all__ = [
    "BALANCERS",
    "Balancer",
    "CAGrad",
    "DynamicWeightAverage",
    "FixedWeights",
    "GradNorm",
    "PCGrad",
    "UncertaintyWeights",
    "balancer_of",
    "make_balancer",
]
