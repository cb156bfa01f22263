"""Octets in, frames of the package ``hyperframe`` out, for programs that inspect frames.

A connection has its own reader and does not use this one.
"""

from __future__ import annotations

from hyperframe.exceptions import HyperframeError, InvalidDataError, InvalidPaddingError
from hyperframe.frame import ContinuationFrame, Frame, HeadersFrame, PushPromiseFrame

from h2.exceptions import (
    DenialOfServiceError,
    FrameDataMissingError,
    FrameTooLargeError,
    ProtocolError,
)

__all__ = ["CONTINUATION_BACKLOG", "FrameBuffer"]

#: The limit that connections start with; see :class:`h2.connection.H2Connection`.
CONTINUATION_BACKLOG = 64

#: What a client sends before its first frame (RFC 9113 section 3.4).
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

_HEADER_LENGTH = 9


class FrameBuffer:
    """Octets that were received, to be iterated over as frames.

    The iteration stops when no complete frame is left, and can continue after the next
    :meth:`add_data`. HEADERS and PUSH_PROMISE have the complete field block, without CONTINUATION
    frames (RFC 9113 section 4.3).

    Iterating raises :exc:`~h2.exceptions.FrameTooLargeError`,
    :exc:`~h2.exceptions.FrameDataMissingError` or another
    :exc:`~h2.exceptions.ProtocolError` for invalid frames.

    :param server: whether the octets come from a client and so begin with its preface
    """

    def __init__(self, server: bool = False) -> None:
        #: The largest payload in octets (RFC 9113 section 4.2).
        self.max_frame_size = 16384
        self._preface = _PREFACE if server else b""
        self._data = bytearray()
        self._first: HeadersFrame | PushPromiseFrame | None = None
        self._parts: list[bytes] = []

    def add_data(self, data: bytes | bytearray | memoryview) -> None:
        """Add octets that were received.

        :param data: any bytes-like object, split anywhere
        :raises ProtocolError: if the client's preface is expected and they are not it
        """
        data = bytes(memoryview(data))
        if self._preface:
            due = self._preface[: len(data)]
            if data[: len(due)] != due:
                raise ProtocolError("The client's connection preface is invalid")
            self._preface = self._preface[len(due) :]
            data = data[len(due) :]
        self._data += data

    def __iter__(self) -> FrameBuffer:
        return self

    def __next__(self) -> Frame:
        while True:
            frame = self._next_frame()
            first = self._first
            if first is None:
                if not isinstance(frame, (HeadersFrame, PushPromiseFrame)):
                    return frame
                self._first = first = frame
                self._parts = []
            elif not isinstance(frame, ContinuationFrame) or frame.stream_id != first.stream_id:
                raise ProtocolError("A field block was interrupted by another frame")
            elif len(self._parts) >= CONTINUATION_BACKLOG:
                raise DenialOfServiceError("A field block has too many CONTINUATION frames")
            self._parts.append(frame.data)
            if "END_HEADERS" in frame.flags:
                first.data = b"".join(self._parts)
                first.flags.add("END_HEADERS")
                self._first = None
                return first

    def _next_frame(self) -> Frame:
        """Return the next frame, or end the iteration if there is none."""
        data = self._data
        if len(data) < _HEADER_LENGTH:
            raise StopIteration
        length = int.from_bytes(data[:3], "big")
        if length > self.max_frame_size:
            raise FrameTooLargeError(
                f"A frame of {length} octets exceeds the limit of {self.max_frame_size}"
            )
        end = _HEADER_LENGTH + length
        if len(data) < end:
            raise StopIteration
        try:
            frame, _ = Frame.parse_frame_header(memoryview(bytes(data[:_HEADER_LENGTH])))
            frame.parse_body(memoryview(bytes(data[_HEADER_LENGTH:end])))
        except (InvalidDataError, InvalidPaddingError) as error:
            raise ProtocolError(f"A frame is invalid: {error}") from error
        except HyperframeError as error:
            raise FrameDataMissingError("A frame is too short") from error
        del data[:end]
        return frame
