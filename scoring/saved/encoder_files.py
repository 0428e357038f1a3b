"""What every saved encoder is made of: weights, configuration, tokenizer, pooling."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Final

from scoring.language.adaptation import merged
from scoring.language.model import LanguageModel

_COPIED: Final = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.txt",
    "sentence_bert_config.json",
    "1_Pooling/config.json",
    "modules.json",
)


def write_encoder(folder: Path, language: LanguageModel) -> None:
    """Write what `load_encoder` reads; updates of low rank are added to the weights."""
    from transformers.utils import logging

    source = language.folder
    logging.disable_progress_bar()
    merged(language.backbone).save_pretrained(folder)  # type: ignore[operator]
    for name in _COPIED:
        if (source.path / name).is_file():
            (folder / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(source.path / name, folder / name)
    if not (folder / "1_Pooling").exists():
        (folder / "1_Pooling").mkdir()
        pooling = json.dumps({"pooling_mode": source.pooling})
        (folder / "1_Pooling" / "config.json").write_text(pooling, "utf-8")
