"""The exceptions that this package raises. All of them are subclasses of :class:`H2Error`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from h2._event import Event
from h2.errors import ErrorCodes

__all__ = [
    "DenialOfServiceError",
    "FlowControlError",
    "FrameDataMissingError",
    "FrameTooLargeError",
    "H2Error",
    "InvalidBodyLengthError",
    "InvalidSettingsValueError",
    "NoAvailableStreamIDError",
    "NoSuchStreamError",
    "ProtocolError",
    "RFC1122Error",
    "StreamClosedError",
    "StreamIDTooLowError",
    "TooManyStreamsError",
    "UnsupportedFrameError",
]


class H2Error(Exception):
    """The base class of all exceptions of this package."""

    #: Events of the frames that were received in full before the error, in order. Set if
    #: ``H2Connection.receive_data`` raises; otherwise empty. If another exception ended an earlier
    #: call of it, the next one to raise has the events of that call, once.
    events: Sequence[Event] = ()

    #: Stable identifier of the rule that was broken, such as ``"frame-too-large"``; ``None`` if
    #: no protocol rule is involved.
    rule: str | None = None

    #: What is wrong, for classes whose arguments do not contain it.
    _message: str | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        # The inherited method calls the class with `args`, which fails for every class whose
        # constructor takes other arguments.
        return _rebuild, (type(self), self.args), self.__dict__


def _rebuild(cls: type[H2Error], args: tuple[Any, ...]) -> H2Error:
    """Create an exception without its constructor, for copying and unpickling."""
    return cls.__new__(cls, *args)


class ProtocolError(H2Error):
    """Something violates the HTTP/2 protocol (RFC 9113 section 5.4).

    Raised for frames from the peer, which then end the connection with a GOAWAY frame, and for
    calls that would make this endpoint violate the protocol, which then change nothing.
    """

    #: The error code that goes with this violation (RFC 9113 section 7).
    error_code: ErrorCodes = ErrorCodes.PROTOCOL_ERROR


class FrameTooLargeError(ProtocolError):
    """A frame is larger than its receiver allows (RFC 9113 section 4.2)."""

    error_code = ErrorCodes.FRAME_SIZE_ERROR


class FrameDataMissingError(ProtocolError):
    """A frame is too short for the fields that it must contain (RFC 9113 section 4.2)."""

    error_code = ErrorCodes.FRAME_SIZE_ERROR


class TooManyStreamsError(ProtocolError):
    """Opening this stream would exceed SETTINGS_MAX_CONCURRENT_STREAMS (RFC 9113 section 5.1.2).

    :class:`~h2.buffered.BufferedH2Connection` queues requests instead, and never raises it.
    """


class FlowControlError(ProtocolError):
    """Something does not fit in a flow-control window (RFC 9113 section 5.2).

    :class:`~h2.buffered.BufferedH2Connection` buffers content until there is a window.
    """

    error_code = ErrorCodes.FLOW_CONTROL_ERROR


class StreamIDTooLowError(ProtocolError):
    """A new stream has an identifier that is not above the earlier ones (RFC 9113 section 5.1.1).

    :param stream_id: the identifier of the stream that was to be opened
    :param max_stream_id: the highest identifier used so far
    """

    def __init__(self, stream_id: int, max_stream_id: int) -> None:
        super().__init__(stream_id, max_stream_id)

        #: The identifier of the stream that was to be opened.
        self.stream_id = stream_id

        #: The highest identifier used so far by the same endpoint.
        self.max_stream_id = max_stream_id

    def __str__(self) -> str:
        return f"StreamIDTooLowError: {self.stream_id} is lower than {self.max_stream_id}"


class NoAvailableStreamIDError(ProtocolError):
    """All stream identifiers of this endpoint are used up (RFC 9113 section 5.1.1).

    A new connection is needed for further streams.
    """


class NoSuchStreamError(ProtocolError):
    """A call or a frame refers to a stream that does not exist (RFC 9113 section 5.1).

    :param stream_id: the identifier of that stream
    """

    def __init__(self, stream_id: int) -> None:
        super().__init__(stream_id)

        #: The identifier of the stream that does not exist.
        self.stream_id = stream_id

    def __str__(self) -> str:
        return self._message or super().__str__()


class StreamClosedError(NoSuchStreamError):
    """A call or a frame refers to a stream that is closed (RFC 9113 section 5.1).

    :param stream_id: the identifier of that stream
    """

    error_code = ErrorCodes.STREAM_CLOSED


class InvalidSettingsValueError(ProtocolError, ValueError):
    """A setting has a value that is not allowed (RFC 9113 section 6.5.2).

    :param msg: what is wrong
    :param error_code: the error code that the RFC names for this setting
    """

    def __init__(self, msg: str, error_code: ErrorCodes) -> None:
        super().__init__(msg)
        self.error_code = error_code


class InvalidBodyLengthError(ProtocolError):
    """The content of a message is longer or shorter than ``content-length`` says.

    RFC 9113 section 8.1.1.

    :param expected: the value of ``content-length``, in bytes
    :param actual: the bytes of content received so far
    """

    def __init__(self, expected: int, actual: int) -> None:
        super().__init__(expected, actual)

        #: The value of ``content-length``, in bytes.
        self.expected_length = expected

        #: The bytes of content received so far.
        self.actual_length = actual

    def __str__(self) -> str:
        return (
            f"InvalidBodyLengthError: Expected {self.expected_length} bytes, "
            f"received {self.actual_length}"
        )


class UnsupportedFrameError(ProtocolError):
    """The peer sent a frame that this package does not accept at this point."""


class RFC1122Error(H2Error):
    """A call that the RFC strictly allows, but that is too ill-defined to make.

    Named after the advice of RFC 1122 section 1.2.2: be liberal in what you accept and
    conservative in what you send.
    """


class DenialOfServiceError(ProtocolError):
    """The peer appears to be exhausting this endpoint (RFC 9113 section 10.5).

    It exceeded one of the limits in :class:`h2.limits.AbuseLimits`, or another limit that the
    message names.
    """

    error_code = ErrorCodes.ENHANCE_YOUR_CALM

    #: The field of :class:`h2.limits.AbuseLimits` that was exceeded; ``None`` for other limits.
    limit: str | None = None

    #: The number, or the amount, that the limit allows.
    allowed: int | None = None

    #: The number, or the amount, that was counted.
    seen: int | None = None
