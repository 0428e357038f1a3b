"""Does a machine multiply in bfloat16? One that does not imitates it, three times as slowly."""

from __future__ import annotations

import torch


def multiplies_in_bfloat16(device: torch.device) -> bool:
    """Whether bfloat16 is faster than float32 there."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    # There is no public question; a CPU with AMX has these instructions, too.
    return bool(torch.cpu._is_avx512_bf16_supported())  # noqa: SLF001
