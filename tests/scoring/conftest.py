"""Encoders made here, with random weights."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from torch._subclasses.fake_tensor import FakeTensorMode

WORDS = "red blue green mug cup cable bike the of for a big small tea set".split()


@pytest.fixture
def fake_gpu(monkeypatch: pytest.MonkeyPatch) -> FakeTensorMode:
    """See `tests.scoring.fake_gpu`."""
    from tests.scoring.fake_gpu import put_in

    return put_in(monkeypatch)


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of two layers and 16 dimensions as `save_pretrained` leaves it."""
    return save_bert(tmp_path_factory.mktemp("encoders") / "tiny-bert")


@pytest.fixture(scope="session")
def masking_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same BERT with a token for hidden words, and weights that learn easily."""
    folder = tmp_path_factory.mktemp("encoders") / "masking-bert"
    import torch
    from transformers import BertConfig, BertModel

    sizes = {**_SIZES, "vocab_size": _SIZES["vocab_size"] + 1, "initializer_range": 0.3}
    torch.manual_seed(5)
    BertModel(BertConfig(**sizes, intermediate_size=32)).save_pretrained(folder)
    _save_tokenizer(folder, [*WORDS, "[MASK]"])
    return folder


@pytest.fixture(scope="session")
def tiny_bert_of_one_segment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same BERT, made for texts that are always alone."""
    return save_bert(tmp_path_factory.mktemp("encoders") / "one-segment", type_vocab_size=1)


@pytest.fixture(scope="session")
def tiny_distilbert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same of another architecture, which only transformers knows."""
    folder = tmp_path_factory.mktemp("encoders") / "tiny-distilbert"
    from transformers import DistilBertConfig, DistilBertModel

    sizes = {"vocab_size": _SIZES["vocab_size"], "dim": 16, "n_layers": 2, "n_heads": 2}
    _save(folder, lambda: DistilBertModel(DistilBertConfig(**sizes, hidden_dim=32)))
    return folder


_SIZES = {
    "vocab_size": len(WORDS) + 4,
    "hidden_size": 16,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "max_position_embeddings": 12,
}


def save_bert(folder: Path, *, dim: int = 16, seed: int = 5, type_vocab_size: int = 2) -> Path:
    """A BERT of two layers, of this width."""
    from transformers import BertConfig, BertModel

    sizes = {**_SIZES, "hidden_size": dim, "type_vocab_size": type_vocab_size}
    _save(folder, lambda: BertModel(BertConfig(**sizes, intermediate_size=32)), seed)
    return folder


def _save(folder: Path, make: Callable[[], object], seed: int = 5) -> None:
    import torch

    torch.manual_seed(seed)
    model = make()
    with torch.no_grad():
        for parameter in model.parameters():  # type: ignore[attr-defined]
            parameter.normal_(0.0, 0.5)  # far from the default, where every text looks alike
    model.save_pretrained(folder)  # type: ignore[attr-defined]
    _save_tokenizer(folder, WORDS)


def _save_tokenizer(folder: Path, words: Sequence[str]) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    vocabulary = {
        word: place for place, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *words])
    }
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))  # noqa: S106
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(json.dumps({"model_max_length": 12}))
