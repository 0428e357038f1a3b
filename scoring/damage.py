"""What reading a damaged file may raise, whoever reads it: one name for what all loaders refuse."""

from __future__ import annotations

from typing import Final

from safetensors import SafetensorError

DAMAGE: Final = (
    OSError,  # cannot be read, or ends too soon
    ValueError,  # no JSON, no text, a value out of its range; msgspec's errors are such
    LookupError,  # a name or a place is missing
    TypeError,  # of another shape: a list where an object belongs
    AttributeError,
    ArithmeticError,  # a number that nothing can be divided by, or that no float holds
    RuntimeError,  # weights of other shapes; nested too deep
    SafetensorError,
)
