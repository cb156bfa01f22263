"""Draw the plots of docs/speed.md: dots or lines on logarithmic scales, and bars.

Every series has its own colour and shape, so a plot is readable without colours. The figures come
from `tools.speed_page`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import log10
from typing import Final

from tools.drawing import CHARACTER, Drawing

WIDTH: Final = 440
_SIZE: Final = 10  # of text
_RIGHT: Final = WIDTH - 12  # where a scale ends
_TOP: Final = 10

_STYLE = """\
.drawing { --s1: #6e7781; --s2: #9a6700; --s3: #0969da; --s4: #8250df; --s5: #1a7f37; }
@media screen and (prefers-color-scheme: dark) {
.drawing { --s1: #9198a1; --s2: #d29922; --s3: #58a6ff; --s4: #d2a8ff; --s5: #56d364; }
}
.drawing .mark.s1 { fill: var(--s1); } .drawing .line.s1 { stroke: var(--s1); }
.drawing .mark.s2 { fill: var(--s2); } .drawing .line.s2 { stroke: var(--s2); }
.drawing .mark.s3 { fill: var(--s3); } .drawing .line.s3 { stroke: var(--s3); }
.drawing .mark.s4 { fill: var(--s4); } .drawing .line.s4 { stroke: var(--s4); }
.drawing .mark.s5 { fill: var(--s5); } .drawing .line.s5 { stroke: var(--s5); }
.drawing .grid { fill: none; stroke: var(--muted); stroke-width: 0.5; stroke-opacity: 0.5; }
"""


@dataclass(frozen=True)
class Series:
    """The name of a series and the look of its marks."""

    title: str
    kind: str
    shape: str


SERIES: Final = {
    "published": Series("h2 4.4.1", "s1", "square"),
    "jh2": Series("jh2", "s2", "triangle"),
    "ours": Series("pure", "s3", "circle"),
    "compiled": Series("compiled", "s4", "diamond"),
    "libnghttp2": Series("libnghttp2 (C)", "s5", "plus"),
}


class Scale:
    """A logarithmic scale from one coordinate of a drawing to another."""

    def __init__(self, least: float, most: float, start: float, end: float) -> None:
        self.least = least
        self.most = most
        self._start = start
        self._factor = (end - start) / log10(most / least)

    def at(self, value: float) -> float:
        """The coordinate of a value."""
        return self._start + self._factor * log10(value / self.least)

    def ticks(self) -> list[float]:
        """The powers of ten on the scale."""
        first, last = round(log10(self.least) + 0.49), int(log10(self.most) + 1e-9)
        return [10.0**power for power in range(first, last + 1)]


def number(value: float) -> str:
    """A figure with about two digits, as short as possible."""
    if value >= 10_000:
        return f"{value / 1000:,.0f}k"
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}".removesuffix(".0")


def legend(drawing: Drawing, names: Sequence[str], y: float) -> None:
    """Explain the marks in one line."""
    x = 12.0
    for name in names:
        series = SERIES[name]
        drawing.mark(x, y, series.shape, series.kind)
        drawing.text([series.title], x + 9, y, _SIZE, "start")
        x += 9 + len(series.title) * _SIZE * CHARACTER + 16


def ratios(title: str, rows: Mapping[str, Mapping[str, float]]) -> Drawing:
    """A row of dots for each workload: the speed of each series relative to the first one."""
    step, left, top = 20, 112, _TOP + 34
    bottom = top + step * len(rows)
    names = list(dict.fromkeys(name for row in rows.values() for name in row))
    drawing = Drawing(title, WIDTH, bottom + 26, _STYLE)
    legend(drawing, names, _TOP + 4)
    most = max(value for row in rows.values() for value in row.values())
    scale = Scale(0.7, max(100.0, most * 1.1), left, _RIGHT)
    for tick in (1, 2, 5, 10, 20, 50, 100):
        x = scale.at(tick)
        drawing.line([(x, top - 10), (x, bottom - 6)], "" if tick == 1 else "grid")
        drawing.text([f"{tick}x"], x, bottom + 6, _SIZE, kind="muted")
    for place, (workload, row) in enumerate(rows.items()):
        y = top + step * place
        drawing.text([workload], left - 8, y, _SIZE, "end")
        for name, value in row.items():
            drawing.mark(scale.at(value), y, SERIES[name].shape, SERIES[name].kind)
    return drawing


def lines(
    title: str,
    across: Sequence[str],
    up: str,
    below: str,
    curves: Mapping[str, Sequence[float]],
) -> Drawing:
    """A line for each series over named steps; both scales are logarithmic."""
    left, right, top, bottom = 46, _RIGHT - 34, _TOP + 42, 226
    drawing = Drawing(title, WIDTH, bottom + 44, _STYLE)
    legend(drawing, list(curves), _TOP + 4)
    values = [value for curve in curves.values() for value in curve]
    scale = Scale(min(values) * 0.8, max(values) * 1.25, bottom, top)
    drawing.text([up], 6, top - 12, _SIZE, "start", "muted")
    for tick in scale.ticks():
        drawing.line([(left, scale.at(tick)), (right, scale.at(tick))], "grid")
        drawing.text([number(tick)], left - 6, scale.at(tick), _SIZE, "end", "muted")
    places = [left + 24 + (right - left - 48) * n / (len(across) - 1) for n in range(len(across))]
    for x, label in zip(places, across, strict=True):
        drawing.text([label], x, bottom + 12, _SIZE, kind="muted")
    drawing.text([below], (left + right) / 2, bottom + 28, _SIZE, kind="muted")
    for name, curve in curves.items():
        series = SERIES[name]
        points = [(x, scale.at(value)) for x, value in zip(places, curve, strict=True)]
        drawing.line(points, series.kind)
        for x, y in points:
            drawing.mark(x, y, series.shape, series.kind)
    lowest = float("inf")
    for last in sorted(curve[-1] for curve in curves.values()):
        lowest = min(scale.at(last), lowest - _SIZE - 1)  # labels must not cover each other
        drawing.text([number(last)], places[-1] + 9, lowest, _SIZE, "start")
    return drawing


def bars(title: str, groups: Mapping[str, Mapping[str, float]], ours: Sequence[str]) -> Drawing:
    """Groups of bars from zero with their figures; ours have the colour of the package."""
    step, left, top = 17, 166, _TOP
    height = sum(26 + step * len(group) for group in groups.values())
    drawing = Drawing(title, WIDTH, top + height + 4, _STYLE)
    most = max(value for group in groups.values() for value in group.values())
    y: float = top
    for label, group in groups.items():
        drawing.text([label], 6, y + 8, _SIZE, "start", "muted")
        y += 26
        for name, value in group.items():
            width = (_RIGHT - 40 - left) * value / most
            drawing.text([name], left - 6, y, _SIZE, "end")
            drawing.bar(left, y - 6, width, 12, "s3" if name in ours else "s1")
            drawing.text([number(value)], left + width + 5, y, _SIZE, "start")
            y += step
    return drawing
