"""Experts between a language model and its heads, as `sharing` of a recipe says it."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

_Count = Annotated[int, msgspec.Meta(ge=1)]
_Widths = Annotated[tuple[_Count, ...], msgspec.Meta(min_length=1)]


class MMoESettings(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="method",
    tag="mmoe",
):
    """Shared experts, one gate a task (`scoring.sharing.MMoE`).

    Attributes:
        n_experts: Of all tasks.
        hidden: Widths of each expert's layers.
    """

    n_experts: _Count = 4
    hidden: _Widths = (128,)


class PLESettings(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="method",
    tag="ple",
):
    """Shared and private experts (`scoring.sharing.PLE`).

    Attributes:
        n_shared: Experts of all tasks, at each level.
        n_private: Experts of each task, at each level.
        levels: Extraction layers.
        hidden: Widths of each expert's layers.
    """

    n_shared: _Count = 2
    n_private: _Count = 2
    levels: _Count = 1
    hidden: _Widths = (128,)


TextSharing = MMoESettings | PLESettings


def options(settings: TextSharing) -> dict[str, Any]:
    """Keyword arguments of the class that the settings name."""
    return {name: getattr(settings, name) for name in settings.__struct_fields__}
