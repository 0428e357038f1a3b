"""What tasks share and what each keeps. One contract, comparable by number of parameters."""

from scoring.sharing.budget import count_parameters, fit_width
from scoring.sharing.choice import SHARINGS, make_sharing
from scoring.sharing.contract import Sharing
from scoring.sharing.experts import Experts
from scoring.sharing.hard import HardSharing
from scoring.sharing.mmoe import MMoE
from scoring.sharing.ple import PLE

__all__ = [
    "PLE",
    "SHARINGS",
    "Experts",
    "HardSharing",
    "MMoE",
    "Sharing",
    "count_parameters",
    "fit_width",
    "make_sharing",
]
