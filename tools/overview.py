"""Draw docs/diagrams/overview.svg: the path from bytes to events, and from calls to bytes.

usage: python -m tools.overview [--check]

With `--check` nothing is written, and the exit status is 1 if the drawing is out of date.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from tools.drawing import Drawing
from tools.pages import write_or_check

_TITLE = (
    "Bytes from the peer go up through reader, frames, handlers and HPACK decoder and become "
    "events; calls go down through plan, commit, HPACK encoder and frames and become bytes. Both "
    "ask the rules between them, and a broken rule becomes output by way of faults."
)
_WIDTH = 420
_ROW = 68  # from one row to the next
_HEIGHT = 44  # of a box
_SIZE = 10  # of the text in boxes

#: Left edge and width of the three columns: receiving, what both use, sending.
_RECEIVE = (5, 122)
_SHARED = (149, 122)
_SEND = (293, 122)

_ALL = (5, 410)


class _Overview:
    """The drawing, row by row from the program down to the network."""

    def __init__(self) -> None:
        self.drawing = Drawing(_TITLE, _WIDTH, 6 * _ROW + _HEIGHT + 10)

    def box(self, column: tuple[int, int], row: int, *lines: str, rows: int = 1) -> None:
        """Draw a box; its first line is its name, and the others say what it does."""
        left, width = column
        top, height = 5 + row * _ROW, _HEIGHT + (rows - 1) * _ROW
        middle = top + height / 2
        self.drawing.box(left, top, width, height)
        step = _SIZE * 1.25
        first = middle - (len(lines) - 1) * step / 2
        self.drawing.text(lines[:1], left + width / 2, first, _SIZE)
        for number, line in enumerate(lines[1:], 1):
            self.drawing.text(
                [line], left + width / 2, first + number * step, _SIZE - 1, kind="muted"
            )

    def up(self, row: int, text: str = "") -> None:
        """Draw the receiving path from this row to the one above it."""
        x = _RECEIVE[0] + _RECEIVE[1] / 2
        top = 5 + row * _ROW
        self.drawing.arrow([(x, top), (x, top - _ROW + _HEIGHT)], "receive")
        if text:
            self.drawing.text([text], x + 6, top - 12, _SIZE - 1, "start", "receive")

    def down(self, row: int, text: str = "") -> None:
        """Draw the sending path from this row to the one below it."""
        x = _SEND[0] + _SEND[1] / 2
        top = 5 + row * _ROW + _HEIGHT
        self.drawing.arrow([(x, top), (x, top + _ROW - _HEIGHT)], "send")
        if text:
            self.drawing.text([text], x - 6, top + 12, _SIZE - 1, "end", "send")

    def across(self, row: int, left: bool, kind: str) -> None:
        """Draw the use of the middle column by another one; `left` for the receiving column."""
        y = 5 + row * _ROW + _HEIGHT / 2
        start, end = (sum(_RECEIVE), _SHARED[0]) if left else (_SEND[0], sum(_SHARED))
        self.drawing.arrow([(start, y), (end, y)], kind)

    def fault(self) -> None:
        """Draw the path of a broken rule to the output."""
        x = _SHARED[0] + _SHARED[1] / 2
        row = 5 + 3 * _ROW + _HEIGHT
        self.drawing.arrow([(x, row), (x, row + _ROW - _HEIGHT)])
        self.drawing.text(["a Violation"], x + 6, row + 12, _SIZE - 1, "start", "muted")
        y = 5 + 5 * _ROW + _HEIGHT / 2
        self.drawing.arrow([(x, 5 + 4 * _ROW + _HEIGHT), (x, y), (_SEND[0], y)])


def drawing() -> str:
    """The drawing as the text of an SVG file."""
    shown = _Overview()
    shown.box(_ALL, 0, "your program", "uses connection.py, which checks the arguments")
    for row, text in ((1, "events"), (2, ""), (3, ""), (4, ""), (5, ""), (6, "receive_data")):
        shown.up(row, text)
    for row, text in ((0, "calls"), (1, ""), (2, ""), (3, ""), (4, ""), (5, "data_to_send")):
        shown.down(row, text)
    shown.box(_RECEIVE, 1, "inbound_fields", "fields become text")
    shown.box(_RECEIVE, 2, "receive*", "a handler for each", "type of frame")
    shown.box(_RECEIVE, 3, "_hpack", "decoder")
    shown.box(_RECEIVE, 4, "_frames", "layout, decode")
    shown.box(_RECEIVE, 5, "reader", "preface; cuts out", "frame after frame")
    shown.box(
        _SHARED, 1, "_rules", "may this come?", "may this go?", "", "states", "fields", "messages",
        "windows", "settings", rows=3,
    )  # fmt: skip
    shown.across(1, True, "receive")
    shown.across(2, True, "receive")
    shown.across(1, False, "send")
    shown.fault()
    shown.box(_SHARED, 4, "faults", "RST_STREAM, GOAWAY,", "event, exception")
    shown.box(_SEND, 1, "send*: plan", "all that can refuse", "is asked")
    shown.box(_SEND, 2, "send*: commit", "cannot fail")
    shown.box(_SEND, 3, "_hpack", "encoder")
    shown.box(_SEND, 4, "_frames", "encode")
    shown.box(_SEND, 5, "output", "what waits", "to be sent")
    shown.box(_ALL, 6, "your I/O", "sockets, TLS, threads or an event loop")
    return shown.drawing.svg()


def main(arguments: Sequence[str]) -> int:
    """Write or check the drawing; returns the exit status."""
    return write_or_check("tools.overview", {"diagrams/overview.svg": drawing()}, arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
