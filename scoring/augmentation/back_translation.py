"""Texts translated into another language and back, once for a training, by models of the user."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final

import torch

from scoring.augmentation.settings import BackTranslation
from scoring.errors import RecipeError

_TOGETHER: Final = 32
_LONGEST: Final = 512  # tokens of a text; the rest is not translated
_NAME: Final = "translated.jsonl"


def translated(
    texts: Sequence[str],
    settings: BackTranslation,
    folder: Path,
    state: Path,
    *,
    progress: Callable[[int, int], None] | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> dict[str, str] | None:
    """Text -> what came back; without those that came back as they were, or as nothing.

    What is done is kept in the state folder, so that it is done once. Words are chosen greedily:
    the same models say the same each time.

    Args:
        texts: Distinct ones.
        settings: Folders of the two models.
        folder: Beneath which they are.
        state: Where a training keeps what it needs to go on.
        progress: Called with (done, n) after each batch.
        stop: Asked after each batch.

    Returns:
        None if it was asked to stop.

    Raises:
        RecipeError: A folder that holds no such model.
    """
    there, back = folder / settings.there, folder / settings.back
    whole = hashlib.sha256(json.dumps(texts).encode())
    for model in (there, back):
        whole.update(_fingerprint(model))
    head = json.dumps({"of": whole.hexdigest()})
    file = state / _NAME
    done = _kept(file, head)
    if len(done) < len(texts):
        state.mkdir(parents=True, exist_ok=True)
        pair = _Translator(there), _Translator(back)
        with file.open("a" if done else "w", encoding="utf-8") as stream:
            if not done:
                stream.write(head + "\n")
            for start in range(len(done), len(texts), _TOGETHER):
                if stop():
                    return None
                part = pair[1](pair[0](texts[start : start + _TOGETHER]))
                stream.write(json.dumps(part, ensure_ascii=False) + "\n")
                stream.flush()
                done += part
                if progress is not None:
                    progress(len(done), len(texts))
    pairs = zip(texts, done, strict=True)
    return {text: other for text, other in pairs if other and other != text}


def _kept(file: Path, head: str) -> list[str]:
    """What the file has of whole batches, if it is of the same texts and models."""
    if not file.is_file():
        return []
    lines = file.read_bytes().splitlines(keepends=True)
    if not lines or lines[0].rstrip(b"\n") != head.encode():
        return []
    whole = [line for line in lines if line.endswith(b"\n")]
    if len(whole) < len(lines):  # killed within a line, perhaps within a letter
        os.truncate(file, sum(map(len, whole)))
    return [text for line in whole[1:] for text in json.loads(line)]


def _fingerprint(model: Path) -> bytes:
    digest = hashlib.sha256()
    for file in sorted([*model.glob("*.safetensors"), *model.glob("*.json")]):
        with file.open("rb") as stream:
            digest.update(file.name.encode() + hashlib.file_digest(stream, "sha256").digest())
    return digest.digest()


class _Translator:
    """One model, one direction."""

    def __init__(self, folder: Path) -> None:
        from transformers import AutoModelForSeq2SeqLM, AutoTokenizer
        from transformers.utils import logging

        if not folder.is_dir():
            raise RecipeError(f"{folder} is not a folder: augmentation.back_translation names it")
        logging.disable_progress_bar()
        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(
                folder, local_files_only=True, trust_remote_code=False
            )
            self._model: Any = AutoModelForSeq2SeqLM.from_pretrained(
                folder, local_files_only=True, use_safetensors=True, trust_remote_code=False
            )
        except (OSError, ValueError, KeyError, ImportError) as error:
            raise RecipeError(
                f"{folder} holds no translation model that loads ({type(error).__name__}: "
                f"{error}): a folder of save_pretrained is wanted, with safetensors and tokenizer"
            ) from error
        self._model.eval().requires_grad_(False)
        places: int = getattr(self._model.config, "max_position_embeddings", _LONGEST)
        self._longest = min(places - 1, _LONGEST)

    def __call__(self, texts: Sequence[str]) -> list[str]:
        """Texts (n) -> (n), each in the other language."""
        asked = self._tokenizer(
            list(texts),
            return_tensors="pt",
            padding=True,
            truncation=True,
            max_length=self._longest,
        )
        length = asked["input_ids"].shape[1]
        with torch.inference_mode():
            said = self._model.generate(
                input_ids=asked["input_ids"],
                attention_mask=asked["attention_mask"],
                do_sample=False,
                num_beams=1,
                max_new_tokens=min(2 * length + 8, self._longest - 1),
            )
        found: list[str] = self._tokenizer.batch_decode(said, skip_special_tokens=True)
        return [" ".join(text.split()) for text in found]
