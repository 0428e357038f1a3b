"""Reward over time of each arm, with its interval and the moments of change, as an SVG file."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final
from xml.sax.saxutils import escape

from streams.closed_loop.figures import ArmFigures

_WIDTH: Final = 760
_HEIGHT: Final = 380
_LEFT: Final = 64
_TOP: Final = 40
_RIGHT: Final = 130
_BOTTOM: Final = 48
_COLOURS: Final = ("#0b62a4", "#c0392b", "#7a7a7a", "#2e8b57", "#8e44ad")
_N_TICKS: Final = 5


def picture(
    found: Sequence[ArmFigures], end_s: float, marks: Sequence[tuple[float, str]], title: str
) -> str:
    """Lines are means a list, bands their 95 % intervals over users, dashes what changed when.

    Args:
        found: Arms with the same number of parts.
        end_s: The run's length.
        marks: Seconds, and what happened then.
        title: Above it; says that it is simulated.
    """
    highs = [part.interval[1] for arm in found for part in arm.over_time]
    top = max((high for high in highs if math.isfinite(high)), default=1.0) or 1.0
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{_HEIGHT}" '
        'font-family="sans-serif" font-size="12" fill="#333">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="#fff"/>',
        f'<text x="{_LEFT}" y="22" font-size="14">{escape(title)}</text>',
    ]
    parts += _axes(end_s, top)
    for at_s, what in marks:
        x = _x(at_s / end_s)
        parts.append(
            f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{_TOP}" y2="{_HEIGHT - _BOTTOM}" stroke="#999" '
            f'stroke-dasharray="3 4"><title>{escape(what)}</title></line>'
        )
    for arm, colour in zip(found, _COLOURS, strict=False):
        parts += _arm(arm, colour, top)
    return "\n".join([*parts, "</svg>\n"])


def _x(share: float) -> float:
    return _LEFT + share * (_WIDTH - _LEFT - _RIGHT)


def _y(share: float) -> float:
    return _TOP + (1 - share) * (_HEIGHT - _TOP - _BOTTOM)


def _axes(end_s: float, top: float) -> list[str]:
    parts = []
    for step in range(_N_TICKS + 1):
        share = step / _N_TICKS
        y, x = _y(share), _x(share)
        parts.append(
            f'<line x1="{_LEFT}" x2="{_x(1):.1f}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e4e4e4"/>'
            f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{share * top:.2f}</text>'
            f'<text x="{x:.1f}" y="{_HEIGHT - _BOTTOM + 18}" text-anchor="middle">'
            f"{share * end_s / 60:.1f}</text>"
        )
    parts.append(
        f'<text x="{_x(0.5):.1f}" y="{_HEIGHT - 10}" text-anchor="middle">minutes</text>'
        f'<text x="16" y="{_y(0.5):.1f}" text-anchor="middle" '
        f'transform="rotate(-90 16 {_y(0.5):.1f})">expected reward a list</text>'
    )
    return parts


def _arm(arm: ArmFigures, colour: str, top: float) -> list[str]:
    n = len(arm.over_time)
    dots = [
        (_x((at + 0.5) / n), part.value / top, *(bound / top for bound in part.interval))
        for at, part in enumerate(arm.over_time)
        if math.isfinite(part.value)
    ]
    banded = [dot for dot in dots if math.isfinite(dot[2])]
    if not dots:
        return []
    above = " ".join(f"{x:.1f},{_y(min(high, 1.0)):.1f}" for x, _, _, high in banded)
    below = " ".join(f"{x:.1f},{_y(max(low, 0.0)):.1f}" for x, _, low, _ in reversed(banded))
    line = " ".join(f"{x:.1f},{_y(value):.1f}" for x, value, _, _ in dots)
    x, value = dots[-1][0], dots[-1][1]
    return [
        f'<polygon points="{above} {below}" fill="{colour}" fill-opacity="0.15"/>',
        f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>',
        f'<text x="{x + 8:.1f}" y="{_y(value) + 4:.1f}" fill="{colour}">{escape(arm.arm)}</text>',
    ]
