"""Encoder: text in, unit vectors out, from a folder and never from the network."""

from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from index import Item
from scoring import Encoder, EncoderFormatError, EncoderSourceError, load_encoder

TEXTS = ["red mug", "a big blue tea set for the bike", "cable", "green cup", ""]


@pytest.fixture(scope="module")
def encoder(tiny_bert: Path) -> Encoder:
    return load_encoder(tiny_bert, threads=1, precision="float32")


def by_transformers(folder: Path, texts: list[str], cls: bool = False) -> NDArray[np.float32]:
    """The same vectors, text by text, as the authors of the model would make them."""
    import torch
    from tokenizers import Tokenizer
    from transformers import AutoModel

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    model = AutoModel.from_pretrained(folder, local_files_only=True).eval()
    rows = []
    for text in texts:
        with torch.no_grad():
            hidden = model(input_ids=torch.tensor([tokenizer.encode(text).ids])).last_hidden_state[
                0
            ]
        row = (hidden[0] if cls else hidden.mean(dim=0)).numpy()
        rows.append(row / np.linalg.norm(row))
    return np.stack(rows)


def test_our_bert_gives_the_numbers_of_transformers(encoder: Encoder, tiny_bert: Path) -> None:
    np.testing.assert_allclose(
        encoder.encode_queries(TEXTS), by_transformers(tiny_bert, TEXTS), atol=2e-6
    )


def test_other_architectures_give_the_numbers_of_transformers(tiny_distilbert: Path) -> None:
    found = load_encoder(tiny_distilbert, threads=1, precision="float32")
    assert found.version.startswith("distilbert-16-")
    np.testing.assert_allclose(
        found.encode_queries(TEXTS), by_transformers(tiny_distilbert, TEXTS), atol=2e-6
    )


def test_vectors_have_length_one_and_the_order_of_the_texts(encoder: Encoder) -> None:
    together = encoder.encode_items(TEXTS)
    assert together.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1.0, atol=1e-6)
    for row, text in zip(together, TEXTS, strict=True):
        np.testing.assert_allclose(row, encoder.encode_items([text])[0], atol=2e-6)


def test_query_tower_and_item_tower_share_their_weights(encoder: Encoder) -> None:
    assert np.array_equal(encoder.encode_queries(TEXTS), encoder.encode_items(TEXTS))


def test_no_texts_give_no_rows(encoder: Encoder) -> None:
    assert encoder.encode_queries([]).shape == (0, 16)


def test_what_follows_max_tokens_is_cut(tiny_bert: Path) -> None:
    short = load_encoder(tiny_bert, threads=1, max_tokens=4)  # [CLS] red mug [SEP]
    red_mug, longer = short.encode_queries(["red mug", "red mug for a bike"])
    np.testing.assert_allclose(red_mug, longer, atol=1e-6)
    assert short.max_tokens == 4


def test_a_text_longer_than_the_model_can_read_is_cut(encoder: Encoder) -> None:
    assert encoder.max_tokens == 12
    assert encoder.encode_queries(["red mug " * 500]).shape == (1, 16)


def test_bfloat16_points_the_same_way(encoder: Encoder, tiny_bert: Path) -> None:
    coarse = load_encoder(tiny_bert, threads=1, precision="bfloat16")
    cosines = (coarse.encode_queries(TEXTS) * encoder.encode_queries(TEXTS)).sum(axis=1)
    assert cosines.min() > 0.999
    assert coarse.version == encoder.version


def test_the_version_is_the_content_and_not_the_name(
    encoder: Encoder, tiny_bert: Path, tmp_path: Path
) -> None:
    copied = shutil.copytree(tiny_bert, tmp_path / "renamed")
    assert load_encoder(copied, threads=1).version == encoder.version
    assert load_encoder(copied, threads=1, max_tokens=5).version != encoder.version
    weights = copied / "model.safetensors"
    raw = bytearray(weights.read_bytes())
    raw[-1] ^= 1
    weights.write_bytes(raw)
    assert load_encoder(copied, threads=1).version != encoder.version


def test_cls_pooling_is_read_from_the_folder(tiny_bert: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_bert, tmp_path / "cls")
    _write(folder / "1_Pooling" / "config.json", {"pooling_mode_cls_token": True})
    found = load_encoder(folder, threads=1, precision="float32").encode_queries(TEXTS)
    np.testing.assert_allclose(found, by_transformers(tiny_bert, TEXTS, cls=True), atol=2e-6)


@pytest.mark.parametrize(
    ("file", "content", "complaint"),
    [
        ("1_Pooling/config.json", {"pooling_mode_max_tokens": True}, "mean and cls are"),
        ("modules.json", [{"type": "sentence_transformers.models.Dense"}], "Dense layer"),
        ("config.json", {"model_type": "bert"}, "hidden_size"),
    ],
)
def test_a_model_that_would_be_built_wrongly_is_refused(
    tiny_bert: Path, tmp_path: Path, file: str, content: object, complaint: str
) -> None:
    folder = shutil.copytree(tiny_bert, tmp_path / "odd")
    _write(folder / file, content)
    with pytest.raises(EncoderFormatError, match=complaint):
        load_encoder(folder, threads=1)


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_missing_file_is_named(tiny_bert: Path, tmp_path: Path, file: str) -> None:
    folder = shutil.copytree(tiny_bert, tmp_path / "torn")
    (folder / file).unlink()
    with pytest.raises(EncoderFormatError, match=Path(file).suffix):
        load_encoder(folder, threads=1)


@pytest.mark.parametrize("file", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_file_that_was_cut_is_refused(tiny_bert: Path, tmp_path: Path, file: str) -> None:
    """As a copy leaves it that was interrupted."""
    folder = shutil.copytree(tiny_bert, tmp_path / "torn")
    raw = (folder / file).read_bytes()
    (folder / file).write_bytes(raw[: len(raw) // 2])
    with pytest.raises(EncoderFormatError, match=str(folder)):
        load_encoder(folder, threads=1)


@pytest.mark.parametrize(
    ("file", "said"),
    [
        ("config.json", "[]"),
        ("1_Pooling/config.json", "7"),
        ("tokenizer_config.json", '"text"'),
        ("modules.json", "[1]"),
        ("modules.json", "[" * 100_000),
    ],
)
def test_json_that_is_no_object_is_refused(
    tiny_bert: Path, tmp_path: Path, file: str, said: str
) -> None:
    folder = shutil.copytree(tiny_bert, tmp_path / "odd")
    (folder / file).parent.mkdir(exist_ok=True)
    (folder / file).write_text(said)
    with pytest.raises(EncoderFormatError, match=str(folder)):
        load_encoder(folder, threads=1)


def test_weights_that_do_not_fit_the_configuration_are_refused(
    tiny_bert: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(tiny_bert, tmp_path / "deeper")
    config = json.loads((folder / "config.json").read_text())
    _write(folder / "config.json", config | {"num_hidden_layers": 3})
    with pytest.raises(EncoderFormatError, match=r"encoder\.layer\.2"):
        load_encoder(folder, threads=1)


def test_a_pickle_is_never_loaded(tiny_bert: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(tiny_bert, tmp_path / "pickled")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(EncoderFormatError, match="never loaded"):
        load_encoder(folder, threads=1)


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """A socket that is opened fails the test."""

    def refuse(*_: Any, **__: Any) -> None:
        pytest.fail("the network was asked")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.usefixtures("no_network")
def test_a_name_that_is_no_folder_is_not_looked_up_on_the_hub() -> None:
    with pytest.raises(EncoderSourceError, match="write hub:owner/name to download"):
        load_encoder("sentence-transformers/all-MiniLM-L6-v2", threads=1)


def test_a_name_that_the_hub_cannot_have_is_one_clear_error() -> None:
    with pytest.raises(EncoderSourceError, match="Check the name"):
        load_encoder("hub:not a name", threads=1)


@pytest.mark.usefixtures("no_network")
def test_the_default_is_minilm_offline_and_knows_what_words_mean() -> None:
    minilm = load_encoder(threads=1)
    assert (minilm.dim, minilm.max_tokens) == (384, 256)
    assert minilm.version == "bert-384-fa46c9f4a72f"
    query, cup, cable = minilm.encode_queries(["red mug", "crimson coffee cup", "usb cable"])
    assert query @ cup > query @ cable + 0.2


def test_an_items_text_begins_with_its_title_and_leaves_out_what_is_unknown() -> None:
    full = Item(
        item_id="1",
        title="Red mug ",
        description="Holds tea.",
        category="Kitchen",
        brand="Acme",
        tags=("tea", "gift"),
    )
    assert Encoder.item_text(full) == "Red mug. Acme. Kitchen. tea gift. Holds tea."
    assert Encoder.item_text(Item(item_id="2", title="Red mug")) == "Red mug"


def test_progress_ends_at_the_number_of_items(encoder: Encoder) -> None:
    seen: list[tuple[int, int]] = []
    encoder.encode_items(["red mug"] * 70, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(32, 70), (64, 70), (70, 70)]


def _write(file: Path, content: object) -> None:
    file.parent.mkdir(exist_ok=True)
    file.write_text(json.dumps(content))
