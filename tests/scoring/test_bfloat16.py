"""bfloat16 where it is asked for, or where the machine multiplies in it and the choice is its."""

from pathlib import Path
from typing import Literal

import pytest
import torch

from scoring import backbone
from scoring.language import model
from scoring.language.model import LanguageModel
from scoring.training.recipe import BackboneSettings


@pytest.mark.parametrize(
    ("precision", "multiplies", "narrow"),
    [
        ("auto", True, True),
        ("auto", False, False),
        ("float32", True, False),
        ("bfloat16", False, True),
    ],
)
def test_training_chooses_by_the_machine_only_if_it_may(
    tiny_bert: Path,
    monkeypatch: pytest.MonkeyPatch,
    precision: Literal["auto", "float32", "bfloat16"],
    multiplies: bool,
    narrow: bool,
) -> None:
    monkeypatch.setattr(model, "multiplies_in_bfloat16", lambda device: multiplies)
    language = LanguageModel(BackboneSettings(source=str(tiny_bert), precision=precision))
    seen = []
    language.backbone.register_forward_hook(
        lambda *_: seen.append(torch.is_autocast_enabled("cpu"))
    )
    language(["a red mug"])
    assert seen == [narrow]


@pytest.mark.parametrize("multiplies", [True, False])
def test_serving_chooses_by_the_machine(monkeypatch: pytest.MonkeyPatch, multiplies: bool) -> None:
    monkeypatch.setattr(backbone, "multiplies_in_bfloat16", lambda device: multiplies)
    expected = torch.bfloat16 if multiplies else torch.float32
    assert backbone._dtype("auto", torch.device("cpu")) is expected
