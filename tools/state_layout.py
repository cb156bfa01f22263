"""State diagrams: the positions of boxes, the routes of arrows, and their labels.

States are on a grid. Sending leads down and receiving leads to the right, so the path from the
first state to the last one is that of a message, in whatever order its halves come. The grid is
narrow enough for a phone.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tools.drawing import Drawing, Point

#: Places by state: column and row.
Places = Mapping[str, tuple[int, int]]

#: The inputs that lead from one state to another, by both.
Labels = Mapping[tuple[str, str], Sequence[str]]

_BOX = (84, 50)
_GAP = (70, 54)
_LANE = 15  # distance of an arrow from a box that it goes around
_ASIDE = 20  # distance of the ends of such an arrow from the middle of a side
_TEXT = 10  # font size of labels
_LONGEST_LINE = 12  # characters of a name in a box


@dataclass(frozen=True)
class Box:
    """The place of a state."""

    column: int
    row: int
    left: float
    top: float

    @property
    def right(self) -> float:
        """The right edge."""
        return self.left + _BOX[0]

    @property
    def bottom(self) -> float:
        """The lower edge."""
        return self.top + _BOX[1]

    @property
    def x(self) -> float:
        """The middle from left to right."""
        return self.left + _BOX[0] / 2

    @property
    def y(self) -> float:
        """The middle from top to bottom."""
        return self.top + _BOX[1] / 2


class StateDiagram:
    """One diagram: its first state, its positions, and its transitions."""

    def __init__(self, title: str, start: str, places: Places, labels: Labels) -> None:
        self.labels = labels
        self.columns = 1 + max(column for column, _ in places.values())
        self.rows = 1 + max(row for _, row in places.values())
        # Room for arrows that go around boxes, and for their labels.
        side, top = _LANE + 5, 2 * _LANE + 6
        self.boxes = {
            name: Box(
                column,
                row,
                side + column * (_BOX[0] + _GAP[0]),
                top + row * (_BOX[1] + _GAP[1]),
            )
            for name, (column, row) in places.items()
        }
        low = max(box.bottom for box in self.boxes.values())
        right = max(box.right for box in self.boxes.values())
        below = top if any(self._goes_below(*edge) for edge in labels) else 5
        self.drawing = Drawing(title, right + side, low + below)
        first = self.boxes[start]
        self.drawing.dot(first.x - _ASIDE, first.top - _LANE - 4)
        self.drawing.arrow([(first.x - _ASIDE, first.top - _LANE), (first.x - _ASIDE, first.top)])

    def svg(self) -> str:
        """The diagram as the text of an SVG file."""
        for before, after in self.labels:
            self._edge(before, after)
        for name, box in self.boxes.items():
            self.drawing.box(box.left, box.top, *_BOX)
            self.drawing.text(_broken(name), box.x, box.y)
        return self.drawing.svg()

    def _edge(self, before: str, after: str) -> None:
        one, other = self.boxes[before], self.boxes[after]
        if one.row != other.row and one.column != other.column:
            self._elbow(before, after)
        elif one.row == other.row:
            (self._over if self._between(one, other) else self._right)(before, after)
        else:
            (self._around if self._between(one, other) else self._down)(before, after)

    def _between(self, one: Box, other: Box) -> bool:
        """Whether there is a box between two that are in the same row or column."""
        rows = range(one.row, other.row + 1)
        columns = range(one.column, other.column + 1)
        inside = [box for box in self.boxes.values() if box.row in rows and box.column in columns]
        return len(inside) > 2

    def _goes_below(self, before: str, after: str) -> bool:
        """Whether an arrow goes around a box in the last row."""
        one, other = self.boxes[before], self.boxes[after]
        return one.row == other.row == self.rows - 1 and self._between(one, other)

    def _arrow(self, before: str, after: str, points: Sequence[Point]) -> tuple[list[str], str]:
        """Draw an arrow; return its label, and how to place it."""
        inputs = self.labels[before, after]
        kind = "send" if inputs[0].startswith("SEND_") else "receive"
        self.drawing.arrow(points, kind)
        return [name.partition("_")[2] for name in inputs], kind

    def _right(self, before: str, after: str) -> None:
        """Straight to the right; the text above."""
        one, other = self.boxes[before], self.boxes[after]
        lines, kind = self._arrow(before, after, [(one.right, one.y), (other.left, one.y)])
        self._write_above(lines, (one.right + other.left) / 2, one.y, kind)

    def _down(self, before: str, after: str) -> None:
        """Straight down; the text on the side without an arrow around the box."""
        one, other = self.boxes[before], self.boxes[after]
        lines, kind = self._arrow(before, after, [(one.x, one.bottom), (one.x, other.top)])
        last = self._at_the_right(one)
        x, anchor = (one.x - 6, "end") if last else (one.x + 6, "start")
        self.drawing.text(lines, x, (one.bottom + other.top) / 2, _TEXT, anchor, kind)

    def _over(self, before: str, after: str) -> None:
        """To the right around a box: above it, or below it in the last row."""
        one, other = self.boxes[before], self.boxes[after]
        if one.row == self.rows - 1:
            lane = one.bottom + _LANE
            points = [(one.x, one.bottom), (one.x, lane), (other.x, lane), (other.x, one.bottom)]
        else:
            lane = one.top - _LANE
            start, end = one.x + _ASIDE, other.x - _ASIDE
            points = [(start, one.top), (start, lane), (end, lane), (end, one.top)]
        lines, kind = self._arrow(before, after, points)
        if one.row == self.rows - 1:
            self.drawing.text(lines, (one.x + other.x) / 2, lane + _TEXT, _TEXT, "middle", kind)
        else:
            self._write_above(lines, (one.x + other.x) / 2, lane, kind)

    def _around(self, before: str, after: str) -> None:
        """Down around a box: left of it, or right of it in the last column."""
        one, other = self.boxes[before], self.boxes[after]
        right = self._at_the_right(one)
        side = one.right if right else one.left
        lane = side + (_LANE if right else -_LANE)
        # Away from the middle, where straight arrows arrive from the side.
        start, end = one.y + _ASIDE / 2, other.y - _ASIDE / 2
        points = [(side, start), (lane, start), (lane, end), (side, end)]
        lines, kind = self._arrow(before, after, points)
        broken = [part for line in lines for part in _broken(line, 8)]
        x, anchor = (lane - 4, "end") if right else (lane + 4, "start")
        self.drawing.text(broken, x, one.bottom + _GAP[1] / 2, _TEXT, anchor, kind)

    def _elbow(self, before: str, after: str) -> None:
        """Down, then to the side; if there are two such routes, the longer one is outside."""
        one, other = self.boxes[before], self.boxes[after]
        inward = 1 if other.column > one.column else -1
        deeper = other.row == self.rows - 1
        x = one.x + inward * (-_ASIDE if deeper else _ASIDE) / 2
        end = other.left if inward > 0 else other.right
        lines, kind = self._arrow(before, after, [(x, one.bottom), (x, other.y), (end, other.y)])
        self._write_above(lines, (max(x, end) + min(x, end)) / 2, other.y, kind)

    def _at_the_right(self, box: Box) -> bool:
        return box.column == self.columns - 1

    def _write_above(self, lines: Sequence[str], x: float, y: float, kind: str) -> None:
        self.drawing.text(lines, x, y - len(lines) * _TEXT * 0.6 - 4, _TEXT, "middle", kind)


def _broken(name: str, longest: int = _LONGEST_LINE) -> list[str]:
    """A name in several lines, broken after underscores."""
    lines = [""]
    for part in name.replace("_", "_ ").split():
        if lines[-1] and len(lines[-1] + part) > longest:
            lines.append("")
        lines[-1] += part
    return lines
