"""A folder's model by transformers: whole, or an error; alone, it fills up what lacks by chance."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import torch
from torch import nn

from scoring.damage import DAMAGE
from scoring.errors import EncoderFormatError
from scoring.folder import EncoderFolder
from scoring.low_rank import add_update

_PLACE: Final = re.compile(r"\.\d+\.")
_UNREAD: Final = "pooler."  # many folders have none, and no vector is made of it


@contextmanager
def faithfully(folder: Path) -> Iterator[None]:
    """Whatever a damaged folder raises in this block becomes one kind of error.

    Raises:
        EncoderFormatError: So.
    """
    try:
        yield
    except DAMAGE as error:
        raise EncoderFormatError(
            f"{folder} does not load as an encoder ({type(error).__name__}: {error}). "
            "Save it again with save_pretrained, or choose another"
        ) from error


def whole_model(
    folder: EncoderFolder, dtype: torch.dtype, changed: Mapping[str, Any] | None = None
) -> nn.Module:
    """Read it, with the update that lies beside it.

    Args:
        folder: Of an encoder.
        dtype: Of its weights.
        changed: What its configuration says otherwise, where it has such names.

    Raises:
        EncoderFormatError: It does not load, a weight is missing, or a layer is left over.
    """
    from huggingface_hub.errors import StrictDataclassError
    from transformers import AutoConfig, AutoModel
    from transformers.utils import logging

    logging.disable_progress_bar()
    with faithfully(folder.path):
        try:
            config: Any = AutoConfig.from_pretrained(folder.path, local_files_only=True)
        except StrictDataclassError as error:
            raise ValueError(str(error)) from error
        for name, value in (changed or {}).items():
            if hasattr(config, name):
                setattr(config, name, value)
        model: nn.Module
        model, found = AutoModel.from_pretrained(
            folder.path,
            config=config,
            local_files_only=True,
            use_safetensors=True,
            trust_remote_code=False,
            dtype=dtype,
            output_loading_info=True,
        )
        if lacking := sorted(n for n in found["missing_keys"] if not n.startswith(_UNREAD)):
            raise ValueError(f"{len(lacking)} weights are not there, {lacking[0]} among them")
        # Heads of another use are left out, layers like those that are read are not.
        known = {_PLACE.sub(".", name) for name in model.state_dict()}
        if over := sorted(n for n in found["unexpected_keys"] if _PLACE.sub(".", n) in known):
            raise ValueError(f"it has more layers than config.json says: {over[0]} is one's")
        if folder.update is not None:
            model.load_state_dict(add_update(model.state_dict(), folder.update))
    return model
