"""The events that ``H2Connection.receive_data`` returns.

Each kind of event has its own class; events on a stream carry the identifier of that stream.
Programs that create events themselves, in tests for example, pass the fields by keyword.

A field that was not given is ``None`` unless its description says otherwise.
"""

from __future__ import annotations

import copyreg
from dataclasses import field
from typing import TYPE_CHECKING, Any, TypeAlias

from hpack.struct import HeaderTuple, NeverIndexedHeaderTuple
from hyperframe.frame import Frame

from h2._event import Event
from h2.errors import ErrorCodes
from h2.settings import ChangedSetting, SettingCodes, Settings, _setting_code_from_int

if TYPE_CHECKING:
    from dataclasses import dataclass
else:
    from h2._dataclass import dataclass

__all__ = [
    "AlternativeServiceAvailable",
    "ConnectionDrained",
    "ConnectionTerminated",
    "DataAvailable",
    "DataReceived",
    "Event",
    "InformationalResponseReceived",
    "KeepaliveTimedOut",
    "OriginReceived",
    "PingAckReceived",
    "PingReceived",
    "PriorityUpdateReceived",
    "PriorityUpdated",
    "PushedStreamReceived",
    "RemoteSettingsChanged",
    "RequestReceived",
    "ResponseReceived",
    "SettingsAcknowledged",
    "SettingsTimedOut",
    "StreamEnded",
    "StreamOpened",
    "StreamReset",
    "StreamWritable",
    "TrailersReceived",
    "UnknownFrameReceived",
    "WindowUpdated",
]

# A connection always sets the fields that have this default, so their types do not mention None:
# only an event that a program creates itself can lack them.
_ABSENT: Any = None

#: How many bytes of a payload the representation of an event shows.
_SHOWN = 20

# A header field: name and value. Received fields are HeaderTuple or NeverIndexedHeaderTuple. The
# types of hpack say that both parts are bytes; with `header_encoding` they are text, and a type
# checker cannot know which. With this type, both kinds of programs type-check.
Header: TypeAlias = tuple[Any, Any]


def _field_parts(field: HeaderTuple) -> tuple[Any, tuple[bytes, ...]]:
    """Return how to recreate a field: its class, and the arguments for it."""
    return type(field), tuple(field)


# Events are copied and pickled with their fields. The classes of hpack take name and value as two
# arguments, which the inherited methods of tuples do not: a copy would be a tuple in a tuple.
copyreg.pickle(HeaderTuple, _field_parts)
copyreg.pickle(NeverIndexedHeaderTuple, _field_parts)

# Some events are hashable, so that they can be in sets and keys of dicts: the same ones as in h2
# 4.4.1. The hash depends on fields that programs have no reason to change.


@dataclass(kw_only=True, repr=False)
class RequestReceived(Event):
    """A request arrived: its header section is complete (RFC 9113 section 8.3.1). Servers only.

    :param stream_id: the stream of the request
    :param headers: the fields of the header section in order, pseudo-header fields first
    :param stream_ended: the event of the end of the stream if the request has neither content
        nor trailers
    :param priority_updated: the event of the priority that the same frame carried, if it
        carried one
    """

    stream_id: int
    headers: list[Header] = _ABSENT
    stream_ended: StreamEnded | None = None
    priority_updated: PriorityUpdated | None = None

    def __repr__(self) -> str:
        return f"<RequestReceived stream_id:{self.stream_id}, headers:{self.headers}>"


@dataclass(kw_only=True, repr=False)
class ResponseReceived(Event):
    """A final response arrived: its header section is complete (RFC 9113 section 8.3.2).

    Clients only.

    :param stream_id: the stream of the response
    :param headers: the fields of the header section in order, pseudo-header fields first
    :param stream_ended: the event of the end of the stream if the response has neither content
        nor trailers
    :param priority_updated: the event of the priority that the same frame carried, if it
        carried one
    """

    stream_id: int
    headers: list[Header] = _ABSENT
    stream_ended: StreamEnded | None = None
    priority_updated: PriorityUpdated | None = None

    def __repr__(self) -> str:
        return f"<ResponseReceived stream_id:{self.stream_id}, headers:{self.headers}>"


@dataclass(kw_only=True, repr=False)
class TrailersReceived(Event):
    """The trailer section of a request or a response arrived (RFC 9113 section 8.1).

    :param stream_id: the stream of the message
    :param headers: the fields of the trailer section in order
    :param stream_ended: the event of the end of the stream. Trailers always end a stream.
    :param priority_updated: the event of the priority that the same frame carried, if it
        carried one
    """

    stream_id: int
    headers: list[Header] = _ABSENT
    stream_ended: StreamEnded | None = None
    priority_updated: PriorityUpdated | None = None

    def __repr__(self) -> str:
        return f"<TrailersReceived stream_id:{self.stream_id}, headers:{self.headers}>"


@dataclass(kw_only=True, repr=False)
class InformationalResponseReceived(Event):
    """A response with a status code from 100 to 199 arrived (RFC 9113 section 8.1).

    Any number of these, zero included, comes before the final response. Clients only.

    :param stream_id: the stream of the response
    :param headers: the fields of the header section in order, pseudo-header fields first
    :param priority_updated: the event of the priority that the same frame carried, if it
        carried one
    """

    stream_id: int
    headers: list[Header] = _ABSENT
    priority_updated: PriorityUpdated | None = None

    def __repr__(self) -> str:
        return f"<InformationalResponseReceived stream_id:{self.stream_id}, headers:{self.headers}>"


@dataclass(kw_only=True, repr=False)
class DataReceived(Event):
    """Content of a message arrived (RFC 9113 section 6.1).

    :param stream_id: the stream of the message
    :param data: the content, without padding. May be empty.
    :param flow_controlled_length: what the frame takes from the flow-control windows, in bytes:
        content and padding. Pass this number to ``H2Connection.acknowledge_received_data``.
    :param stream_ended: the event of the end of the stream if this is the last of the message
    """

    stream_id: int
    data: bytes = _ABSENT
    flow_controlled_length: int = _ABSENT
    stream_ended: StreamEnded | None = None

    def __repr__(self) -> str:
        data = self.data[:_SHOWN].hex() if self.data else ""
        return (
            f"<DataReceived stream_id:{self.stream_id}, "
            f"flow_controlled_length:{self.flow_controlled_length}, data:{data}>"
        )


@dataclass(kw_only=True, repr=False)
class WindowUpdated(Event):
    """The peer is ready to receive more (RFC 9113 section 6.9).

    :param stream_id: the stream whose window grew, or 0 for the window of the connection
    :param delta: by how many bytes the window grew
    """

    stream_id: int
    delta: int = _ABSENT

    def __repr__(self) -> str:
        return f"<WindowUpdated stream_id:{self.stream_id}, delta:{self.delta}>"


@dataclass(kw_only=True, repr=False)
class RemoteSettingsChanged(Event):
    """The peer announced new values for its settings (RFC 9113 section 6.5).

    The values are in effect, and the acknowledgment is pending. A program that cannot accept the
    values should close the connection.

    :param changed_settings: what the peer announced, by setting; an unknown setting has its
        number as key. Includes values that are the same as before.
    """

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

    def __hash__(self) -> int:
        return hash(frozenset(self.changed_settings))

    def __repr__(self) -> str:
        return f"<RemoteSettingsChanged changed_settings:{_listed(self.changed_settings)}>"


@dataclass(kw_only=True, repr=False)
class PingReceived(Event):
    """A PING arrived (RFC 9113 section 6.7). The acknowledgment is pending.

    :param ping_data: the opaque data of the frame, 8 bytes
    """

    ping_data: bytes

    def __repr__(self) -> str:
        return f"<PingReceived ping_data:{_hex(self.ping_data)}>"


@dataclass(kw_only=True, repr=False)
class PingAckReceived(Event):
    """The acknowledgment of a PING arrived (RFC 9113 section 6.7).

    :param ping_data: the opaque data of the frame, 8 bytes: those that were passed to
        ``H2Connection.ping``
    """

    ping_data: bytes

    def __repr__(self) -> str:
        return f"<PingAckReceived ping_data:{_hex(self.ping_data)}>"


@dataclass(kw_only=True, repr=False)
class StreamEnded(Event):
    """The peer has ended its side of a stream (RFC 9113 section 5.1).

    Nothing more arrives on the stream; this side may still send on it.

    :param stream_id: the stream that ended
    """

    stream_id: int

    def __repr__(self) -> str:
        return f"<StreamEnded stream_id:{self.stream_id}>"


@dataclass(kw_only=True, repr=False)
class StreamReset(Event):
    """A stream ended prematurely (RFC 9113 sections 5.4.2 and 6.4).

    Either the peer reset it, or the peer made an error that concerns only this stream, and this
    side reset it. The stream is closed in both directions. With ``H2Configuration(strict=True)``
    it may be a stream that no earlier event mentioned, such as that of a malformed request.

    :param stream_id: the stream that was reset
    :param error_code: why: an integer if it is not one of :class:`h2.errors.ErrorCodes`
    :param remote_reset: whether the peer reset the stream; ``False`` if this side did
    """

    stream_id: int
    error_code: ErrorCodes | int = _ABSENT
    remote_reset: bool = True

    def __repr__(self) -> str:
        return (
            f"<StreamReset stream_id:{self.stream_id}, error_code:{_named(self.error_code)}, "
            f"remote_reset:{self.remote_reset}>"
        )


@dataclass(kw_only=True, repr=False)
class PushedStreamReceived(Event):
    """The server promised a stream for a request that was not made (RFC 9113 section 8.4).

    Clients only.

    :param pushed_stream_id: the stream on which the response will arrive
    :param parent_stream_id: the stream whose response the push belongs to
    :param headers: the fields of the request that the server promises to answer
    """

    pushed_stream_id: int = _ABSENT
    parent_stream_id: int = _ABSENT
    headers: list[Header] = _ABSENT

    def __hash__(self) -> int:
        return hash((self.pushed_stream_id, self.parent_stream_id))

    def __repr__(self) -> str:
        return (
            f"<PushedStreamReceived pushed_stream_id:{self.pushed_stream_id}, "
            f"parent_stream_id:{self.parent_stream_id}, headers:{self.headers}>"
        )


@dataclass(kw_only=True, repr=False)
class SettingsAcknowledged(Event):
    """The peer acknowledged a SETTINGS frame of this side (RFC 9113 section 6.5.3).

    :param changed_settings: what took effect with the acknowledgment, by setting
    """

    changed_settings: dict[SettingCodes | int, ChangedSetting] = field(default_factory=dict)

    def __hash__(self) -> int:
        return hash(frozenset(self.changed_settings))

    def __repr__(self) -> str:
        return f"<SettingsAcknowledged changed_settings:{_listed(self.changed_settings)}>"


@dataclass(kw_only=True, repr=False)
class PriorityUpdated(Event):
    """The peer gave priority information for a stream (RFC 7540 section 5.3).

    It is only advice. RFC 9113 section 5.3.1 deprecates the scheme.

    :param stream_id: the stream that the priority applies to. It need not be open.
    :param weight: the weight, from 1 to 256
    :param depends_on: the stream that this one depends on, or 0
    :param exclusive: whether this stream becomes the only child of the one it depends on
    """

    stream_id: int = _ABSENT
    weight: int = _ABSENT
    depends_on: int = _ABSENT
    exclusive: bool = _ABSENT

    def __hash__(self) -> int:
        return hash((self.stream_id, self.weight, self.depends_on, self.exclusive))

    def __repr__(self) -> str:
        return (
            f"<PriorityUpdated stream_id:{self.stream_id}, weight:{self.weight}, "
            f"depends_on:{self.depends_on}, exclusive:{self.exclusive}>"
        )


@dataclass(kw_only=True, repr=False)
class ConnectionTerminated(Event):
    """The peer is closing the connection: it sent GOAWAY (RFC 9113 section 6.8).

    Streams up to ``last_stream_id`` may still complete. Later ones were not processed, and their
    requests can be retried on another connection.

    :param error_code: why: an integer if it is not one of :class:`h2.errors.ErrorCodes`
    :param last_stream_id: the last stream of this side that the peer has processed or may still
        process
    :param additional_data: the debug data of the frame; ``None`` if it has none
    :param unprocessed_stream_ids: the streams of this side that were open and are above
        ``last_stream_id``, in order: the peer has not processed them. Empty if there are none.
    """

    error_code: ErrorCodes | int = _ABSENT
    last_stream_id: int = _ABSENT
    additional_data: bytes | None = None
    unprocessed_stream_ids: tuple[int, ...] = ()

    def __hash__(self) -> int:
        return hash((self.error_code, self.last_stream_id))

    def __repr__(self) -> str:
        data = _hex(self.additional_data[:_SHOWN]) if self.additional_data else None
        streams = self.unprocessed_stream_ids
        unprocessed = f", unprocessed_stream_ids:{streams}" if streams else ""
        return (
            f"<ConnectionTerminated error_code:{_named(self.error_code)}, "
            f"last_stream_id:{self.last_stream_id}, additional_data:{data}{unprocessed}>"
        )


@dataclass(kw_only=True, repr=False)
class AlternativeServiceAvailable(Event):
    """The server announces another way to reach an origin (RFC 7838 section 4). Clients only.

    :param origin: the origin that this applies to. If the frame does not name it, it is the
        ``:authority`` of the request on whose stream the frame arrived.
    :param field_value: the announcement, in the syntax of RFC 7838 section 3, unchanged
    """

    origin: bytes = _ABSENT
    field_value: bytes = _ABSENT

    def __hash__(self) -> int:
        return hash((self.origin, self.field_value))

    def __repr__(self) -> str:
        origin = (self.origin or b"").decode("utf-8", "ignore")
        field_value = (self.field_value or b"").decode("utf-8", "ignore")
        return f"<AlternativeServiceAvailable origin:{origin}, field_value:{field_value}>"


@dataclass(kw_only=True, repr=False)
class OriginReceived(Event):
    """The server names origins for which this connection may be used (RFC 8336). Clients only.

    Each event adds to the set of origins that a client keeps for the connection. The first one
    creates that set, which then also contains the origin that the client connected to: from then
    on, the connection may be used only for origins in the set (RFC 8336 section 2.3). The
    certificate must still be valid for each origin. Ignore the event on a connection to a proxy.

    :param origins: what the server named, in its order and in lower case, such as
        ``b"https://example.com"``. Entries that are not origins are omitted. Empty if the server
        names none besides the origin that the client connected to.
    """

    origins: tuple[bytes, ...] = _ABSENT

    def __hash__(self) -> int:
        return hash(self.origins)

    def __repr__(self) -> str:
        origins = b", ".join(self.origins or ()).decode("ascii", "replace")
        return f"<OriginReceived origins:{origins}>"


@dataclass(kw_only=True, repr=False)
class PriorityUpdateReceived(Event):
    """The client says how urgent a response is (RFC 9218 section 7.1). Servers only.

    It overrides the request's ``priority`` field, whichever arrives first. It is only advice:
    ``H2Connection`` does not act on it.

    :param prioritized_stream_id: the stream of the response. Its request may not have arrived yet.
    :param urgency: from 0, the most urgent, to 7; 3 if the client does not say
    :param incremental: whether the client can use parts of the response as they arrive
    """

    prioritized_stream_id: int = _ABSENT
    urgency: int = _ABSENT
    incremental: bool = _ABSENT

    def __hash__(self) -> int:
        return hash((self.prioritized_stream_id, self.urgency, self.incremental))

    def __repr__(self) -> str:
        return (
            f"<PriorityUpdateReceived prioritized_stream_id:{self.prioritized_stream_id}, "
            f"urgency:{self.urgency}, incremental:{self.incremental}>"
        )


@dataclass(kw_only=True, repr=False)
class StreamWritable(Event):
    """A stream's send buffer has drained to ``SEND_BUFFER_LOW``: continue writing.

    :class:`~h2.buffered.BufferedH2Connection` reports it for a stream on which ``is_writable`` was
    false.

    :param stream_id: the stream
    """

    stream_id: int = _ABSENT

    def __hash__(self) -> int:
        return hash(self.stream_id)

    def __repr__(self) -> str:
        return f"<StreamWritable stream_id:{self.stream_id}>"


@dataclass(kw_only=True, repr=False)
class StreamOpened(Event):
    """A queued request, or the response on a promised stream, has been sent.

    :class:`~h2.buffered.BufferedH2Connection` reports it only for what had to wait.

    :param stream_id: the stream
    """

    stream_id: int = _ABSENT

    def __hash__(self) -> int:
        return hash(self.stream_id)

    def __repr__(self) -> str:
        return f"<StreamOpened stream_id:{self.stream_id}>"


@dataclass(kw_only=True, repr=False)
class DataAvailable(Event):
    """Content has arrived: ``read_data`` returns it.

    :class:`~h2.buffered.BufferedH2Connection` reports it with ``receive_buffering``, in place of
    :class:`DataReceived`.

    :param stream_id: the stream
    """

    stream_id: int = _ABSENT

    def __hash__(self) -> int:
        return hash(self.stream_id)

    def __repr__(self) -> str:
        return f"<DataAvailable stream_id:{self.stream_id}>"


@dataclass(kw_only=True, repr=False)
class ConnectionDrained(Event):
    """A graceful shutdown is complete: no stream is left. Send what is pending, then close.

    :class:`~h2.buffered.BufferedH2Connection` reports it after ``graceful_shutdown``, even if the
    connection has ended with an error in the meantime.
    """

    def __hash__(self) -> int:
        return hash(ConnectionDrained)

    def __repr__(self) -> str:
        return "<ConnectionDrained>"


@dataclass(kw_only=True, repr=False)
class KeepaliveTimedOut(Event):
    """Nothing has arrived for too long: the peer, or the path to it, is gone.

    :class:`~h2.buffered.BufferedH2Connection` reports it with ``keepalive``.
    """

    def __hash__(self) -> int:
        return hash(KeepaliveTimedOut)

    def __repr__(self) -> str:
        return "<KeepaliveTimedOut>"


@dataclass(kw_only=True, repr=False)
class SettingsTimedOut(Event):
    """The peer has not acknowledged SETTINGS in time: the connection has ended (section 6.5.3).

    :class:`~h2.buffered.BufferedH2Connection` reports it with ``settings_timeout``. Send what is
    pending, which is GOAWAY with ``SETTINGS_TIMEOUT``, and close.
    """

    def __hash__(self) -> int:
        return hash(SettingsTimedOut)

    def __repr__(self) -> str:
        return "<SettingsTimedOut>"


@dataclass(kw_only=True, repr=False)
class UnknownFrameReceived(Event):
    """A frame of a type that this package does not know arrived (RFC 9113 section 5.5).

    It was ignored. A program that implements an extension finds the frame here.

    :param frame: the frame, in the representation of the ``hyperframe`` package
    """

    frame: Frame

    def __repr__(self) -> str:
        return "<UnknownFrameReceived>"


def _hex(data: bytes | None) -> str | None:
    return None if data is None else data.hex()


def _named(code: ErrorCodes | int) -> str:
    """Return an error code by its name: the text of a member is a number on some Pythons."""
    return f"ErrorCodes.{code.name}" if isinstance(code, ErrorCodes) else str(code)


def _listed(changed_settings: dict[SettingCodes | int, ChangedSetting]) -> str:
    return "{" + ", ".join(map(repr, changed_settings.values())) + "}"
