"""An encoder that only answers says what the same one in training says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from scoring.folder import read_folder
from scoring.language.model import LanguageModel
from scoring.language.reader import Reader
from scoring.training.recipe import BackboneSettings
from tests.scoring.training.shop_rows import texts

ROOT = Path(__file__).parents[3]
READ = [*texts(), "", "red " * 200, *texts()]  # one is empty, one is cut, some are there twice


def both(folder: Path, max_tokens: int | None) -> tuple[Reader, LanguageModel]:
    settings = BackboneSettings(source=str(folder), adaptation="frozen", max_tokens=max_tokens)
    reader = Reader(read_folder(folder), max_tokens, settings.precision)
    return reader, LanguageModel(settings)


@pytest.fixture(params=["tiny_bert", "tiny_distilbert"])
def encoder(request: pytest.FixtureRequest) -> Path:
    """One that is read by our own short path, and one by transformers."""
    found: Path = request.getfixturevalue(request.param)
    return found


@pytest.mark.parametrize("max_tokens", [None, 5])
def test_texts_in_any_number_have_the_vectors_of_training(
    encoder: Path, max_tokens: int | None
) -> None:
    reader, language = both(encoder, max_tokens)
    assert reader.dim == language.dim
    asked = READ * (1 + 300 // len(READ))  # more than are tokenized together
    torch.testing.assert_close(reader.vectors(asked), language.vectors(asked), atol=2e-6, rtol=0)
    assert reader.vectors([]).shape == (0, reader.dim)


@pytest.mark.parametrize("max_tokens", [None, 7])
def test_pairs_have_the_vectors_of_training(encoder: Path, max_tokens: int | None) -> None:
    reader, language = both(encoder, max_tokens)
    pairs = list(zip(READ, reversed(READ), strict=True))
    found = reader.pair_vectors(pairs)
    torch.testing.assert_close(found, language.pair_vectors(pairs), atol=2e-6, rtol=0)
    assert (found[0] - found[1]).abs().max() > 0.01


def test_vectors_carry_no_gradients_and_can_be_learned_from(tiny_bert: Path) -> None:
    reader, _ = both(tiny_bert, None)
    vectors = reader.vectors(["red cup", "blue cup"])
    assert not vectors.requires_grad
    torch.autograd.backward(torch.nn.Linear(reader.dim, 1)(vectors).sum())


def test_answers_of_the_bundled_model_come_without_transformers(tmp_path: Path) -> None:
    """Its import takes longer than a thousand answers."""
    asked = tmp_path / "asked.jsonl"
    asked.write_text('{"text": "Broke on the first day"}\n')
    code = (
        "import sys; from streams.cli.main import run\n"
        f"assert run(['predict', 'default', 'sentiment', '--input', {str(asked)!r}]) == 0\n"
        "print('transformers' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert '"score"' in done.stdout
    assert done.stderr.split()[-1] == "False"
