"""A balancer by the name that a configuration gives it."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, Final

from scoring.balancing.cagrad import CAGrad
from scoring.balancing.contract import Balancer
from scoring.balancing.dwa import DynamicWeightAverage
from scoring.balancing.fixed import FixedWeights
from scoring.balancing.gradnorm import GradNorm
from scoring.balancing.pcgrad import PCGrad
from scoring.balancing.uncertainty import UncertaintyWeights
from scoring.errors import BalancerError
from scoring.training.recipe import Balancing

BALANCERS: Final[Mapping[str, type[Balancer]]] = {
    "fixed": FixedWeights,
    "uncertainty": UncertaintyWeights,
    "dwa": DynamicWeightAverage,
    "gradnorm": GradNorm,
    "pcgrad": PCGrad,
    "cagrad": CAGrad,
}


def make_balancer(name: str, tasks: Sequence[str], **options: Any) -> Balancer:
    """The balancer of that name.

    Args:
        name: One of BALANCERS.
        tasks: Names of the losses that it will be given.
        options: The keyword arguments of its class.

    Raises:
        BalancerError: No such balancer, no such option, or a value out of its range.
    """
    if name not in BALANCERS:
        raise BalancerError(f"no balancer is called {name!r}; there are {', '.join(BALANCERS)}")
    made = BALANCERS[name]
    known = [option for option in inspect.signature(made).parameters if option != "tasks"]
    if unknown := options.keys() - set(known):
        raise BalancerError(
            f"balancer {name} has no {sorted(unknown)}; it has {known or 'no options'}"
        )
    try:
        return made(tasks, **options)
    except TypeError as error:
        raise BalancerError(f"balancer {name} cannot have {options}: {error}") from error


def balancer_of(balancing: Balancing, weights: Mapping[str, float]) -> Balancer:
    """The balancer that a recipe asks for.

    Args:
        balancing: As the recipe says it.
        weights: Of its tasks, by name: what fixed weights are.

    Raises:
        BalancerError: As of `make_balancer`.
    """
    fixed = {"weights": dict(weights)} if balancing.method == "fixed" else {}
    return make_balancer(balancing.method, list(weights), **{**balancing.options, **fixed})
