"""Where the content of a request comes from, and where that of a response goes."""

from __future__ import annotations

import contextlib
import io
import os
import stat
import sys
import time
from typing import BinaryIO, Final, TextIO

from h2._cli.failure import Failure, Status
from h2._cli.text import reason, size

#: Smaller content is complete before anybody could look at a progress bar.
LARGE: Final = 1_000_000

#: Whether select() accepts anything but sockets.
CAN_WAIT_FOR_PIPES = os.name == "posix"


class Source:
    """The content of a request, read in pieces.

    :param file: where it comes from
    :param name: its name in messages
    """

    def __init__(self, file: BinaryIO, name: str) -> None:
        self._file = file
        self._name = name
        self.length: int | None = None  # if known from the start
        self.taken = 0
        # The descriptor to wait for (a pipe), if the system can wait for it.
        self.waits: int | None = None
        if isinstance(file, io.BytesIO):
            self.length = len(file.getbuffer())
            return
        status = os.fstat(file.fileno())
        if stat.S_ISREG(status.st_mode):
            self.length = max(status.st_size - file.tell(), 0)
        elif CAN_WAIT_FOR_PIPES:
            self.waits = file.fileno()

    def read(self, amount: int) -> bytes:
        """Return the next piece, empty at the end. Blocks until there is one."""
        if self.length is not None:
            amount = min(amount, self.length - self.taken)
        try:
            data = self._read(amount)
        except OSError as error:
            raise Failure(Status.READ, f"Could not read {self._name}: {reason(error)}") from None
        if not data and self.taken < (self.length or 0):
            text = f"{self._name} ended after {self.taken} of {self.length} bytes"
            raise Failure(Status.READ, text)
        self.taken += len(data)
        return data

    def _read(self, amount: int) -> bytes:
        if self.waits is not None:
            return os.read(self.waits, amount)
        return self._file.read(amount)

    @property
    def ended(self) -> bool:
        """Whether all of it is known to have been read."""
        return self.taken == self.length

    @property
    def standard_input(self) -> bool:
        """Whether it is standard input, which can be read once."""
        return self._file is sys.stdin.buffer

    def close(self) -> None:
        """Close the file."""
        if not self.standard_input:
            self._file.close()


def open_source(name: str) -> Source:
    """Open a file for a request; `-` is standard input."""
    try:
        if name == "-":
            return Source(sys.stdin.buffer, "standard input")
        return Source(open(name, "rb"), name)
    except (OSError, ValueError) as error:
        raise Failure(Status.READ, f"Could not open {name}: {reason(error)}") from None


class Sink:
    """Where the content of a response goes: a file that is opened when it is needed, or stdout."""

    def __init__(self, name: str | None) -> None:
        self.name = None if name == "-" else name  # of a file
        self._title = self.name or "standard output"
        self._file: BinaryIO | None = sys.stdout.buffer if self.name is None else None
        self._checked = name is not None  # whether bytes may be anything
        self._failed = False
        self.held = False  # whether output is kept until it is this response's turn
        self._kept: list[bytes] = []

    @property
    def shown(self) -> bool:
        """Whether what is written appears on a terminal."""
        return self._file is sys.stdout.buffer and sys.stdout.isatty()

    def hold(self) -> None:
        """Keep output from now on, if it is for standard output."""
        self.held = self.name is None

    def release(self) -> None:
        """Write what was kept, and write immediately from now on."""
        self.held = False
        kept, self._kept = self._kept, []
        for data in kept:
            self.write(data)

    def write(self, data: bytes) -> None:
        """Write immediately, unless others come first."""
        if self.held:
            self._kept.append(data)
            return
        if not self._checked and self.shown and b"\0" in data:
            text = "The content is binary and could garble your terminal; '--output -' shows it"
            raise Failure(Status.WRITE, text)
        try:
            if self._file is None:
                self._file = open(self._title, "wb")  # noqa: SIM115 - close() closes it
            self._file.write(data)
            self._file.flush()
        except BrokenPipeError:
            raise
        except (OSError, ValueError) as error:
            self._failed = True
            text = f"Could not write to {self._title}: {reason(error)}"
            raise Failure(Status.WRITE, text) from None

    def close(self) -> None:
        """Close the file. One that failed before fails again; that was reported."""
        if self._file is not None and self._file is not sys.stdout.buffer:
            with contextlib.suppress(*[OSError] * self._failed):
                self._file.close()


class Progress:
    """A progress bar for large content, on a terminal."""

    _WIDTH: Final = 30
    _EVERY: Final = 0.1  # seconds

    def __init__(self, out: TextIO, what: str) -> None:
        self._out = out
        self._what = what
        self._start = self._shown_at = time.monotonic()
        self._shown = False

    def show(self, done: int, total: int | None, end: bool) -> None:
        """Draw it, unless it was just drawn; at the end, move to the next line."""
        now = time.monotonic()
        is_large = (done if total is None else total) >= LARGE
        if is_large and (end or now - self._shown_at >= self._EVERY):
            self._shown_at = now
            self._shown = True
            text = self._text(done, total, now - self._start)
            self._out.write(f"\r{text:<78}")
            self._out.flush()
        if end:
            self.end()

    def _text(self, done: int, total: int | None, seconds: float) -> str:
        rate = f"{size(done / max(seconds, 0.001))}/s"
        if total is None:
            return f"{self._what} {size(done)}, {rate}"
        filled = self._WIDTH * done // total
        bar = "#" * filled + "-" * (self._WIDTH - filled)
        return f"{self._what} [{bar}] {100 * done // total:>3} % of {size(total)}, {rate}"

    def end(self) -> None:
        """Move to the line after the one it was drawn on."""
        if self._shown:
            self._shown = False
            self._out.write("\n")
            self._out.flush()
