"""A recipe for behaviour tasks: which columns, which tasks, what is shared, how it is trained."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final, Literal

import msgspec

from scoring.errors import RecipeError
from scoring.training.recipe import Balancing, Card, Count, Share, Strict, decoded
from scoring.training.settings import LoopSettings

Side = Literal["user", "item", "pair"]
SIDES: Final[tuple[Side, ...]] = ("user", "item", "pair")

_LOOP: Final = LoopSettings(
    epochs=15,
    learning_rate=6e-3,
    decay="cosine",
    measure="loss",
    lower_is_better=True,
    patience=3,
)


class FeatureSettings(Strict, frozen=True, kw_only=True):
    """What a column is.

    Attributes:
        column: Its name in the files; None = that of the feature.
        side: `user` = the same for all candidates of a decision (user and context), `item` = of the
            item alone, `pair` = of both. Parts of user and item are computed once each.
    """

    column: str | None = None
    side: Side = "user"


class NumberSettings(FeatureSettings, frozen=True, kw_only=True, tag="number"):
    """A number, standardised; an empty one is the mean, with a flag.

    Attributes:
        ramps: Also piecewise linear between so many quantiles, of the values and of the distinct
            ones (Gorishniy, Rubachev & Babenko, NeurIPS 2022, section 3.2).
    """

    ramps: Annotated[int, msgspec.Meta(ge=0)] = 0


class RateSettings(NumberSettings, frozen=True, kw_only=True, tag="rate"):
    """A word or an id, as the log odds of a task in the training rows that have it.

    Attributes:
        of: A binary task of the recipe.
    """

    of: str


class CategorySettings(FeatureSettings, frozen=True, kw_only=True, tag="category"):
    """A word or an id, as a vector that is learned.

    Attributes:
        width: Of the vector.
        buckets: 0 = a table of the values seen in training, all others are one; else values are
            hashed into so many vectors (Weinberger et al., ICML 2009), new ones too.
    """

    width: Count = 8
    buckets: Annotated[int, msgspec.Meta(ge=0)] = 0


class VectorSettings(FeatureSettings, frozen=True, kw_only=True, tag="vector"):
    """A list of numbers, always as many: an interest, a text's vector. Taken as it is."""


class CosineSettings(Strict, frozen=True, kw_only=True, tag="cosine"):
    """The cosine of two vectors of the recipe; no column.

    Attributes:
        of: Names of two features of type vector.
    """

    of: tuple[str, str]


class HistorySettings(Strict, frozen=True, kw_only=True, tag="history"):
    """What a user had before, looked at with a candidate's eyes (Zhou et al., KDD 2018).

    Attributes:
        candidate: Name of a category or vector: what the list holds.
        column: Of lists; the latest is the last.
        length: So many of the latest are read.
        hidden: Width of the attention's layer.
    """

    candidate: str
    column: str | None = None
    length: Count = 20
    hidden: Count = 36


Feature = (
    NumberSettings
    | RateSettings
    | CategorySettings
    | VectorSettings
    | CosineSettings
    | HistorySettings
)


class BinarySettings(Strict, frozen=True, kw_only=True, tag="binary"):
    """Yes or no: a click, an ad click, an attribute. Rows with an empty label do not count.

    Attributes:
        column: Of the label; None = the task's name.
        weight: Of the loss, with fixed balancing.
    """

    column: str | None = None
    weight: Annotated[float, msgspec.Meta(ge=0)] = 1.0


class ConversionSettings(BinarySettings, frozen=True, kw_only=True, tag="conversion"):
    """P(conversion | click), learned on all that was shown (Ma et al., SIGIR 2018).

    Attributes:
        given: Its click, a binary task of the recipe.
    """

    given: str


class ClassesSettings(BinarySettings, frozen=True, kw_only=True, tag="classes"):
    """One of several: an attribute of a profile."""


class EngagementSettings(Strict, frozen=True, kw_only=True, tag="engagement"):
    """How long a visitor stays and how far they go, as shares of the 95th percentiles.

    Attributes:
        dwell: Column of milliseconds.
        depth: Column of the shop's own measure. Rows where both are empty do not count.
        weight: Of the loss, with fixed balancing.
    """

    dwell: str = "dwell_ms"
    depth: str = "depth"
    weight: Annotated[float, msgspec.Meta(ge=0)] = 1.0


AnyTask = BinarySettings | ConversionSettings | ClassesSettings | EngagementSettings


class SharingSettings(Strict, frozen=True, kw_only=True):
    """What tasks share.

    Attributes:
        form: One of `scoring.sharing`: hard, mmoe, ple.
        hidden: Widths of what is shared; empty = nothing between features and towers.
        tower: Widths of each task's own hidden layers; empty = linear.
        dropout: After each hidden layer.
        wide: A linear part beside it all (Cheng et al., DLRS 2016).
        options: The form's own: n_experts; n_shared, n_private, levels.
    """

    form: str = "hard"
    hidden: tuple[Count, ...] = (64,)
    tower: tuple[Count, ...] = (16,)
    dropout: Share = 0.1
    wide: bool = True
    options: dict[str, int] = msgspec.field(default_factory=dict)


class BehaviourRecipe(Strict, frozen=True, kw_only=True):
    """What a TOML file with ``kind = "behaviour"`` says.

    Attributes:
        kind: That it is such a file.
        name: Of the model.
        train: Files of rows, beneath the data folder.
        test: Files, or a share of all rows.
        validation: Files, or a share of what is left: decides what is best, and calibrates.
            0 = none: every epoch is trained, nothing is calibrated.
        split: Shares are drawn by a hash of `group`, or are the latest by `time`.
        group: Column whose rows stay together in a hashed split (a user); None = equal rows do.
        time: Column of numbers, for a split by time.
        separator: Of .csv files.
        features: By name.
        tasks: By name.
        sharing: Of the tasks.
        training: The loop; measures are ``task.measure`` and ``loss``, the sum over tasks.
        balancing: Of the losses.
        card: Of the model.
        batch_size: Rows of a step.
        twin_margin: So much more than its twin's may a task's loss be (`--twins`).
        split_seed: Of hashed shares.
    """

    kind: Literal["behaviour"]
    name: str
    train: list[str]
    features: Annotated[dict[str, Feature], msgspec.Meta(min_length=1)]
    tasks: Annotated[dict[str, AnyTask], msgspec.Meta(min_length=1)]
    test: list[str] | Share = 0.0
    validation: list[str] | Share = 0.1
    split: Literal["hash", "time"] = "hash"
    group: str | None = None
    time: str | None = None
    separator: str = ","
    sharing: SharingSettings = SharingSettings()
    training: LoopSettings = _LOOP
    balancing: Balancing = Balancing()
    card: Card = Card()
    batch_size: Count = 512
    twin_margin: Annotated[float, msgspec.Meta(ge=0)] = 0.02
    split_seed: int = 0

    def of_tasks(self, names: tuple[str, ...]) -> dict[str, AnyTask]:
        """These tasks and the clicks that they are given, in the recipe's order."""
        given = {task.given for task in self._conversions(names)}
        return {name: task for name, task in self.tasks.items() if name in {*names, *given}}

    def _conversions(self, names: tuple[str, ...]) -> list[ConversionSettings]:
        found = [self.tasks[name] for name in names]
        return [task for task in found if isinstance(task, ConversionSettings)]


def read_behaviour_recipe(file: Path) -> BehaviourRecipe:
    """Read one.

    Raises:
        RecipeError: It is none, or what it says does not fit together; with the place.
    """
    said = decoded(file, BehaviourRecipe)
    for wrong in _contradictions(said):
        raise RecipeError(f"{file}: {wrong}")
    return said


def loop_settings(recipe: BehaviourRecipe) -> LoopSettings:
    """The recipe's, or the whole number of epochs where nothing is held out to choose one by."""
    if recipe.validation:
        return recipe.training
    return msgspec.structs.replace(recipe.training, measure=None, patience=0)


def _contradictions(recipe: BehaviourRecipe) -> list[str]:
    found = []
    if recipe.split == "time" and recipe.time is None:
        found.append('split = "time" needs time, the name of a column')
    for name, feature in recipe.features.items():
        match feature:
            case CosineSettings():
                wanted: dict[str, Any] = dict.fromkeys(feature.of, VectorSettings)
            case HistorySettings():
                wanted = {feature.candidate: CategorySettings | VectorSettings}
            case _:
                wanted = {}
        found += [
            f"features.{name} looks at {other!r}, which is no vector or category of this recipe"
            for other, kind in wanted.items()
            if not isinstance(recipe.features.get(other), kind)
        ]
    told = [
        *(
            (f"features.{name} is the rate of", feature.of)
            for name, feature in recipe.features.items()
            if isinstance(feature, RateSettings)
        ),
        *(
            (f"tasks.{name} is given", task.given)
            for name, task in recipe.tasks.items()
            if isinstance(task, ConversionSettings)
        ),
    ]
    for said, other in told:
        if type(recipe.tasks.get(other)) is not BinarySettings:
            found.append(f"{said} {other!r}, which is no binary task")
    return found
