"""Readable frames: of a live connection, or of a file."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
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
_FOLDED: Final = frozenset({"DATA", "WINDOW_UPDATE"})


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


@dataclass
class _Fold:
    """Frames of one kind, on one stream, that were shown together: how many, and their sum."""

    seconds: str
    frames: int = 0
    length: int = 0
    total: int = 0
    words: str = ""  # what a frame says, with the sum in the place of its number

    def add(self, seconds: str, frame: Frame) -> None:
        """Count one more."""
        self.seconds = seconds
        self.frames += 1
        self.length += frame.length
        self.total += int(re.findall(r"\d+", frame.content)[0])
        self.words = re.sub(r"\d+", str(self.total), frame.content, count=1)


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
    :param fold: whether DATA and WINDOW_UPDATE frames that follow each other become one line for
        each stream and direction, after the first one
    """

    def __init__(
        self,
        out: TextIO,
        *,
        color: bool | None = None,
        label: str = "",
        titles: bool = True,
        fold: bool = False,
    ) -> None:
        self.out = out
        self._color = wants_color(out) if color is None else color
        self._label = label
        self._start = time.monotonic()
        self._fold = fold
        self._folds: dict[tuple[str, str, str], _Fold] = {}
        self._readers = {SENT: FrameReader(), RECEIVED: FrameReader()}
        if titles:
            names = ("seconds", "", "frame", "stream", "length", "flags", "content")
            self._print(_COLUMNS.format(*names))

    def note(self, text: str) -> None:
        """Print a separate line between the frames."""
        self._unfold()
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
        self._unfold()

    def _show(self, way: str, frames: Iterable[Frame]) -> None:
        seconds = f"{time.monotonic() - self._start:.4f}"
        for frame in frames:
            if self._is_folded(way, frame, seconds):
                continue
            self._row(seconds, way, *_cells(frame))
            for line in frame.lines:
                text = f"error: {line.text}" if line.fault else line.text
                self._print(f"{'':16}{text}", _RED if line.fault else _DIM)

    def _is_folded(self, way: str, frame: Frame, seconds: str) -> bool:
        """Whether a frame is shown later, together with others like it."""
        if not self._fold:
            return False
        if frame.name not in _FOLDED or frame.flags or frame.lines:
            self._unfold()
            return False
        kind = (way, frame.name, frame.stream)
        known = kind in self._folds
        if known:
            self._folds[kind].add(seconds, frame)
        else:
            self._folds[kind] = _Fold(seconds)
        return known

    def _unfold(self) -> None:
        """Show what was folded."""
        folds, self._folds = self._folds, {}
        for (way, name, stream), fold in folds.items():
            if fold.frames:
                frames = "1 more frame" if fold.frames == 1 else f"{fold.frames} more frames"
                words = f"{frames}: {fold.words}"
                self._row(fold.seconds, way, name, stream, fold.length, "", words)

    def _row(self, seconds: str, way: str, *cells: object) -> None:
        self._print(_COLUMNS.format(seconds, way, *cells).rstrip(), _COLORS[way])

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
