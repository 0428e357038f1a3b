"""A front as an SVG file: the first objective against each other one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

_SIDE: Final = 320
_MARGIN: Final = 56
_N_TICKS: Final = 4


def picture(
    names: Sequence[str],
    values: NDArray[np.float64],
    on_front: NDArray[np.bool_],
    chosen: int,
) -> str:
    """Dots are trials, filled ones the front; a cross is what was there before, a ring the choice.

    Args:
        names: m names of objectives, at least two.
        values: (n, m) figures; row 0 is what was there before.
        on_front: (n,).
        chosen: Its row.
    """
    panels = [
        _panel(names[0], names[other], values[:, [other, 0]], on_front, chosen, place)
        for place, other in enumerate(range(1, len(names)))
    ]
    width = (_SIDE + _MARGIN) * len(panels) + 16
    height = _SIDE + _MARGIN + 16
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'font-family="sans-serif" font-size="11" fill="#333">\n'
        f'<rect width="{width}" height="{height}" fill="#fff"/>\n' + "".join(panels) + "</svg>\n"
    )


def _panel(
    up: str,
    along: str,
    points: NDArray[np.float64],
    on_front: NDArray[np.bool_],
    chosen: int,
    place: int,
) -> str:
    """One pair of objectives; points are (n, 2), along and up."""
    low, high = points.min(axis=0), points.max(axis=0)
    span = np.where(high > low, high - low, 1.0)
    scaled = (points - low) / span
    left, top = place * (_SIDE + _MARGIN) + _MARGIN, 16.0
    xs = left + 8 + scaled[:, 0] * (_SIDE - 16)
    ys = top + 8 + (1 - scaled[:, 1]) * (_SIDE - 16)
    parts = [
        f'<rect x="{left}" y="{top}" width="{_SIDE}" height="{_SIDE}" fill="none" stroke="#999"/>',
        f'<text x="{left + _SIDE / 2}" y="{top + _SIDE + 34}" text-anchor="middle">'
        f"{escape(along)}</text>",
        f'<text x="{left - 42}" y="{top + _SIDE / 2}" text-anchor="middle" '
        f'transform="rotate(-90 {left - 42} {top + _SIDE / 2})">{escape(up)}</text>',
    ]
    for step in np.linspace(0, 1, _N_TICKS):
        x, y = left + 8 + step * (_SIDE - 16), top + 8 + (1 - step) * (_SIDE - 16)
        at = low + step * span
        parts.append(
            f'<text x="{x:.1f}" y="{top + _SIDE + 16}" text-anchor="middle">{at[0]:.3f}</text>'
        )
        parts.append(f'<text x="{left - 4}" y="{y + 4:.1f}" text-anchor="end">{at[1]:.3f}</text>')
    for row, (x, y) in enumerate(zip(xs.tolist(), ys.tolist(), strict=True)):
        colour = "#0b62a4" if on_front[row] else "none"
        parts.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}" stroke="#0b62a4" '
            f'stroke-opacity="{1 if on_front[row] else 0.35}"/>'
        )
    x, y = float(xs[0]), float(ys[0])
    parts.append(
        f'<path d="M{x - 6:.1f} {y - 6:.1f}l12 12m0 -12l-12 12" stroke="#c0392b" stroke-width="2">'
        "<title>before</title></path>"
    )
    parts.append(
        f'<circle cx="{xs[chosen]:.1f}" cy="{ys[chosen]:.1f}" r="8" fill="none" '
        'stroke="#c0392b" stroke-width="2"><title>chosen</title></circle>'
    )
    return "\n".join(parts) + "\n"
