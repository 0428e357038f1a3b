"""What becomes of a training row at a step: a function of seed, step and text, so it resumes."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from scoring.augmentation.back_translation import translated
from scoring.augmentation.settings import Augmentation
from scoring.augmentation.synonyms import nearest_words, read_synonyms, words_of
from scoring.augmentation.words import Synonyms, edited
from scoring.errors import RecipeError
from scoring.language.model import LanguageModel
from scoring.tasks.contract import Example


@dataclass(frozen=True, slots=True)
class Changes:
    """How rows are changed.

    Attributes:
        settings: The chances.
        synonyms: For words.
        translations: For whole texts.
        seed: Of the training.
    """

    settings: Augmentation
    synonyms: Synonyms
    translations: Mapping[str, str]
    seed: int

    def rows(self, task: str, rows: Sequence[Example], step: int) -> list[Example]:
        """The rows of a task at a step; equal texts of a step become equal texts.

        So texts that a contrast must not tell apart stay the same, and one query of many titles
        stays one query.
        """
        if self.settings.tasks and task not in self.settings.tasks:
            return list(rows)
        return [
            replace(row, texts=tuple(self._changed(text, step) for text in row.texts))
            for row in rows
        ]

    def digest(self) -> str:
        """What a training must have the same to go on."""
        said = [sorted(self.synonyms.items()), sorted(self.translations.items())]
        return hashlib.blake2b(msgspec.json.encode(said), digest_size=8).hexdigest()

    def _changed(self, text: str, step: int) -> str:
        draw = random.Random(f"{self.seed} {step} {text}")  # noqa: S311 - no secret
        translation = self.settings.back_translation
        if translation is not None and draw.random() < translation.share:
            text = self.translations.get(text, text)
        return (
            edited(text, self.settings, self.synonyms, draw)
            if (draw.random() < self.settings.share)
            else text
        )


def make_changes(
    settings: Augmentation,
    texts: Mapping[str, Sequence[str]],
    language: LanguageModel,
    *,
    seed: int,
    folder: Path,
    state: Path,
    progress: Callable[[int, int], None] | None = None,
    stop: Callable[[], bool] = lambda: False,
) -> Changes | None:
    """Find synonyms and translations for the texts of training rows.

    Args:
        settings: Of the recipe.
        texts: Of the training rows, by task.
        language: Before it has learned: its word vectors say which words are near.
        seed: Of the training.
        folder: Of the recipe's files.
        state: Where a training keeps what it needs to go on.
        progress: Called with (done, n) while texts are translated.
        stop: Asked meanwhile.

    Returns:
        None if it was asked to stop.

    Raises:
        RecipeError: A task that there is not, or files that cannot be used.
    """
    if unknown := set(settings.tasks) - texts.keys():
        raise RecipeError(
            f"augmentation.tasks has {sorted(unknown)}; the tasks are {', '.join(texts)}"
        )
    wanted = settings.tasks or list(texts)
    distinct = list(dict.fromkeys(text for task in wanted for text in texts[task]))
    synonyms: Synonyms = {}
    if settings.synonyms and settings.synonym_file is not None:
        synonyms = read_synonyms(folder / settings.synonym_file)
    elif settings.synonyms:
        synonyms = nearest_words(*language.whole_words(), words_of(distinct))
    translations: dict[str, str] | None = {}
    if settings.back_translation is not None:
        translations = translated(
            distinct, settings.back_translation, folder, state, progress=progress, stop=stop
        )
    if translations is None:
        return None
    return Changes(settings, synonyms, translations, seed)
