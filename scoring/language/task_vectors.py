"""What experts make of a text's vector for each task that classifies."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn

from scoring.errors import RecipeError
from scoring.sharing import make_sharing
from scoring.tasks.contract import Task
from scoring.training.sharing import TextSharing, options


class TaskVectors(nn.Module):
    """The vector of a text plus what MMoE or PLE adds to it for one task.

    Nothing is added at the beginning, so that heads can begin at class means of the encoder's own
    vectors; and all begin with the same numbers whatever the seed, so that models of other seeds
    have one beginning and can be merged.

    Args:
        dim: d, width of a vector.
        tasks: Of the model; only those that classify have vectors of their own here. The others
            compare vectors as an index will search them, so theirs stay the encoder's.
        settings: Which experts.

    Raises:
        RecipeError: Fewer than two tasks could share them.
    """

    def __init__(self, dim: int, tasks: Mapping[str, Task], settings: TextSharing) -> None:
        super().__init__()
        names = [name for name, task in tasks.items() if task.classifies]
        method = str(settings.__struct_config__.tag)
        if len(names) < 2:
            raise RecipeError(
                f"sharing {method} is between tasks of type classification or binary, and there "
                f"are {len(names)} of {len(tasks)}: the vectors of the others are those of the "
                "index and go through no experts. Leave sharing out"
            )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            outputs = dict.fromkeys(names, dim)
            self.sharing = make_sharing(method, dim, outputs, tower=(), **options(settings))
        for tower in self.sharing.towers:
            *_, last = tower.modules()
            nn.init.zeros_(cast(nn.Linear, last).weight)
            nn.init.zeros_(cast(nn.Linear, last).bias)

    def forward(self, vectors: Tensor, task: str) -> Tensor:
        """(B, d) of the language model -> (B, d) of this task."""
        if task not in self.sharing.outputs:
            return vectors
        added: Tensor = self.sharing(vectors)[task]
        return vectors + added
