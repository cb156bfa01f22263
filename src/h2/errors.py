"""The error codes of HTTP/2 (RFC 9113 section 7)."""

from __future__ import annotations

import enum

__all__ = ["ErrorCodes"]


class ErrorCodes(enum.IntEnum):
    """Why a stream was reset or a connection ended, as RST_STREAM and GOAWAY carry it.

    RFC 9113 section 7. A peer may send codes that are not listed here; those appear in events as
    plain integers.
    """

    #: The end is not an error: a graceful shutdown, for instance.
    NO_ERROR = 0x0

    #: The peer broke a rule for which there is no more specific code.
    PROTOCOL_ERROR = 0x1

    #: The endpoint encountered an internal error.
    INTERNAL_ERROR = 0x2

    #: The peer sent more than its flow-control windows allowed, or made a window overflow.
    FLOW_CONTROL_ERROR = 0x3

    #: The peer did not acknowledge a SETTINGS frame in time.
    SETTINGS_TIMEOUT = 0x4

    #: A frame arrived for a stream that its sender had already ended.
    STREAM_CLOSED = 0x5

    #: A frame had a size that its type or the receiver does not allow.
    FRAME_SIZE_ERROR = 0x6

    #: The stream was refused before anything was processed, so the request can be retried.
    REFUSED_STREAM = 0x7

    #: The stream is no longer needed.
    CANCEL = 0x8

    #: The field section compression context can no longer be maintained.
    COMPRESSION_ERROR = 0x9

    #: The connection behind a CONNECT request was reset or closed abnormally.
    CONNECT_ERROR = 0xA

    #: The peer causes too much load.
    ENHANCE_YOUR_CALM = 0xB

    #: The TLS connection does not meet the requirements of RFC 9113 section 9.2.
    INADEQUATE_SECURITY = 0xC

    #: The request has to be made with HTTP/1.1.
    HTTP_1_1_REQUIRED = 0xD


_BY_VALUE: dict[int, ErrorCodes] = {int(member): member for member in ErrorCodes}


def _error_code_from_int(code: int) -> ErrorCodes | int:
    """Return the member of :class:`ErrorCodes` for ``code``, or ``code`` if there is none.

    Unknown codes are passed on as they are (RFC 9113 section 7).
    """
    return _BY_VALUE.get(code, code)
