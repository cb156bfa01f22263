"""The events that ``H2Connection.receive_data`` returns.

Every event is one class; what happened on one stream carries the identifier of that stream.
Events that a program makes itself, in tests for instance, take their fields by keyword.

A field that was not given is ``None`` unless its description says otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from h2.settings import ChangedSetting, SettingCodes, Settings, _setting_code_from_int

if TYPE_CHECKING:
    from hpack.struct import Header
    from hyperframe.frame import Frame

    from h2.errors import ErrorCodes

__all__ = [
    "AlternativeServiceAvailable",
    "ConnectionTerminated",
    "DataReceived",
    "Event",
    "InformationalResponseReceived",
    "PingAckReceived",
    "PingReceived",
    "PriorityUpdated",
    "PushedStreamReceived",
    "RemoteSettingsChanged",
    "RequestReceived",
    "ResponseReceived",
    "SettingsAcknowledged",
    "StreamEnded",
    "StreamReset",
    "TrailersReceived",
    "UnknownFrameReceived",
    "WindowUpdated",
]

# A connection always gives the fields that have this default, so their types do not mention None:
# only an event that a program makes itself can lack them.
_ABSENT: Any = None

#: How many bytes of a payload the representation of an event shows.
_SHOWN = 20


class Event:
    """The base class of all events."""


@dataclass(kw_only=True, repr=False)
class RequestReceived(Event):
    """A request arrived: its header section is complete (RFC 9113 section 8.3.1). Servers only."""

    #: The stream of the request.
    stream_id: int

    #: The fields of the header section in order, pseudo-header fields first.
    headers: list[Header] = _ABSENT

    #: The event of the end of the stream if the request has neither content nor trailers.
    stream_ended: StreamEnded | None = None

    #: The event of the priority that the same frame carried, if it carried one.
    priority_updated: PriorityUpdated | None = None

    def __repr__(self) -> str:
        return f"<RequestReceived stream_id:{self.stream_id}, headers:{self.headers}>"


@dataclass(kw_only=True, repr=False)
class ResponseReceived(Event):
    """A final response arrived: its header section is complete (RFC 9113 section 8.3.2).

    Clients only.
    """

    #: The stream of the response.
    stream_id: int

    #: The fields of the header section in order, pseudo-header fields first.
    headers: list[Header] = _ABSENT

    #: The event of the end of the stream if the response has neither content nor trailers.
    stream_ended: StreamEnded | None = None

    #: The event of the priority that the same frame carried, if it carried one.
    priority_updated: PriorityUpdated | None = None

    def __repr__(self) -> str:
        return f"<ResponseReceived stream_id:{self.stream_id}, headers:{self.headers}>"


@dataclass(kw_only=True, repr=False)
class TrailersReceived(Event):
    """The trailer section of a request or a response arrived (RFC 9113 section 8.1)."""

    #: The stream of the message.
    stream_id: int

    #: The fields of the trailer section in order.
    headers: list[Header] = _ABSENT

    #: The event of the end of the stream. Trailers always end a stream.
    stream_ended: StreamEnded | None = None

    #: The event of the priority that the same frame carried, if it carried one.
    priority_updated: PriorityUpdated | None = None

    def __repr__(self) -> str:
        return f"<TrailersReceived stream_id:{self.stream_id}, headers:{self.headers}>"


@dataclass(kw_only=True, repr=False)
class InformationalResponseReceived(Event):
    """A response with a status code from 100 to 199 arrived (RFC 9113 section 8.1).

    Any number of these, zero included, comes before the final response. Clients only.
    """

    #: The stream of the response.
    stream_id: int

    #: The fields of the header section in order, pseudo-header fields first.
    headers: list[Header] = _ABSENT

    #: The event of the priority that the same frame carried, if it carried one.
    priority_updated: PriorityUpdated | None = None

    def __repr__(self) -> str:
        return f"<InformationalResponseReceived stream_id:{self.stream_id}, headers:{self.headers}>"


@dataclass(kw_only=True, repr=False)
class DataReceived(Event):
    """Content of a message arrived (RFC 9113 section 6.1)."""

    #: The stream of the message.
    stream_id: int

    #: The content, without padding. May be empty.
    data: bytes = _ABSENT

    #: What the frame takes from the flow-control windows, in bytes: content and padding. This is
    #: the number to hand to ``H2Connection.acknowledge_received_data``.
    flow_controlled_length: int = _ABSENT

    #: The event of the end of the stream if this is the last of the message.
    stream_ended: StreamEnded | None = None

    def __repr__(self) -> str:
        data = self.data[:_SHOWN].hex() if self.data else ""
        return (
            f"<DataReceived stream_id:{self.stream_id}, "
            f"flow_controlled_length:{self.flow_controlled_length}, data:{data}>"
        )


@dataclass(kw_only=True, repr=False)
class WindowUpdated(Event):
    """The peer is ready to receive more (RFC 9113 section 6.9)."""

    #: The stream whose window grew, or 0 for the window of the connection.
    stream_id: int

    #: By how many bytes the window grew.
    delta: int = _ABSENT

    def __repr__(self) -> str:
        return f"<WindowUpdated stream_id:{self.stream_id}, delta:{self.delta}>"


@dataclass(kw_only=True, repr=False, eq=False)
class RemoteSettingsChanged(Event):
    """The peer announced new values for its settings (RFC 9113 section 6.5).

    The values are in effect, and the acknowledgment waits to be sent. A caller who cannot accept
    them closes the connection.
    """

    #: What the peer announced, by setting; an unknown setting has its number as key. Includes
    #: values that are the same as before.
    changed_settings: dict[SettingCodes | int, ChangedSetting] = field(default_factory=dict)

    @classmethod
    def from_settings(
        cls, old_settings: Settings | dict[int, int], new_settings: dict[int, int]
    ) -> RemoteSettingsChanged:
        """Make the event for a set of new values.

        :param old_settings: the values before, complete
        :param new_settings: the values that are announced
        """
        event = cls()
        for number, value in new_settings.items():
            setting = _setting_code_from_int(number)
            event.changed_settings[setting] = ChangedSetting(
                setting, old_settings.get(setting), value
            )
        return event

    def __repr__(self) -> str:
        return f"<RemoteSettingsChanged changed_settings:{_listed(self.changed_settings)}>"


@dataclass(kw_only=True, repr=False)
class PingReceived(Event):
    """A PING arrived (RFC 9113 section 6.7). The answer to it waits to be sent."""

    #: The opaque data of the frame, 8 bytes.
    ping_data: bytes

    def __repr__(self) -> str:
        return f"<PingReceived ping_data:{_hex(self.ping_data)}>"


@dataclass(kw_only=True, repr=False)
class PingAckReceived(Event):
    """The answer to a PING arrived (RFC 9113 section 6.7)."""

    #: The opaque data of the frame, 8 bytes: those that ``H2Connection.ping`` was given.
    ping_data: bytes

    def __repr__(self) -> str:
        return f"<PingAckReceived ping_data:{_hex(self.ping_data)}>"


@dataclass(kw_only=True, repr=False)
class StreamEnded(Event):
    """The peer has ended its side of a stream (RFC 9113 section 5.1).

    Nothing more arrives on the stream; this side may still send on it.
    """

    #: The stream that ended.
    stream_id: int

    def __repr__(self) -> str:
        return f"<StreamEnded stream_id:{self.stream_id}>"


@dataclass(kw_only=True, repr=False)
class StreamReset(Event):
    """A stream ended before its time (RFC 9113 sections 5.4.2 and 6.4).

    Either the peer reset it, or the peer made an error that concerns this stream alone, and this
    side reset it. The stream is closed in both directions.
    """

    #: The stream that was reset.
    stream_id: int

    #: Why: an integer where it is not one of :class:`h2.errors.ErrorCodes`.
    error_code: ErrorCodes | int = _ABSENT

    #: Whether the peer reset the stream; ``False`` if this side did.
    remote_reset: bool = True

    def __repr__(self) -> str:
        return (
            f"<StreamReset stream_id:{self.stream_id}, error_code:{self.error_code}, "
            f"remote_reset:{self.remote_reset}>"
        )


@dataclass(kw_only=True, repr=False, eq=False)
class PushedStreamReceived(Event):
    """The server promised a stream for a request that was not made (RFC 9113 section 8.4).

    Clients only.
    """

    #: The stream on which the response is going to come.
    pushed_stream_id: int = _ABSENT

    #: The stream whose response the push belongs to.
    parent_stream_id: int = _ABSENT

    #: The fields of the request that the server promises to answer.
    headers: list[Header] = _ABSENT

    def __repr__(self) -> str:
        return (
            f"<PushedStreamReceived pushed_stream_id:{self.pushed_stream_id}, "
            f"parent_stream_id:{self.parent_stream_id}, headers:{self.headers}>"
        )


@dataclass(kw_only=True, repr=False, eq=False)
class SettingsAcknowledged(Event):
    """The peer acknowledged a SETTINGS frame of this side (RFC 9113 section 6.5.3)."""

    #: What took effect with the acknowledgment, by setting.
    changed_settings: dict[SettingCodes | int, ChangedSetting] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<SettingsAcknowledged changed_settings:{_listed(self.changed_settings)}>"


@dataclass(kw_only=True, repr=False, eq=False)
class PriorityUpdated(Event):
    """The peer gave priority information for a stream (RFC 7540 section 5.3).

    It is advice. RFC 9113 section 5.3.1 deprecates the scheme.
    """

    #: The stream whose priority is meant. It need not be open.
    stream_id: int = _ABSENT

    #: The weight, from 1 to 256.
    weight: int = _ABSENT

    #: The stream that this one depends on, or 0.
    depends_on: int = _ABSENT

    #: Whether this stream becomes the only child of the one it depends on.
    exclusive: bool = _ABSENT

    def __repr__(self) -> str:
        return (
            f"<PriorityUpdated stream_id:{self.stream_id}, weight:{self.weight}, "
            f"depends_on:{self.depends_on}, exclusive:{self.exclusive}>"
        )


@dataclass(kw_only=True, repr=False, eq=False)
class ConnectionTerminated(Event):
    """The peer is closing the connection: it sent GOAWAY (RFC 9113 section 6.8).

    Streams up to ``last_stream_id`` may still be completed. Later ones were not processed, and
    their requests may be sent again on another connection.
    """

    #: Why: an integer where it is not one of :class:`h2.errors.ErrorCodes`.
    error_code: ErrorCodes | int = _ABSENT

    #: The last stream of this side that the peer has processed or may still process.
    last_stream_id: int = _ABSENT

    #: What else the peer said, for diagnosis; ``None`` if it said nothing.
    additional_data: bytes | None = None

    def __repr__(self) -> str:
        data = _hex(self.additional_data[:_SHOWN]) if self.additional_data else None
        return (
            f"<ConnectionTerminated error_code:{self.error_code}, "
            f"last_stream_id:{self.last_stream_id}, additional_data:{data}>"
        )


@dataclass(kw_only=True, repr=False, eq=False)
class AlternativeServiceAvailable(Event):
    """The server names another way to reach an origin (RFC 7838 section 4). Clients only."""

    #: The origin that is meant. Where the frame does not say it, it is the ``:authority`` of the
    #: request on whose stream the frame arrived.
    origin: bytes = _ABSENT

    #: What the server said, in the syntax of RFC 7838 section 3, unchanged.
    field_value: bytes = _ABSENT

    def __repr__(self) -> str:
        origin = (self.origin or b"").decode("utf-8", "ignore")
        field_value = (self.field_value or b"").decode("utf-8", "ignore")
        return f"<AlternativeServiceAvailable origin:{origin}, field_value:{field_value}>"


@dataclass(kw_only=True, repr=False)
class UnknownFrameReceived(Event):
    """A frame of a type that this package does not know arrived (RFC 9113 section 5.5).

    It was ignored. A program that implements an extension finds the frame here.
    """

    #: The frame, in the representation of the ``hyperframe`` package.
    frame: Frame

    def __repr__(self) -> str:
        return "<UnknownFrameReceived>"


def _hex(data: bytes | None) -> str | None:
    return None if data is None else data.hex()


def _listed(changed_settings: dict[SettingCodes | int, ChangedSetting]) -> str:
    return "{" + ", ".join(map(repr, changed_settings.values())) + "}"
