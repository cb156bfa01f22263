"""`python -m h2 decode`: the bytes of one direction, in a file, to frames and header fields."""

from __future__ import annotations

import argparse
import contextlib
import itertools
import sys
from collections.abc import Iterator
from typing import BinaryIO

from h2._cli import hex_text, waterfall
from h2._cli.failure import Failure, Status
from h2._cli.frame_log import print_listing
from h2._cli.frames import FrameReader
from h2._cli.listing import Frame
from h2._cli.text import reason
from h2.recorder import Recorder

_CHUNK = 65536


def run(options: argparse.Namespace) -> int:
    """Print what is in the file; returns the exit status."""
    name = "standard input" if options.file == "-" else options.file
    recorder = None
    if options.waterfall:
        recorder = Recorder(name)
        recorder.unit = "octets"
    with contextlib.ExitStack() as stack:
        chunks = _chunks(_open(options.file, stack), name)
        first = next(chunks, b"")
        if recorder is not None and options.format == "auto" and first.startswith(b"{"):
            return _draw(options.waterfall, b"".join([first, *chunks]), name)
        chunks = itertools.chain([first] * bool(first), chunks)
        reader = FrameReader(recorder)
        faults = print_listing(_frames(reader, chunks, options.format, name), sys.stdout)
    if recorder is not None:
        waterfall.save(options.waterfall, [recorder], name)
    if not faults:
        return 0
    number = "1 error" if len(faults) == 1 else f"{len(faults)} errors, the first"
    raise Failure(Status.DAMAGED, f"{name} is damaged: {number} at {faults[0]}")


def _draw(target: str, recording: bytes, name: str) -> int:
    """Make a page of a recording that a program has written."""
    try:
        waterfall.save_recording(target, recording.decode(), name)
    except ValueError as error:
        raise Failure(Status.DAMAGED, f"{name} is not a recording: {error}") from None
    return 0


def _open(name: str, stack: contextlib.ExitStack) -> BinaryIO:
    if name == "-":
        return sys.stdin.buffer
    try:
        return stack.enter_context(open(name, "rb"))
    except (OSError, ValueError) as error:
        raise Failure(Status.READ, f"Could not open {name}: {reason(error)}") from None


def _chunks(file: BinaryIO, name: str) -> Iterator[bytes]:
    read = getattr(file, "read1", file.read)
    try:
        while data := read(_CHUNK):
            yield data
    except OSError as error:
        raise Failure(Status.READ, f"Could not read {name}: {reason(error)}") from None


def _frames(reader: FrameReader, chunks: Iterator[bytes], form: str, name: str) -> Iterator[Frame]:
    """Return the frames of a file, raw ones as soon as they are complete."""
    for chunk in chunks:
        data = chunk
        if form == "auto":
            form = "hex" if hex_text.looks_like_hex(chunk) else "raw"
        if form == "hex":
            text = b"".join([chunk, *chunks]).decode("ascii", "replace")
            try:
                data = hex_text.parse(text)
            except ValueError as error:
                raise Failure(Status.DAMAGED, f"{name} is not hexadecimal text: {error}") from None
        yield from reader.feed(data)
        sys.stdout.flush()  # the next bytes may take long to arrive
    yield from reader.finish()
