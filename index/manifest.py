"""manifest.json: what a version consists of, so that it is checked before anything is loaded."""

from __future__ import annotations

import hashlib
import re
from typing import Annotated

import msgspec

MANIFEST_NAME = "manifest.json"
POINTER_NAME = "CURRENT"
INDEX_NAME = "index.faiss"
GROUPS_NAME = "groups.npy"
ITEMS_NAME = "items.parquet"
VECTORS_NAME = "vectors.npy"
HASHES_NAME = "hashes.npy"
CENTROIDS_NAME = "centroids.npy"
CODEBOOK_NAME = "codebook.npy"
CODES_NAME = "codes.npy"
LISTS_NAME = "lists.npy"
FILE_NAMES = frozenset(
    {
        INDEX_NAME,
        GROUPS_NAME,
        ITEMS_NAME,
        VECTORS_NAME,
        HASHES_NAME,
        CENTROIDS_NAME,
        CODEBOOK_NAME,
        CODES_NAME,
        LISTS_NAME,
    }
)
OWN_NAMES = FILE_NAMES | {MANIFEST_NAME}

VERSION_PATTERN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
FORMAT = 2
# Fields that format 1 did not have; its digest covers the others.
_SINCE_2 = ("items_read", "build_parameters")

NonNegative = Annotated[int, msgspec.Meta(ge=0)]
Share = Annotated[float, msgspec.Meta(ge=0, le=1)]


class FileEntry(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a file must be.

    Attributes:
        sha256: Hex digest of its bytes.
        bytes: Its length.
    """

    sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    bytes: NonNegative


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One version, immutable.

    Attributes:
        version: Name of its folder.
        encoder_version: The model that made its vectors; no other's queries may meet it.
        engine: Which engine serves it.
        parameters: What the engine was built with.
        dim: Width of a vector.
        count: Number of items.
        created_at_ms: When it was built, Unix milliseconds, as the clock said; versions are ordered
            by their names, see ``index.naming``.
        files: What is in the folder besides the manifest.
        recall_at_10: Share of the true 10 nearest that come back, for held-out items as queries.
        recall_at_100: The same for 100. Both are None for a corpus too small to hold queries out.
        build_s: Seconds from vectors to files.
        items_read: How far a build from Kafka has read, "<topic id>:<partition>" -> next offset;
            empty for a build from files.
        build_parameters: What was asked for: the engine, the recall target, where items came from.
        metric: How vectors are compared.
        format: Layout of the folder; a reader refuses what it does not know.
        digest: SHA-256 of all the fields above, so that damage to the manifest itself is seen.
    """

    version: Annotated[str, msgspec.Meta(pattern=f"^{VERSION_PATTERN.pattern}$")]
    encoder_version: str
    engine: str
    parameters: dict[str, int | float | str]
    dim: Annotated[int, msgspec.Meta(ge=1, le=65_536)]
    count: NonNegative
    created_at_ms: NonNegative
    files: dict[str, FileEntry]
    recall_at_10: Share | None
    recall_at_100: Share | None
    build_s: Annotated[float, msgspec.Meta(ge=0)]
    items_read: dict[str, NonNegative] = {}
    build_parameters: dict[str, int | float | str] = {}
    metric: str = "inner_product"
    format: int = FORMAT
    digest: str = ""

    def sealed(self) -> Manifest:
        """The same with its digest."""
        return msgspec.structs.replace(self, digest=self._fields_digest())

    def problems(self, folder_name: str) -> list[str]:
        """Why this manifest must not be believed; empty when it may.

        Args:
            folder_name: The folder it was found in.
        """
        found = []
        if not 1 <= self.format <= FORMAT:
            found.append(_unknown_format(self.format))
        elif self.format == 1 and any(getattr(self, name) for name in _SINCE_2):
            found.append(f"its format is 1, which has no {' and no '.join(_SINCE_2)}")
        if self.digest != self._fields_digest():
            found.append("the manifest does not match its own digest, it was damaged or edited")
        if self.version != folder_name:
            found.append(f"the manifest is that of version {self.version}")
        if self.metric != "inner_product":
            found.append(f"its metric is {self.metric}, only inner_product is served")
        if unknown := sorted(self.files.keys() - FILE_NAMES):
            found.append(f"it lists unknown files: {', '.join(unknown)}")
        if missing := sorted({ITEMS_NAME, VECTORS_NAME} - self.files.keys()):
            found.append(f"it does not list {', '.join(missing)}")
        return found

    def _fields_digest(self) -> str:
        fields = msgspec.structs.asdict(msgspec.structs.replace(self, digest=""))
        # Fields in their order here, maps by key: the bytes that format 1 hashed.
        ordered = {
            name: dict(sorted(value.items())) if isinstance(value, dict) else value
            for name, value in fields.items()
            if self.format > 1 or name not in _SINCE_2
        }
        return hashlib.sha256(msgspec.json.encode(ordered)).hexdigest()


def encode_manifest(manifest: Manifest) -> bytes:
    """Readable JSON."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"


def decode_manifest(raw: bytes) -> Manifest:
    """The manifest in these bytes.

    Raises:
        NewerFormatError: They hold that of a newer program.
        ValueError: They hold none.
    """
    # msgspec's own errors are ValueErrors, and so is the UnicodeDecodeError that it lets through.
    newer = msgspec.json.decode(raw, type=_Format).format
    if newer > FORMAT:
        raise NewerFormatError(_unknown_format(newer))
    return msgspec.json.decode(raw, type=Manifest)


class NewerFormatError(ValueError):
    """A manifest that a newer program has written, and this one cannot judge."""


class _Format(msgspec.Struct):
    """What a manifest of any format says: a newer one has fields that this program lacks."""

    format: int = FORMAT


def _unknown_format(number: int) -> str:
    return f"its format is {number}, this program reads 1 to {FORMAT}"
