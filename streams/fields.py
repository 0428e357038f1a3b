"""The bounds of every field on the wire, as types: lengths, ranges, finite numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Literal, get_args

from msgspec import Meta

MAX_AT_MS: Final = 4_102_444_800_000  # 2100-01-01

Id = Annotated[str, Meta(min_length=1, max_length=128)]
Name = Annotated[str, Meta(min_length=1, max_length=256)]
Version = Annotated[str, Meta(max_length=128)]
AtMs = Annotated[int, Meta(ge=0, le=MAX_AT_MS)]
Price = Annotated[float, Meta(ge=0, le=1e9)]
Score = Annotated[float, Meta(ge=-1e9, le=1e9)]
Probability = Annotated[float, Meta(ge=0, le=1)]
Text = Annotated[str, Meta(max_length=4_096)]
Query = Annotated[str, Meta(min_length=1, max_length=512)]

if TYPE_CHECKING:
    Flag = bool
else:
    # Some producers write null for every optional field; such a flag reads as false, see
    # `events.Event`.
    Flag = bool | None

ContextValue = (
    Annotated[str, Meta(max_length=256)]
    | Annotated[int, Meta(ge=-(2**53), le=2**53)]
    | Annotated[float, Meta(ge=-1e15, le=1e15)]
    | bool
    | None
)
ContextKey = Annotated[str, Meta(min_length=1, max_length=64)]
Context = Annotated[dict[ContextKey, ContextValue], Meta(max_length=32)]
FilterValue = (
    Annotated[str, Meta(max_length=256)]
    | Annotated[int, Meta(ge=-(2**53), le=2**53)]
    | Annotated[float, Meta(ge=-1e15, le=1e15)]
    | bool
    | None
    | Annotated[list[Annotated[str, Meta(max_length=256)]], Meta(max_length=32)]
)
Filters = Annotated[dict[ContextKey, FilterValue], Meta(max_length=32)]

ClickType = Literal[
    "visit",
    "view",
    "click",
    "cart",
    "purchase",
    "return",
    "favorite",
    "share",
    "review",
    "rating",
]
CLICK_TYPES: Final[tuple[ClickType, ...]] = get_args(ClickType)
Vector = Annotated[list[Score], Meta(min_length=1, max_length=4_096)]
