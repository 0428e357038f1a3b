"""The arms of the loop: an experiment's variants. Half the users are of the one that must prove."""

from __future__ import annotations

from pathlib import Path
from typing import Final

BEST: Final = "best"
LEARNED: Final = "learned"
UNIFORM: Final = "uniform"
ARMS: Final = (BEST, LEARNED, UNIFORM)

WHAT: Final = {
    BEST: "the best by score; from the first ranker on, its newest heads",
    LEARNED: "drawn from the same scores, more sharply with each proof; or from heads learned by "
    "policy gradient, once they are promoted",
    UNIFORM: "the same candidates with equal chances",
}

CANDIDATE: Final = "candidate"
"""The shadow beside the learned arm: what may be promoted next."""

OWN_FILE: Final = "worker.toml"
LEARNED_FILE: Final = "learned.toml"
CANDIDATE_FILE: Final = "candidate.toml"
_FIRST_DRAW: Final = 'draw = "softmax"\ntemperature = 0.05\n'
"""What the learned arm begins with: it draws, or its lists could not speak for another policy."""


def write_experiment(folder: Path) -> Path:
    """Write the experiment and the policies of the worker and of its arms; a new folder's.

    *best* orders by score; *learned* begins as a wide draw from the same scores and has what is
    promoted; *uniform* draws from the same candidates with equal chances. The worker follows all of
    these files, so that whoever replaces one changes its arm.
    """
    (folder / OWN_FILE).write_text("")
    for name in (LEARNED_FILE, CANDIDATE_FILE):
        (folder / name).write_text(_FIRST_DRAW)
    experiment = folder / "experiment.toml"
    experiment.write_text(
        'name = "closed-loop"\n'
        f'\n[[variants]]\nname = "{BEST}"\nshare = 0.25\n'
        f'\n[[variants]]\nname = "{LEARNED}"\nshare = 0.5\npolicy = "{LEARNED_FILE}"\n'
        f'\n[[variants]]\nname = "{UNIFORM}"\nshare = 0.25\npolicy = {{ epsilon = 1.0 }}\n'
        f'\n[[shadows]]\nname = "{CANDIDATE}"\nbeside = "{LEARNED}"\npolicy = "{CANDIDATE_FILE}"\n'
    )
    return experiment
