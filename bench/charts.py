"""Bars and lines as plain SVG: no library, no font of its own, readable on light and dark pages."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

WIDTH, LEFT, RIGHT, BAR, GAP = 720, 250, 90, 20, 10
OURS, OTHERS, INK, PAPER = "#2563eb", "#94a3b8", "#0f172a", "#ffffff"
COLOURS = ("#2563eb", "#ea580c", "#16a34a", "#94a3b8")


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar; `ours` in the stronger colour."""

    name: str
    value: float
    ours: bool = True


def bars(title: str, unit: str, rows: Sequence[Bar]) -> str:
    """Return horizontal bars, from 0, each with its number."""
    top = max((row.value for row in rows), default=1.0) or 1.0
    height = 40 + len(rows) * (BAR + GAP) + 10
    parts = [_text(12, 24, f"{title} ({unit})", bold=True)]
    for index, row in enumerate(rows):
        y = 40 + index * (BAR + GAP)
        width = max(1.0, (WIDTH - LEFT - RIGHT) * row.value / top)
        colour = OURS if row.ours else OTHERS
        parts.append(_text(LEFT - 8, y + 15, row.name, anchor="end"))
        parts.append(f'<rect x="{LEFT}" y="{y}" width="{width:.1f}" height="{BAR}" fill="{colour}"/>')
        parts.append(_text(LEFT + width + 6, y + 15, _number(row.value)))
    return _svg(height, parts)


def lines(title: str, x_name: str, y_name: str, series: dict[str, Sequence[tuple[float, float]]]) -> str:
    """Return lines over two logarithmic axes: what grows in proportion is a straight line that rises by 45 degrees."""
    points = [point for found in series.values() for point in found]
    (x_low, x_high), (y_low, y_high) = (_decades([point[axis] for point in points]) for axis in (0, 1))
    height, left, right, top, bottom = 360, 80, 60, 60, 50

    def place(x: float, y: float) -> tuple[float, float]:
        across = (math.log10(x) - x_low) / (x_high - x_low) * (WIDTH - left - right)
        up = (math.log10(y) - y_low) / (y_high - y_low) * (height - top - bottom)
        return left + across, height - bottom - up

    parts = [_text(12, 24, title, bold=True), _text(WIDTH / 2, height - 10, x_name, anchor="middle")]
    parts.append(_text(12, 42, y_name))
    for power in range(x_low, x_high + 1):
        x, y = place(10.0**power, 10.0**y_low)
        parts += [_text(x, y + 18, _number(10.0**power), anchor="middle"), _rule(x, y, x, top)]
    for power in range(y_low, y_high + 1):
        x, y = place(10.0**x_low, 10.0**power)
        parts += [_text(x - 6, y + 4, _number(10.0**power), anchor="end"), _rule(x, y, WIDTH - right, y)]
    for index, (name, found) in enumerate(series.items()):
        colour, spots = COLOURS[index % len(COLOURS)], [place(*point) for point in found]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in spots)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in spots]
        parts.append(_text(left + 10, top + 16 + 18 * index, name, colour=colour))
    return _svg(height, parts)


def _decades(values: Sequence[float]) -> tuple[int, int]:
    low = math.floor(math.log10(min(values)))
    return low, max(low + 1, math.ceil(math.log10(max(values))))


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:,.3g}"


def _rule(x1: float, y1: float, x2: float, y2: float) -> str:
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="#e2e8f0"/>'


def _text(x: float, y: float, text: str, anchor: str = "start", bold: bool = False, colour: str = INK) -> str:
    weight = ' font-weight="600"' if bold else ""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{colour}"{weight}>{escape(text)}</text>'


def _svg(height: int, parts: Sequence[str]) -> str:
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}"'
        ' font-family="system-ui, sans-serif" font-size="13">'
    )
    return "\n".join([head, f'<rect width="100%" height="100%" fill="{PAPER}"/>', *parts, "</svg>", ""])
