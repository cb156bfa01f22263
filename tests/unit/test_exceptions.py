"""h2.exceptions: bases, error codes, attributes, text, copies."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable

import pytest
from hpack import NeverIndexedHeaderTuple

from h2 import exceptions
from h2.errors import ErrorCodes
from h2.events import Event, RequestReceived, StreamEnded
from h2.exceptions import (
    DenialOfServiceError,
    FlowControlError,
    FrameDataMissingError,
    FrameTooLargeError,
    H2Error,
    InvalidBodyLengthError,
    InvalidSettingsValueError,
    NoAvailableStreamIDError,
    NoSuchStreamError,
    ProtocolError,
    RFC1122Error,
    StreamClosedError,
    StreamIDTooLowError,
    TooManyStreamsError,
    UnsupportedFrameError,
)

BASES: dict[type[H2Error], tuple[type[Exception], ...]] = {
    H2Error: (Exception,),
    RFC1122Error: (H2Error,),
    ProtocolError: (H2Error,),
    FrameTooLargeError: (ProtocolError,),
    FrameDataMissingError: (ProtocolError,),
    TooManyStreamsError: (ProtocolError,),
    FlowControlError: (ProtocolError,),
    StreamIDTooLowError: (ProtocolError,),
    NoAvailableStreamIDError: (ProtocolError,),
    NoSuchStreamError: (ProtocolError,),
    StreamClosedError: (NoSuchStreamError,),
    InvalidSettingsValueError: (ProtocolError, ValueError),
    InvalidBodyLengthError: (ProtocolError,),
    UnsupportedFrameError: (ProtocolError,),
    DenialOfServiceError: (ProtocolError,),
}

CODES: dict[type[ProtocolError], ErrorCodes] = {
    ProtocolError: ErrorCodes.PROTOCOL_ERROR,
    FrameTooLargeError: ErrorCodes.FRAME_SIZE_ERROR,
    FrameDataMissingError: ErrorCodes.FRAME_SIZE_ERROR,
    TooManyStreamsError: ErrorCodes.PROTOCOL_ERROR,
    FlowControlError: ErrorCodes.FLOW_CONTROL_ERROR,
    StreamIDTooLowError: ErrorCodes.PROTOCOL_ERROR,
    NoAvailableStreamIDError: ErrorCodes.PROTOCOL_ERROR,
    NoSuchStreamError: ErrorCodes.PROTOCOL_ERROR,
    StreamClosedError: ErrorCodes.STREAM_CLOSED,
    InvalidSettingsValueError: ErrorCodes.PROTOCOL_ERROR,
    InvalidBodyLengthError: ErrorCodes.PROTOCOL_ERROR,
    UnsupportedFrameError: ErrorCodes.PROTOCOL_ERROR,
    DenialOfServiceError: ErrorCodes.ENHANCE_YOUR_CALM,
}


class AwkwardError(ProtocolError):
    """A subclass that an application might define: its constructor does not accept `args`."""

    def __init__(self, *, wanted: int) -> None:
        super().__init__(f"wanted {wanted}")
        self.wanted = wanted


MAKERS: list[Callable[[], H2Error]] = [
    lambda: H2Error("text"),
    lambda: ProtocolError(),
    lambda: ProtocolError("text", 2),
    lambda: StreamIDTooLowError(3, 5),
    lambda: StreamIDTooLowError(stream_id=3, max_stream_id=5),
    lambda: NoSuchStreamError(stream_id=7),
    lambda: StreamClosedError(7),
    lambda: InvalidBodyLengthError(expected=10, actual=12),
    lambda: InvalidSettingsValueError("text", ErrorCodes.FLOW_CONTROL_ERROR),
    lambda: InvalidSettingsValueError(msg="text", error_code=ErrorCodes.FLOW_CONTROL_ERROR),
    lambda: AwkwardError(wanted=3),
]


def test_every_public_exception_is_listed_here() -> None:
    assert {cls.__name__ for cls in BASES} == set(exceptions.__all__)
    assert set(CODES) == {cls for cls in BASES if issubclass(cls, ProtocolError)}


@pytest.mark.parametrize("cls", BASES)
def test_bases(cls: type[H2Error]) -> None:
    assert cls.__bases__ == BASES[cls]


@pytest.mark.parametrize("cls", CODES)
def test_error_code_of_the_class(cls: type[ProtocolError]) -> None:
    assert cls.error_code is CODES[cls]


@pytest.mark.parametrize("cls", [H2Error, RFC1122Error])
def test_no_error_code_where_nothing_goes_to_the_peer(cls: type[H2Error]) -> None:
    assert not hasattr(cls, "error_code")


@pytest.mark.parametrize("cls", BASES)
def test_nothing_is_known_of_events_and_rule_at_first(cls: type[H2Error]) -> None:
    assert cls.events == ()
    assert cls.rule is None


def test_events_and_rule_belong_to_one_exception() -> None:
    error = ProtocolError("text")
    error.events = [StreamEnded(stream_id=1)]
    error.rule = "frame-too-large"
    assert ProtocolError("text").events == ()
    assert ProtocolError("text").rule is None


def test_plain_exceptions_keep_their_arguments() -> None:
    error = FlowControlError("too much")
    assert str(error) == "too much"
    assert error.args == ("too much",)
    assert repr(error) == "FlowControlError('too much')"


def test_stream_id_too_low() -> None:
    error = StreamIDTooLowError(3, 5)
    assert (error.stream_id, error.max_stream_id, error.args) == (3, 5, (3, 5))
    assert str(error) == "StreamIDTooLowError: 3 is lower than 5"


@pytest.mark.parametrize("cls", [NoSuchStreamError, StreamClosedError])
def test_stream_missing(cls: type[NoSuchStreamError]) -> None:
    error = cls(9)
    assert (error.stream_id, error.args, str(error)) == (9, (9,), "9")


def test_body_length() -> None:
    error = InvalidBodyLengthError(10, 12)
    assert (error.expected_length, error.actual_length, error.args) == (10, 12, (10, 12))
    assert str(error) == "InvalidBodyLengthError: Expected 10 bytes, received 12"


def test_settings_value() -> None:
    error = InvalidSettingsValueError("bad window", ErrorCodes.FLOW_CONTROL_ERROR)
    assert error.error_code is ErrorCodes.FLOW_CONTROL_ERROR
    assert (str(error), error.args) == ("bad window", ("bad window",))


@pytest.mark.parametrize(
    ("cls", "too_few"),
    [
        (StreamIDTooLowError, (1,)),
        (NoSuchStreamError, ()),
        (StreamClosedError, ()),
        (InvalidBodyLengthError, (1,)),
        (InvalidSettingsValueError, ("text",)),
    ],
)
def test_required_arguments(cls: Callable[..., H2Error], too_few: tuple[object, ...]) -> None:
    with pytest.raises(TypeError, match="required positional argument"):
        cls(*too_few)


def pickled(error: H2Error) -> H2Error:
    result = pickle.loads(pickle.dumps(error))
    assert isinstance(result, H2Error)
    return result


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, pickled])
@pytest.mark.parametrize("make", MAKERS)
def test_copies(make: Callable[[], H2Error], duplicate: Callable[[H2Error], H2Error]) -> None:
    fields = [NeverIndexedHeaderTuple(b"a", b"b")]
    events: list[Event] = [RequestReceived(stream_id=1, headers=fields), StreamEnded(stream_id=1)]
    error = make()
    error.events = events
    error.rule = "some-rule"
    twin = duplicate(error)
    assert twin is not error
    assert type(twin) is type(error)
    assert (twin.args, str(twin), vars(twin)) == (error.args, str(error), vars(error))
    assert twin.events == events
    assert isinstance(twin.events[0], RequestReceived)
    assert type(twin.events[0].headers[0]) is NeverIndexedHeaderTuple
    assert twin.rule == "some-rule"


def test_a_copy_of_an_exception_without_attributes() -> None:
    twin = pickled(ProtocolError("text"))
    assert (str(twin), vars(twin)) == ("text", {})
