"""Losses of all text tasks where a GPU is asked for: nothing of them stays on the CPU."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode

from scoring.language.model import LanguageModel
from scoring.language.text_model import TextModel
from scoring.tasks.choice import make_task
from scoring.tasks.contract import Example
from scoring.training.recipe import read_recipe
from tests.scoring.fake_gpu import GPU

TASKS = """
[tasks.intent]
type = "classification"
train = ["x.jsonl"]
contrast = 0.5
[tasks.liked]
type = "binary"
train = ["x.jsonl"]
[tasks.match]
type = "relevance"
train = ["x.jsonl"]
widths = [16, 8]
[tasks.both]
type = "cross-relevance"
train = ["x.jsonl"]
[tasks.asked]
type = "answer"
train = ["x.jsonl"]
log_q = true
"""


@pytest.mark.parametrize(
    ("adaptation", "sharing"),
    [
        ("full", "hard"),
        ("full", "mmoe"),
        ("full", "ple"),
        ("lora", "hard"),
        ("adapters", "hard"),
        ("frozen", "hard"),
    ],
)
def test_losses_are_computed_on_the_gpu(
    adaptation: str, sharing: str, tiny_bert: Path, tmp_path: Path, fake_gpu: FakeTensorMode
) -> None:
    experts = "" if sharing == "hard" else f'[sharing]\nmethod = "{sharing}"\n'
    recipe = tmp_path / "recipe.toml"
    recipe.write_text(
        f'name = "x"\n[backbone]\nsource = "{tiny_bert}"\nadaptation = "{adaptation}"\n'
        f"{experts}{TASKS}"
    )
    said = read_recipe(recipe)
    tasks = {name: make_task(settings) for name, settings in said.tasks.items()}
    one, two = Example(("red mug",), "a"), Example(("blue cup for tea",), "b")
    pairs = [Example(("red", "red mug"), 3.0), Example(("blue", "a big blue bike"), 1.0)]
    answers = [Example(each.texts, each.texts[1]) for each in pairs]
    graded = [Example(one.texts, 1.0), Example(two.texts, 0.0)]
    rows = {"intent": [one, two], "liked": graded, "match": pairs, "both": pairs, "asked": answers}
    for name, task in tasks.items():
        task.learn_facts(rows[name])
    language = LanguageModel(said.backbone)
    model = TextModel(language, tasks, said.sharing)
    model.to(GPU)

    with fake_gpu, torch.no_grad():
        losses = model.losses(rows)

    assert {name: loss.device.type for name, loss in losses.items()} == dict.fromkeys(rows, "cuda")
