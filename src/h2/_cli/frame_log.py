"""Readable frames: of a live connection, or of a file."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable, Mapping
from typing import Final, TextIO

from h2._cli.failure import Failure, Status
from h2._cli.frames import FrameReader
from h2._cli.listing import Frame

SENT: Final = "-->"
RECEIVED: Final = "<--"

_COLUMNS: Final = "{:>9}  {:<3}  {:<15}  {:>6}  {:>6}  {:<22}  {}"
_LISTED: Final = "{:>9}  {:<15}  {:>6}  {:>6}  {:<22}  {}"
_DIM, _RED, _CYAN, _YELLOW, _PLAIN = "\x1b[2m", "\x1b[31m", "\x1b[36m", "\x1b[33m", "\x1b[0m"
_COLORS: Final = {SENT: _CYAN, RECEIVED: _YELLOW}


def wants_color(out: TextIO, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether text for this file may have colours: on terminals, unless the user chooses otherwise.

    NO_COLOR (any value but an empty one) and TERM=dumb turn them off, FORCE_COLOR and
    CLICOLOR_FORCE turn them on.
    """
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR") or environ.get("CLICOLOR_FORCE", "0") not in {"", "0"}:
        return True
    return environ.get("TERM") != "dumb" and out.isatty()


class FrameLog:
    """Prints the frames of one connection as they are sent and received, with the time.

        log = FrameLog(sys.stdout)
        log.sent(data)
        log.received(data)

    It sees what a packet capture without TLS would see, and knows nothing about the program.
    Each direction has its own state (a partial frame, the HPACK table), so the log must see all
    bytes, in order and once.

    :param out: where to print
    :param color: whether to use colours; depends on the terminal and the environment if ``None``
    :param label: printed in front of every line
    :param titles: whether to print a line with the names of the columns first
    """

    def __init__(
        self, out: TextIO, *, color: bool | None = None, label: str = "", titles: bool = True
    ) -> None:
        self.out = out
        self._color = wants_color(out) if color is None else color
        self._label = label
        self._start = time.monotonic()
        self._readers = {SENT: FrameReader(), RECEIVED: FrameReader()}
        if titles:
            names = ("seconds", "", "frame", "stream", "length", "flags", "content")
            self._print(_COLUMNS.format(*names))

    def note(self, text: str) -> None:
        """Print a separate line between the frames."""
        self._print(f"* {text}", _DIM)

    def sent(self, data: bytes) -> None:
        """Show bytes that were sent."""
        self._show(SENT, self._readers[SENT].feed(data))

    def received(self, data: bytes) -> None:
        """Show bytes that were received."""
        self._show(RECEIVED, self._readers[RECEIVED].feed(data))

    def finish(self) -> None:
        """Show what was only partly received."""
        self._show(RECEIVED, self._readers[RECEIVED].finish())

    def _show(self, way: str, frames: Iterable[Frame]) -> None:
        seconds = f"{time.monotonic() - self._start:.4f}"
        for frame in frames:
            row = _COLUMNS.format(seconds, way, *_cells(frame)).rstrip()
            self._print(row, _COLORS[way])
            for line in frame.lines:
                text = f"error: {line.text}" if line.fault else line.text
                self._print(f"{'':16}{text}", _RED if line.fault else _DIM)

    def _print(self, line: str, color: str = "") -> None:
        try:
            print(self._label + _painted(line, color if self._color else ""), file=self.out)
        except OSError:  # the output has no reader any more
            raise Failure(Status.WRITE) from None


def print_listing(frames: Iterable[Frame], out: TextIO) -> list[str]:
    """Print frames with their offsets; returns the errors."""
    color = wants_color(out)
    faults = []
    print(_LISTED.format("offset", "frame", "stream", "length", "flags", "content"), file=out)
    for frame in frames:
        row = _LISTED.format(frame.offset, *_cells(frame)).rstrip()
        print(_painted(row, _CYAN if color else ""), file=out)
        for line in frame.lines:
            text = f"error: {line.text}" if line.fault else line.text
            if line.fault:
                faults.append(f"offset {line.offset}: {line.text}")
            shade = _RED if line.fault else _DIM
            print(_painted(f"{line.offset:>9}    {text}", shade if color else ""), file=out)
    return faults


def _cells(frame: Frame) -> tuple[str, str, int, str, str]:
    return frame.name, frame.stream, frame.length, frame.flags, frame.content


def _painted(line: str, color: str) -> str:
    return f"{color}{line}{_PLAIN}" if color else line
