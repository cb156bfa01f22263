"""Small drawings as SVG: boxes, arrows and text that follow the theme of the page they are on.

On GitHub a drawing is an image, which follows the browser's preference for light or dark; the
manual inlines it in the page (`tools.manual`), where `manual.css` sets the same variables for the
theme. Text is in a monospace font, so that its width is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from xml.sax.saxutils import escape, quoteattr

Point = tuple[float, float]

#: Width of a character (tests check that text fits) and height of a line, for a font size of 1.
CHARACTER = 0.6
LINE = 1.25

#: How much larger a drawing is shown if there is room; its own units are for a phone.
_SCALE = 1.3

_HEAD = 6  # length of an arrowhead

_STYLE = """\
.drawing { --ink: #1f2328; --muted: #59636e; --fill: #f6f8fa; --send: #0550ae; --receive: #953800; }
@media screen and (prefers-color-scheme: dark) {
.drawing { --ink: #e6edf3; --muted: #9198a1; --fill: #212830; --send: #79c0ff; --receive: #ffa657; }
}
.drawing text { font-family: ui-monospace, Menlo, Consolas, "DejaVu Sans Mono", monospace; }
.drawing text { fill: var(--ink); }
.drawing .box { fill: var(--fill); stroke: var(--ink); }
.drawing .group { fill: none; stroke: var(--muted); stroke-dasharray: 2 3; }
.drawing .line { fill: none; stroke: var(--muted); stroke-width: 1.3; }
.drawing .head { fill: var(--muted); }
.drawing text.muted { fill: var(--muted); }
.drawing .line.send { stroke: var(--send); }
.drawing .head.send, .drawing text.send { fill: var(--send); }
.drawing .line.receive { stroke: var(--receive); stroke-dasharray: 5 3; }
.drawing .head.receive, .drawing text.receive { fill: var(--receive); }
"""

#: The corners of marks, in units of their size; every shape has about the same area.
_SHAPES: dict[str, Sequence[Point]] = {
    "square": ((-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)),
    "diamond": ((0, -1.3), (1.3, 0), (0, 1.3), (-1.3, 0)),
    "triangle": ((0, -1.2), (1.25, 1), (-1.25, 1)),
    "plus": (
        *((-0.45, -1.2), (0.45, -1.2), (0.45, -0.45), (1.2, -0.45), (1.2, 0.45), (0.45, 0.45)),
        *((0.45, 1.2), (-0.45, 1.2), (-0.45, 0.45), (-1.2, 0.45), (-1.2, -0.45), (-0.45, -0.45)),
    ),
}


class Drawing:
    """A drawing of this size; the title is for readers who cannot see it.

    A style of its own adds classes to those that all drawings have.
    """

    def __init__(self, title: str, width: float, height: float, style: str = "") -> None:
        self.title = title
        self.width = width
        self.height = height
        self.style = style
        self._parts: list[str] = []

    def box(self, x: float, y: float, width: float, height: float, kind: str = "box") -> None:
        """Draw a rectangle with round corners from its upper left corner."""
        self._parts.append(
            f'<rect class="{kind}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height:g}" '
            'rx="5"/>'
        )

    def bar(self, x: float, y: float, width: float, height: float, kind: str) -> None:
        """Draw a filled rectangle from its upper left corner."""
        self._parts.append(
            f'<rect class="{_classes("mark", kind)}" x="{x:.1f}" y="{y:.1f}" '
            f'width="{width:.1f}" height="{height:.1f}"/>'
        )

    def line(self, points: Sequence[Point], kind: str = "") -> None:
        """Draw a line through these points, in any direction."""
        path = " L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        self._parts.append(f'<path class="{_classes("line", kind)}" d="M{path}"/>')

    def mark(self, x: float, y: float, shape: str, kind: str, size: float = 4) -> None:
        """Draw a mark of a plot: a circle, or one of the other shapes."""
        if shape == "circle":
            drawn = (
                f'<circle class="{_classes("mark", kind)}" cx="{x:.1f}" cy="{y:.1f}" r="{size:g}"/>'
            )
        else:
            corners = " ".join(f"{x + size * a:.1f},{y + size * b:.1f}" for a, b in _SHAPES[shape])
            drawn = f'<polygon class="{_classes("mark", kind)}" points="{corners}"/>'
        self._parts.append(drawn)

    def dot(self, x: float, y: float) -> None:
        """Draw a dot: where something starts."""
        self._parts.append(f'<circle class="head" cx="{x:g}" cy="{y:g}" r="4"/>')

    def arrow(self, points: Sequence[Point], kind: str = "") -> None:
        """Draw a line through these points, along the axes, with an arrowhead at its end."""
        (x, y), (end_x, end_y) = points[-2:]
        right = (end_x > x) - (end_x < x)
        down = (end_y > y) - (end_y < y)
        neck_x, neck_y = end_x - right * _HEAD, end_y - down * _HEAD
        path = " L".join(f"{x:g} {y:g}" for x, y in [*points[:-1], (neck_x, neck_y)])
        self._parts.append(f'<path class="{_classes("line", kind)}" d="M{path}"/>')
        # The corners are perpendicular to the direction of the arrow.
        aside_x, aside_y = down * _HEAD / 2, right * _HEAD / 2
        corners = (
            (end_x, end_y),
            (neck_x + aside_x, neck_y + aside_y),
            (neck_x - aside_x, neck_y - aside_y),
        )
        self._parts.append(
            f'<polygon class="{_classes("head", kind)}" '
            f'points="{" ".join(f"{x:g},{y:g}" for x, y in corners)}"/>'
        )

    def text(
        self,
        lines: Sequence[str],
        x: float,
        y: float,
        size: float = 11,
        anchor: str = "middle",
        kind: str = "",
    ) -> None:
        """Write lines of text, their middle at the height `y`."""
        first = y - (len(lines) - 1) * size * LINE / 2 + size * 0.35
        for number, line in enumerate(lines):
            of_kind = f' class="{kind}"' if kind else ""
            self._parts.append(
                f'<text{of_kind} x="{x:g}" y="{first + number * size * LINE:g}" '
                f'font-size="{size:g}" text-anchor="{anchor}">{escape(line)}</text>'
            )

    def svg(self) -> str:
        """The drawing as the text of an SVG file."""
        size = f'width="{self.width * _SCALE:g}" height="{self.height * _SCALE:g}"'
        head = (
            f'<svg class="drawing" xmlns="http://www.w3.org/2000/svg" role="img" '
            f"aria-label={quoteattr(self.title)} {size} "
            f'viewBox="0 0 {self.width:g} {self.height:g}">'
        )
        return "\n".join([head, f"<style>\n{_STYLE}{self.style}</style>", *self._parts, "</svg>\n"])


def _classes(*names: str) -> str:
    return " ".join(filter(None, names))
