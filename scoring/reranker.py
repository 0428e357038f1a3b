"""The last candidates of a search in a better order: query and title are read together.

A bi-encoder's cosine compares two vectors that were made without each other; a cross-encoder sees
both texts at once and costs a pass through the layers for each pair, so it is for the 50 best and
not for a catalogue (Nogueira & Cho 2019).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open

from scoring.backbone import PairBackbone, load_pair_backbone
from scoring.damage import DAMAGE
from scoring.device import device_of
from scoring.encoder import load_tokenizer
from scoring.errors import EncoderFormatError, ModelError
from scoring.folder import read_folder
from scoring.heads.pair_grade import PairGrade
from scoring.language.groups import groups
from scoring.pairs import pool_sides
from scoring.saved.folder import heads_file, read_saved, tasks_of
from scoring.tasks.cross_relevance import CrossRelevance

if TYPE_CHECKING:
    from tokenizers import Tokenizer

    from scoring.backbone import Precision


class Reranker:
    """A cross-encoder at work. For one thread at a time.

    Attributes:
        version: Of its encoder and head.
    """

    def __init__(
        self,
        backbone: PairBackbone,
        tokenizer: Tokenizer,
        task: CrossRelevance,
        head: PairGrade,
        *,
        version: str,
    ) -> None:
        self.version = version
        self._backbone = backbone
        self._tokenizer = tokenizer
        self._task = task
        self._head = head.eval()

    def scores(self, query: str, titles: Sequence[str]) -> NDArray[np.float32]:
        """The grade that each title is expected to get for the query: (n,), on the rows' scale.

        Pairs of like length share a batch, so that little of it is padding.
        """
        grades = np.empty(len(titles), dtype=np.float32)
        if not titles:
            return grades
        for group in groups(self._tokenizer.encode_batch([(query, title) for title in titles])):
            tokens = (torch.tensor(each) for each in (group.ids, group.mask, group.segments))
            with torch.inference_mode():
                hidden = self._backbone(*tokens)  # (m, T, d)
                sides = torch.tensor(group.sides, device=hidden.device)
                vectors = tuple(pool_sides(hidden.float(), sides).cpu())
                grades[group.places] = self._task.grades(self._head, vectors).numpy()
        return grades

    def order(self, query: str, titles: Sequence[str]) -> NDArray[np.int64]:
        """Places of the titles, the best first; equal ones stay in their order."""
        return np.argsort(-self.scores(query, titles), kind="stable")


def load_reranker(
    folder: str | Path,
    task: str | None = None,
    *,
    threads: int,
    precision: Precision = "auto",
    device: str = "cpu",
) -> Reranker:
    """Load the cross-encoder of a model that `rillstream train` has saved.

    Args:
        folder: Of the model.
        task: Its name; None = the only one of type `cross-relevance`.
        threads: For torch, in the whole process.
        precision: Of the layers; auto = bfloat16 where the device computes with it.
        device: Where the layers compute, see `device_of`.

    Raises:
        DeviceError: That is not there.
        ModelError: It has no such task, or several and none is named.
        EncoderFormatError: It does not load.
    """
    torch.set_num_threads(threads)
    where = device_of(device)
    folder = Path(folder)
    saved = read_saved(folder)
    crosses = {n: t for n, t in tasks_of(saved).items() if isinstance(t, CrossRelevance)}
    names = [task] if task is not None else list(crosses)
    if len(names) != 1 or names[0] not in crosses:
        raise ModelError(
            f"{folder} has {', '.join(crosses) or 'no task'} of type cross-relevance"
            + (f", not {task!r}" if task is not None else ": one is needed, or its name")
        )
    source = read_folder(folder)
    head = PairGrade(source.dim)
    try:
        with safe_open(heads_file(folder), "pt") as file:
            head.load_state_dict(
                {name: file.get_tensor(f"{names[0]}.{name}") for name in head.state_dict()}
            )
    except DAMAGE as error:
        raise EncoderFormatError(f"{folder} does not load ({error})") from error
    limit = min(source.max_tokens, saved.recipe.backbone.max_tokens or source.max_tokens)
    return Reranker(
        load_pair_backbone(source, precision, where),
        load_tokenizer(source, limit),
        crosses[names[0]],
        head,
        version=saved.version(),
    )
