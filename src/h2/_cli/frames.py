"""Raw bytes of one direction of a connection to frames and fields, each with its offset.

The bytes may be anything. If they are invalid, the frame says what is wrong and where, and reading
continues after it as far as possible.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from h2._cli import payloads
from h2._cli.field_blocks import FieldBlocks
from h2._cli.listing import Damage, Frame
from h2._frames import decode
from h2._frames.describe import LoggedFrame, flag_names, name_of
from h2._frames.layout import (
    CONTINUATION,
    DATA,
    END_HEADERS,
    HEADER_LENGTH,
    HEADERS,
    PADDED,
    PREFACE,
    PRIORITY_FLAG,
    PUSH_PROMISE,
)
from h2.recorder import Recorder

#: Data that begins like this is often mistaken for HTTP/2.
_FOREIGN: Final = {
    b"HTTP/": "HTTP/1, not HTTP/2",
    b"GET ": "HTTP/1, not HTTP/2",
    b"POST ": "HTTP/1, not HTTP/2",
    b"\x16\x03": "TLS, which must be decrypted first",
    b"\xd4\xc3\xb2\xa1": "a packet capture, not the bytes of one direction",
    b"\n\r\r\n": "a packet capture, not the bytes of one direction",
}
_WITH_FIELDS: Final = {HEADERS, PUSH_PROMISE, CONTINUATION}
#: Octets between the padding length and the field block, and what they contain.
_PREFIXES: Final = {
    HEADERS: (5, "priority fields"),
    PUSH_PROMISE: (4, "promised stream"),
    CONTINUATION: (0, ""),
    DATA: (0, ""),
}


class FrameReader:
    """Cuts the bytes of one direction into frames, and remembers what later ones depend on.

    :param recorder: gets all frames that are complete, with their offsets as times
    """

    def __init__(self, recorder: Recorder | None = None) -> None:
        self._recorder = recorder
        self.offset = 0  # of the first unread byte
        self._data = bytearray()
        self._blocks = FieldBlocks()
        self._begun = False  # whether the beginning of the bytes has been checked
        self._foreign = False
        self._open: int | None = None  # the stream with an incomplete field block
        self._interrupted = False  # whether that was already reported

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Add bytes; returns the frames that they complete."""
        if self._foreign:
            self.offset += len(data)
            return
        self._data += data
        if not self._begun:
            yield from self._begin()
        while self._begun and len(self._data) >= HEADER_LENGTH:
            end = HEADER_LENGTH + self._length()
            if len(self._data) < end:
                return
            yield self._frame(bytes(self._data[HEADER_LENGTH:end]))
            self._skip(end)

    def finish(self) -> Iterator[Frame]:
        """Return a frame for what is incomplete at the end of the bytes."""
        data = self._data
        end = self.offset + len(data)
        if data and not self._begun and PREFACE.startswith(data):
            frame = Frame(0, "(preface)", length=len(data))
            frame.fault(end, f"connection preface is truncated: {len(data)} of 24 octets")
        elif len(data) >= HEADER_LENGTH:
            frame = self._frame(bytes(data[HEADER_LENGTH:]))
            here = len(data) - HEADER_LENGTH
            frame.fault(end, f"frame is truncated: {here} of {frame.length} octets of its payload")
        elif data:
            frame = Frame(self.offset, "(frame header)", length=len(data))
            frame.fault(end, f"frame header is truncated: {len(data)} of {HEADER_LENGTH} octets")
        elif self._open is not None:
            frame = Frame(end, "(end)")
            frame.fault(end, f"field block on stream {self._open} is incomplete")
        else:
            return
        self._open = None
        self._skip(len(data))
        yield frame

    def _begin(self) -> Iterator[Frame]:
        """Look for the connection preface (RFC 9113 section 3.4) and for other protocols."""
        data = bytes(self._data[: len(PREFACE)])
        looks_like_preface = data[:4] == PREFACE[:4] or PREFACE.startswith(data)
        if len(data) < (len(PREFACE) if looks_like_preface else HEADER_LENGTH):
            return
        self._begun = True
        if looks_like_preface:
            frame = Frame(0, "(preface)", length=len(PREFACE), content="PRI * HTTP/2.0")
            if data != PREFACE:
                at = next(i for i, octet in enumerate(PREFACE) if data[i] != octet)
                frame.fault(at, "connection preface is invalid")
            yield frame
            self._skip(len(PREFACE))
            return
        for beginning, what in _FOREIGN.items():
            if data.startswith(beginning):
                self._foreign = True
                frame = Frame(0, "(no frame)", length=len(self._data))
                frame.fault(0, f"this is {what}")
                yield frame
                self._skip(len(self._data))

    def _length(self) -> int:
        """Return the payload length in the frame header at the beginning."""
        return int.from_bytes(self._data[:3], "big")

    def _skip(self, octets: int) -> None:
        del self._data[:octets]
        self.offset += octets

    def _frame(self, payload: bytes) -> Frame:
        """Describe the frame at the beginning; ``payload`` is what there is of its payload."""
        _, _, kind, flags, stream_id = decode.unpack_header(self._data)
        stream_id &= decode.ID_MASK
        if self._recorder is not None and len(payload) == self._length():
            raw = LoggedFrame(kind, flags, stream_id, payload)
            self._recorder.record(raw, sent=True, at=self.offset)
        names = " ".join(flag_names(kind, flags))
        frame = Frame(self.offset, name_of(kind), str(stream_id), self._length(), names)
        self._check_order(frame, kind, stream_id)
        try:
            payloads.check_shape(frame, kind, stream_id)
            if kind == DATA:
                start, stop, _ = self._content(frame, kind, flags, payload)
                padding = frame.length - stop
                frame.content = f"{stop - start} bytes" + (f", padding {padding}" * bool(padding))
            elif kind in _WITH_FIELDS:
                self._fields(frame, kind, flags, stream_id, payload)
            elif len(payload) == frame.length:
                payloads.describe(frame, kind, flags, payload)
        except Damage as damage:
            frame.fault(damage.offset, str(damage))
            if kind in _WITH_FIELDS:
                self._blocks.lose(damage.offset)
        return frame

    def _check_order(self, frame: Frame, kind: int, stream_id: int) -> None:
        """Check that field blocks are contiguous (RFC 9113 section 4.3)."""
        if self._open is None:
            if kind == CONTINUATION:
                frame.fault(frame.offset, "CONTINUATION without a field block to continue")
                self._blocks.lose(frame.offset)
            return
        if kind == CONTINUATION and stream_id == self._open:
            return
        if not self._interrupted:
            self._interrupted = True
            text = f"expected CONTINUATION for the field block on stream {self._open}"
            frame.fault(frame.offset, text)
        if kind in _WITH_FIELDS:
            self._blocks.lose(frame.offset)

    def _fields(self, frame: Frame, kind: int, flags: int, stream_id: int, payload: bytes) -> None:
        """Decode a fragment of a field block (RFC 9113 sections 4.3, 6.2, 6.6 and 6.10)."""
        last = bool(flags & END_HEADERS)
        if kind != CONTINUATION:
            self._blocks.begin()
        self._open = None if last else stream_id
        self._interrupted = False
        start, stop, prefix = self._content(frame, kind, flags, payload)
        if kind == HEADERS and len(prefix) == 5:
            frame.content = payloads.priority(prefix)
        if kind == PUSH_PROMISE and len(prefix) == 4:
            frame.content = f"promises stream {decode.stream_id(prefix)}"
        whole = len(payload) == frame.length
        at = frame.offset + HEADER_LENGTH + start
        frame.lines.extend(self._blocks.add(payload[start:stop], at, last and whole))

    def _content(
        self, frame: Frame, kind: int, flags: int, payload: bytes
    ) -> tuple[int, int, bytes]:
        """Return where content or field block fragment start and stop, and what comes before it.

        Strips padding (RFC 9113 section 6.1). The payload may be truncated.
        """
        at = frame.offset + HEADER_LENGTH
        start, stop = 0, frame.length
        if flags & PADDED and kind != CONTINUATION:
            if not frame.length:
                raise Damage(at, "PADDED flag is set, but Pad Length is missing")
            padding = int.from_bytes(payload[:1], "big")
            if padding >= frame.length:
                raise Damage(at, f"padding of {padding} octets in a payload of {frame.length}")
            start, stop = 1, frame.length - padding
        octets, name = _PREFIXES[kind]
        if kind == HEADERS and not flags & PRIORITY_FLAG:
            octets = 0
        if stop - start < octets:
            raise Damage(at + start, f"{name}: only {stop - start} of {octets} octets")
        return start + octets, stop, payload[start : start + octets]
