"""A recipe for domain pretraining: which files, which losses, how it is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec

from scoring.errors import RecipeError
from scoring.training.recipe import BackboneSettings, Card, Count, Share, Strict, decoded
from scoring.training.settings import LoopSettings

Weight = Annotated[float, msgspec.Meta(ge=0)]


class Source(Strict, frozen=True, kw_only=True):
    """Files of one kind of rows.

    Attributes:
        files: .jsonl, .csv, .tsv or .parquet, beneath the data folder.
        columns: Documented name -> name in the files, or several whose texts are joined.
        separator: Of .csv files.
        max_rows: Learn from so many at most, chosen by the seed.
    """

    files: Annotated[list[str], msgspec.Meta(min_length=1)]
    columns: dict[str, str | list[str]] = msgspec.field(default_factory=dict)
    separator: str = ","
    max_rows: Count | None = None


class Weights(Strict, frozen=True, kw_only=True):
    """Of the losses; 0 = not computed.

    Attributes:
        words: Hidden words of all texts.
        clicks: A query finds the title that was clicked.
        items: A title finds its description.
    """

    words: Weight = 0.1
    clicks: Weight = 1.0
    items: Weight = 1.0


class Masking(Strict, frozen=True, kw_only=True):
    """What is hidden of a text (Devlin et al., NAACL 2019, section 3.1).

    Attributes:
        share: Of its tokens.
        whole_words: All tokens of a word together; false = each token for itself.
    """

    share: Annotated[float, msgspec.Meta(gt=0, lt=1)] = 0.15
    whole_words: bool = True


class Pretraining(Strict, frozen=True, kw_only=True):
    """What a TOML file for `rillstream pretrain` says.

    Attributes:
        name: Of the encoder.
        catalogue: Rows `title` and perhaps `description`, by a name of each source.
        queries: Rows `query`, `title`: what was searched, and the title that was clicked.
        held_out: Share of titles, and of queries, that is only measured.
        batch_size: Rows of all losses in one step.
        temperature: Rows of a loss in a step ~ rows ** (1 / temperature).
        contrast: Temperature of the softmax over cosines.
        split_seed: Of what is held out; training.seed leaves it as it is.
    """

    name: str
    catalogue: dict[str, Source] = msgspec.field(default_factory=dict)
    queries: dict[str, Source] = msgspec.field(default_factory=dict)
    held_out: Share = 0.05
    weights: Weights = Weights()
    masking: Masking = Masking()
    contrast: Annotated[float, msgspec.Meta(gt=0)] = 0.05
    backbone: BackboneSettings = BackboneSettings()
    training: LoopSettings = LoopSettings(epochs=1)
    card: Card = Card()
    batch_size: Count = 96
    temperature: Annotated[float, msgspec.Meta(ge=1)] = 2.0
    split_seed: int = 0


def read_pretraining(file: Path) -> Pretraining:
    """Read one.

    Raises:
        RecipeError: It is none; with the place that is wrong.
    """
    if not file.is_file():
        raise RecipeError(f"{file} is not a file: name a recipe in TOML, see docs/pretraining.md")
    recipe = decoded(file, Pretraining)
    if not recipe.catalogue and not recipe.queries:
        raise RecipeError(f"{file} names no files: [catalogue.NAME] or [queries.NAME] with `files`")
    return recipe
