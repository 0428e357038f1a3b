"""`train`, `evaluate` and `predict` for learned rankers: what orders lists, from shops' events."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from streams.cli.asked import (
    NO_CURVES,
    ONE_TASK,
    Measures,
    Trained,
    TrainingAsked,
    must_be_of_use,
)
from streams.cli.printing import moment, remark

if TYPE_CHECKING:
    from scoring.training.rows import Reading

KIND: Final = "ranker"


def is_recipe(config: Path) -> bool:
    """Whether a recipe has ``kind = "ranker"``."""
    from scoring.training.kind import kind_of

    return kind_of(config) == KIND


def is_model(folder: Path) -> bool:
    """Whether a folder holds a ranker."""
    from scoring.ranker.ranker import is_ranker

    return is_ranker(folder)


def train(asked: TrainingAsked) -> Trained:
    """Replay, learn and save; returns nDCG@20 and calibration of the newest baskets."""
    import msgspec
    import torch

    from scoring.ranker.recipe import read_ranker_recipe
    from scoring.ranker.saved import RankerFacts, write_ranker
    from scoring.ranker.stages import Stages
    from scoring.saved.whole_folder import work_folder
    from streams.baskets.learning import RankerTraining
    from streams.cli.progress import Bars

    must_be_of_use(asked, twins=ONE_TASK, tensorboard=NO_CURVES)
    torch.set_num_threads(asked.threads)
    recipe = read_ranker_recipe(asked.config)
    if asked.seed is not None:
        recipe = msgspec.structs.replace(recipe, seed=asked.seed)
    place = asked.place(recipe.name)
    state = work_folder(place, restart=asked.restart)
    with Bars() as bars:
        training = RankerTraining(recipe, asked.data, asked.reading, bars.report)
        stages = Stages(state, training.identity())
        learned = training.learn(stages)
    facts = RankerFacts(
        recipe=recipe,
        last_ms=training.last_ms,
        measures={task: dict(each) for task, each in learned.measures.items()},
        notes=dict(learned.notes),
    )
    write_ranker(place, learned.ranker, facts)
    stages.forget()
    heads = learned.ranker.heads
    remark(
        f"saved in {place}: {heads.version}, {', '.join(heads.tasks)}; RILLSTREAM_RANKER={place}"
    )
    return Trained(learned.measures)


def evaluate(
    folder: Path, data: Path, task: str | None, files: list[Path], reading: "Reading"
) -> Measures:
    """Measure a ranker on baskets that are newer than all that it learned from.

    Raises:
        ModelError: Another task; there is no newer basket.
    """
    from scoring.errors import ModelError
    from scoring.ranker.ranker import load_ranker
    from scoring.ranker.saved import read_facts
    from streams.baskets.learning import RankerTraining, measured
    from streams.cli.progress import Bars

    ranker, facts = load_ranker(folder), read_facts(folder)
    if task not in {None, *ranker.heads.tasks}:
        raise ModelError(f"{folder} answers {', '.join(ranker.heads.tasks)}, not {task}")
    with Bars() as bars:
        past = RankerTraining(facts.recipe, data, reading, bars.report, files or None)
        if past.last_ms <= facts.last_ms:
            raise ModelError(
                f"{folder} has learned from all events up to {moment(facts.last_ms)}, and these "
                f"end at {moment(past.last_ms)}: it is measured on newer ones, which follow the "
                "same past"
            )
        (lists,) = past.lists([facts.last_ms + 1, past.last_ms + 1], ranker)
    remark(f"{len(lists):,} lists of baskets after the last event that it learned from")
    return measured(ranker.heads, lists)


def predict(
    folder: Path, task: str, source: Path, reading: "Reading"
) -> Iterator[Mapping[str, Any]]:
    """The chance of each row of `rillstream export`, as these heads see it.

    Raises:
        ModelError: There is no such task.
    """
    from scoring.ranker.answering import chances
    from scoring.ranker.ranker import load_ranker

    return chances(load_ranker(folder).heads, task, source, reading)
