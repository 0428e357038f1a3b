"""A training as a TOML file: strict, so that a typing error is an error and not a default."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args, get_type_hints

import msgspec

from scoring.augmentation.settings import Augmentation
from scoring.errors import RecipeError
from scoring.training.settings import LoopSettings
from scoring.training.sharing import TextSharing
from scoring.words.settings import WordsSettings

Share = Annotated[float, msgspec.Meta(ge=0, lt=1)]
Count = Annotated[int, msgspec.Meta(ge=1)]


class Strict(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Base of everything in a recipe."""


class Lora(Strict, frozen=True, kw_only=True):
    """Low-rank updates of all linear layers (Hu et al., ICLR 2022).

    Attributes:
        rank: Of each update.
        alpha: An update is scaled by alpha / rank.
        dropout: Before each update.
        merged: Save whole weights; false = the update alone, a few MB that need the very encoder
            they began as.
    """

    rank: Count = 16
    alpha: Count = 32
    dropout: Share = 0.05
    merged: bool = True


class Adapters(Strict, frozen=True, kw_only=True):
    """Bottlenecks beside the feed-forward layers (He et al., ICLR 2022).

    Attributes:
        width: Units of each; a layer of MiniLM has 1,536.
    """

    width: Count = 64


class BackboneSettings(Strict, frozen=True, kw_only=True):
    """Which language model, and how much of it learns.

    Attributes:
        source: As `scoring.load_encoder` takes it; None = the MiniLM that comes along.
        adaptation: full = every weight; lora = low-rank updates; adapters =
            bottlenecks, folded when saved; frozen = heads only; gradual = full, a layer more each
            epoch (Howard & Ruder, ACL 2018).
        max_tokens: Longer texts are cut in training and by the heads; None = as the model says.
        dropout: In its layers; None = as the model says.
        frozen_words: Leave the word vectors as they are: half of MiniLM's weights.
        precision: Of its layers in training; auto = bfloat16 where the machine multiplies in it.
            Weights and their moments are always float32.
        lora: Where adaptation is lora.
        adapters: Where adaptation is adapters.
    """

    source: str | None = None
    adaptation: Literal["full", "lora", "adapters", "frozen", "gradual"] = "full"
    max_tokens: Annotated[int, msgspec.Meta(ge=3)] | None = None
    dropout: Share | None = None
    frozen_words: bool = False
    precision: Literal["auto", "float32", "bfloat16"] = "float32"
    lora: Lora = Lora()
    adapters: Adapters = Adapters()


class TaskSettings(Strict, frozen=True, kw_only=True):
    """What all tasks have.

    Attributes:
        train: Files of rows (.jsonl, .csv, .tsv, .parquet), beneath the data folder.
        test: Files, or a share of all rows, by the first text, so that no text is in both.
        validation: Files, or a share of what is left. 0 = none.
        columns: Documented name -> name in the files, or several whose texts are joined.
        separator: Of .csv files.
        weight: Of the loss, with fixed balancing.
        max_rows: Train with so many at most, chosen by the seed.
    """

    train: list[str]
    test: list[str] | Share = 0.0
    validation: list[str] | Share = 0.1
    columns: dict[str, str | list[str]] = {}
    separator: str = ","
    weight: Annotated[float, msgspec.Meta(ge=0)] = 1.0
    max_rows: Count | None = None


class ClassificationSettings(TaskSettings, frozen=True, kw_only=True, tag="classification"):
    """One label of several; `text`, `label`.

    Attributes:
        label_smoothing: Szegedy et al., CVPR 2016.
        contrast: Weight of the supervised contrastive loss (Khosla et al., NeurIPS 2020).
        per_class: Train with so many rows of each label, chosen by the seed.
        none_label: Rows with this label are of no class: they are not learned, and tested as texts
            to be abstained from.
        hold_out_labels: So many labels are not learned; their test rows are to be abstained from.
        outside: Files of texts of another domain, also to be abstained from.
        outside_columns: Their column mapping.
        abstain: Share of the known kind of texts that may be abstained from.
    """

    label_smoothing: Share = 0.0
    contrast: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    per_class: Count | None = None
    none_label: str | None = None
    hold_out_labels: Annotated[int, msgspec.Meta(ge=0)] = 0
    outside: list[str] = []
    outside_columns: dict[str, str | list[str]] = {}
    abstain: Share = 0.05


class BinarySettings(TaskSettings, frozen=True, kw_only=True, tag="binary"):
    """Yes or no; `text`, `label` (a number).

    Attributes:
        yes_from: A label of at least this is a yes.
        no_to: A label of at most this is a no; rows between the two are left out.
    """

    yes_from: float = 1.0
    no_to: float = 0.0


class RelevanceSettings(TaskSettings, frozen=True, kw_only=True, tag="relevance"):
    """How well a title answers a query; `query`, `title`, `score` (any scale).

    Attributes:
        widths: Leading parts of the vector that must do as well (Kusupati et al., NeurIPS 2022);
            the whole vector always does.
    """

    widths: list[Count] = []


class CrossRelevanceSettings(TaskSettings, frozen=True, kw_only=True, tag="cross-relevance"):
    """The same rows, query and title read together: for the last candidates of a search."""


class AnswerSettings(TaskSettings, frozen=True, kw_only=True, tag="answer"):
    """Find the answer among the others of a batch; `question`, `answer`.

    Attributes:
        temperature: Of the softmax over cosines.
        log_q: Whether answers that many rows have are let off for being negatives so often. Without
            it a cosine says how much likelier an answer is here than elsewhere, with it how likely.
        widths: As for relevance.
    """

    temperature: Annotated[float, msgspec.Meta(gt=0)] = 0.05
    log_q: bool = False
    widths: list[Count] = []


AnyTask = (
    ClassificationSettings
    | BinarySettings
    | RelevanceSettings
    | CrossRelevanceSettings
    | AnswerSettings
)


class Card(Strict, frozen=True, kw_only=True):
    """What the model card says beside figures.

    Attributes:
        summary: What the model is for.
        data: A line for each source with its licence.
        licence: Of the weights.
        limits: What it must not be used for, or does badly.
    """

    summary: str = ""
    data: list[str] = []
    licence: str = ""
    limits: list[str] = []


class Balancing(Strict, frozen=True, kw_only=True):
    """How losses become one gradient.

    Attributes:
        method: One of `scoring.balancing`.
        options: Its own.
    """

    method: str = "fixed"
    options: dict[str, float] = {}


class Recipe(Strict, frozen=True, kw_only=True):
    """A whole training.

    Attributes:
        name: Of the model.
        tasks: By name.
        words: Read words and letters, by a linear model, in place of a language model; None = not.
        batch_size: Rows of all tasks in one step.
        temperature: Tasks are drawn in proportion to rows ** (1 / temperature); 1 = as they
            are, more = small ones more often (Arivazhagan et al. 2019).
        sharing: Experts between the language model and the heads that classify; None = none.
        fgm: Length of adversarial moves of word vectors, as a share of theirs (Miyato et al., ICLR
            2017); 0 = none. A step takes twice its time.
        augmentation: How texts of training rows are changed; None = not at all.
        twin_margin: So much more than its twin's may a head's loss be (`--twins`).
        split_seed: Of shares and of held-out labels; training.seed leaves them as they are.
    """

    name: str
    tasks: Annotated[dict[str, AnyTask], msgspec.Meta(min_length=1)]
    backbone: BackboneSettings = BackboneSettings()
    words: WordsSettings | None = None
    training: LoopSettings = LoopSettings()
    balancing: Balancing = Balancing()
    sharing: TextSharing | None = None
    card: Card = Card()
    batch_size: Count = 32
    temperature: Annotated[float, msgspec.Meta(ge=1)] = 1.0
    fgm: Annotated[float, msgspec.Meta(ge=0)] = 0.0
    augmentation: Augmentation | None = None
    twin_margin: Annotated[float, msgspec.Meta(ge=0)] = 0.02
    split_seed: int = 0

    def __post_init__(self) -> None:
        """Refuse beside `words` what only a language model has."""
        if self.words is None:
            return
        useless = _changed(self) - {"name", "tasks", "words", "training", "card", "split_seed"}
        useless |= _changed(self.training) - {"seed"}
        for name, task in self.tasks.items():
            if not isinstance(task, ClassificationSettings | BinarySettings):
                kind = task.__struct_config__.tag
                raise ValueError(
                    f"[words] answers tasks of type classification or binary; {name} is {kind}"
                )
            useless |= _changed(task) & {"label_smoothing", "contrast", "weight"}
        if useless:
            raise ValueError(f"[words] has no use for {', '.join(sorted(useless))}: leave it out")


_Said = TypeVar("_Said", bound=msgspec.Struct)


def read_recipe(file: Path) -> Recipe:
    """The recipe in a TOML file.

    Raises:
        RecipeError: It is no TOML, has an unknown key, or a value out of range.
    """
    if not file.is_file():
        raise RecipeError(f"{file} is not a file: name a recipe in TOML, see docs/training.md")
    return decoded(file, Recipe)


def decoded(file: Path, kind: type[_Said]) -> _Said:
    """What a TOML file says, as a recipe of this kind.

    Raises:
        RecipeError: It is no text or no TOML, has an unknown key, or a value out of range.
    """
    try:
        return msgspec.toml.decode(file.read_bytes(), type=kind)
    except UnicodeDecodeError as error:  # not a DecodeError of msgspec's
        raise RecipeError(f"{file} is not UTF-8: {error.reason} at byte {error.start}") from error
    except msgspec.DecodeError as error:
        raise RecipeError(f"{file}: {with_nearest(str(error), kind)}") from error


def with_nearest(message: str, kind: type[msgspec.Struct]) -> str:
    """What msgspec says; an unknown key or word is shown with the nearest that there is."""
    if key := re.search(r"unknown field `(.+?)`", message):
        said, known = key[1], _keys(kind)
    elif word := re.search(r"Invalid (?:enum )?value '(.+?)'", message):
        said, known = word[1], _words(kind)
    else:
        return message
    near = difflib.get_close_matches(said, sorted(known), n=1, cutoff=0.5)
    return message + (f"; do you mean `{near[0]}`?" if near else "")


def _changed(said: msgspec.Struct) -> set[str]:
    """Names of fields with another value than their default."""
    return {
        field.name
        for field in msgspec.structs.fields(said)
        if getattr(said, field.name) != field.default
    }


def _words(kind: Any) -> set[str]:
    """All words that are values of a struct and of the structs within it."""
    if isinstance(kind, str):
        return {kind}
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        parts: Iterable[Any] = [kind.__struct_config__.tag, *get_type_hints(kind).values()]
    else:
        parts = get_args(kind)
    return set().union(*map(_words, parts))


def _keys(kind: Any) -> set[str]:
    """All keys of a struct and of the structs within it."""
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        hints = get_type_hints(kind)
        return set(hints) | set().union(*(_keys(hint) for hint in hints.values()))
    return set().union(*(_keys(part) for part in get_args(kind)))
