"""The whole state of a connection. The rules say what may change, and when."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from h2._core.announced import AnnouncedSettings
from h2._core.hpack_foreign import ForeignDecoder
from h2._core.options import options_of
from h2._core.outbound_fields import FieldPlanner
from h2._core.output import Output
from h2._core.static_table import STATIC
from h2._core.stream import Stream, Streams
from h2._frames.decode import ID_MASK
from h2._frames.layout import MAX_FRAME_SIZE_LOWER, PREFACE
from h2._hpack import Decoder
from h2._native import mypyc_attr
from h2._rules import connection_states as states
from h2._rules import registry as rules
from h2._rules.abuse import Conduct
from h2._rules.flow_control import DEFAULT_WINDOW, ReceiveWindow, SendWindows
from h2._rules.idle_priorities import IdlePriorities
from h2._rules.registry import Violation
from h2._rules.stream_states import CLOSED_BY_US, HALF_CLOSED_LOCAL
from h2.config import H2Configuration
from h2.events import Event
from h2.exceptions import H2Error
from h2.settings import SettingCodes, Settings

#: The default limit for the peer's streams; section 6.5.2 recommends "that this value be no smaller
#: than 100".
_CONCURRENT_STREAMS: Final = 100

#: The usual limit for a header list; enforced if SETTINGS_MAX_HEADER_LIST_SIZE was removed from the
#: settings.
_HEADER_LIST_SIZE: Final = 2**16

#: More streams than there can be.
_NO_LIMIT: Final = 2**32

#: Pending content of a stream that we reset is dropped only if there is more than this: one frame
#: of the usual size.
_WORTH_DROPPING: Final = 2**14

_OPEN: Final = states.OPEN

# Looking up a setting is fastest with the object that is the key.
_ENABLE_CONNECT_PROTOCOL: Final = SettingCodes.ENABLE_CONNECT_PROTOCOL
_MAX_CONCURRENT_STREAMS: Final = SettingCodes.MAX_CONCURRENT_STREAMS
_INITIAL_WINDOW_SIZE: Final = SettingCodes.INITIAL_WINDOW_SIZE
_MAX_FRAME_SIZE: Final = SettingCodes.MAX_FRAME_SIZE
_MAX_HEADER_LIST_SIZE: Final = SettingCodes.MAX_HEADER_LIST_SIZE

_new: Final = object.__new__

# The arguments of `_new`: a tuple that exists costs less than one that each call creates.
_SETTINGS: Final[tuple[Any, ...]] = (Settings,)

#: The values of the RFC, which all connections share.
_OF_CLIENT: Final[Any] = Settings(True).in_effect
_OF_SERVER: Final[Any] = Settings(False).in_effect


@lru_cache(maxsize=8)
def _limited_values(client: bool, header_list_size: int) -> Mapping[SettingCodes | int, int]:
    """Return the initial values of local settings: checked once, one dict for all connections."""
    limits = {
        SettingCodes.MAX_CONCURRENT_STREAMS: _CONCURRENT_STREAMS,
        SettingCodes.MAX_HEADER_LIST_SIZE: header_list_size,
    }
    return Settings(client, limits).in_effect


# The usual ones, without a call for each connection.
_LIMITED_CLIENT: Final[Any] = _limited_values(True, _HEADER_LIST_SIZE)
_LIMITED_SERVER: Final[Any] = _limited_values(False, _HEADER_LIST_SIZE)


def _initial_values(client: bool, header_list_size: int) -> Any:
    if header_list_size == _HEADER_LIST_SIZE:
        return _LIMITED_CLIENT if client else _LIMITED_SERVER
    return _limited_values(client, header_list_size)


def _settings(client: bool, values: Any, told: Any) -> Settings:
    """Return settings with these values, without the constructor, which costs more."""
    settings: Settings = _new(*_SETTINGS)
    settings._client = client
    settings._pending = None
    settings._told = told
    settings._values = settings.in_effect = values
    return settings


@mypyc_attr(acyclic=True)
class PartialFrame:
    """A frame that has not arrived completely: its header, or part of it, and its payload.

    The payload of a frame that is too large is not kept: ``discarding`` counts it.
    """

    __slots__ = ("discarding", "header", "payload_missing", "pieces")

    def __init__(self) -> None:
        self.header = b""
        self.pieces: list[bytes | bytearray] = []  #: of the payload
        self.payload_missing = 0  #: octets of the payload still to come
        self.discarding = 0  #: octets of a payload that is too large still to come

    def clear(self) -> None:
        """Drop what has arrived."""
        self.header = b""
        self.pieces.clear()
        self.payload_missing = self.discarding = 0


class PartialBlock:
    """A field block that is waiting for CONTINUATION frames (section 4.3)."""

    __slots__ = ("end_stream", "frames", "parts", "priority", "promised_id", "size", "stream_id")

    def __init__(
        self,
        stream_id: int,
        first: bytes,
        end_stream: bool,
        priority: tuple[int, int, bool] | None,
        promised_id: int | None,
    ) -> None:
        self.stream_id = stream_id
        self.parts = [first]
        self.size = len(first)
        self.frames = 0  #: CONTINUATION frames so far
        self.end_stream = end_stream
        self.priority = priority
        self.promised_id = promised_id  #: None for HEADERS


class Connection:
    """The state of one connection, without the public interface."""

    __slots__ = (
        "announced",
        "begun_frame",
        "client",
        "conduct",
        "config",
        "decoder",
        "events",
        "exhausted",
        "goaway_hook",
        "goaway_received_last",
        "goaway_sent_last",
        "idle_priorities",
        "initiated",
        "list_limit",
        "local_settings",
        "max_continuations",
        "max_inbound_frame_size",
        "max_outbound_frame_size",
        "max_reset",
        "no_events",
        "now",
        "options",
        "ordinary",
        "out",
        "partial_block",
        "partial_frame",
        "peer_streams_allowed",
        "peer_values_seen",
        "planner",
        "preface_left",
        "remote_settings",
        "send_windows",
        "signals",
        "state",
        "streams",
        "streams_allowed",
        "transition_table",
        "transitions",
        "unreported",
        "upgraded",
        "values_seen",
        "window",
        "window_given",
        "window_of_streams",
    )

    def __init__(
        self,
        config: H2Configuration,
        header_list_size: int,
        max_reset: int,
        max_continuations: int,
    ) -> None:
        client = config.client_side
        self.config = config
        self.options = options_of(config)
        self.client = client
        self.state = states.STARTING
        self.transition_table = states.CLIENT if client else states.SERVER
        #: By input: the next state or a reaction, from the current state.
        self.transitions = self.transition_table[states.STARTING]
        #: Open, and no field block has begun: most frames are allowed and do not change the state.
        self.ordinary = False
        self.streams = Streams(client)
        self.max_reset = max_reset  #: the number of streams closed by RST_STREAM to remember
        #: This many CONTINUATION frames for a field block are too many.
        self.max_continuations = max_continuations
        self.goaway_sent_last = ID_MASK
        self.goaway_received_last = ID_MASK
        #: Turns (last stream id, error code, debug data) into events, if a subclass sets it.
        self.goaway_hook: Callable[[int, int, bytes], list[Event]] | None = None
        self.upgraded = False  #: from HTTP/1.1 (RFC 7540 section 3.2)
        #: Idle streams for which PRIORITY_UPDATE was sent or received, None if there were none.
        self.idle_priorities: IdlePriorities | None = None
        self._init_settings(header_list_size)
        # Flow control
        self.window = ReceiveWindow(DEFAULT_WINDOW)
        #: Octets that WINDOW_UPDATE frames have given back since small DATA frames were counted.
        self.window_given = 0
        self.send_windows = SendWindows()
        #: Streams whose DATA has exhausted a window since bytes were last taken for the peer.
        self.exhausted: list[int] = []
        # Input
        self.conduct = Conduct()
        self.now: float | None = None  #: of the receive_data call, once a limit has needed it
        self.decoder: Decoder | ForeignDecoder = Decoder(STATIC)
        #: The events while no call of receive_data is in progress: nothing is ever added.
        self.no_events: list[Event] = []
        self.events = self.no_events  #: of the receive_data call in progress
        #: Events of a receive_data call that was interrupted by something other than the peer.
        self.unreported: list[Event] = []
        self.preface_left = b"" if client else PREFACE
        self.partial_frame = PartialFrame()
        #: The same if part of a frame has arrived, otherwise None.
        self.begun_frame: PartialFrame | None = None
        self.partial_block: PartialBlock | None = None
        #: Requests with fields about priorities; None if they are not collected.
        self.signals: list[int] | None = None
        # Output
        self.planner = FieldPlanner()
        self.out = Output()

    def _init_settings(self, header_list_size: int) -> None:
        client = self.client
        told, remote = (_OF_CLIENT, _OF_SERVER) if client else (_OF_SERVER, _OF_CLIENT)
        self.local_settings = _settings(client, _initial_values(client, header_list_size), told)
        self.remote_settings = _settings(not client, remote, remote)
        #: The dict of settings to which the three belong. A change of settings replaces the dict.
        self.values_seen: Any = None
        self.list_limit = 0  #: MAX_HEADER_LIST_SIZE, or what applies without it
        self.streams_allowed = 0  #: MAX_CONCURRENT_STREAMS, or more than there can be
        self.window_of_streams = 0  #: INITIAL_WINDOW_SIZE
        #: The same of the peer.
        self.peer_values_seen: Any = None
        self.peer_streams_allowed = 0
        self.initiated = False  #: our preface has been sent
        self.announced = AnnouncedSettings()
        # The initial values of both.
        self.max_inbound_frame_size = MAX_FRAME_SIZE_LOWER
        self.max_outbound_frame_size = MAX_FRAME_SIZE_LOWER

    def describe(self) -> str:
        """Return the state of the connection in one line, for debugging."""
        streams = self.streams
        return (
            f"{'client' if self.client else 'server'} {states.STATE_NAMES[self.state]} "
            f"streams={len(streams)} "
            f"inbound={streams.inbound_open} (highest {streams.highest_inbound}) "
            f"outbound={streams.outbound_open} (highest {streams.highest_outbound}) "
            f"windows={self.window.value}/{self.send_windows.connection} "
            f"buffered={self.out.size}"
        )

    def use_config(self, config: H2Configuration) -> None:
        """Have another configuration from now on."""
        self.config = config
        self.options = options_of(config)
        self.planner.options_changed()

    def __setstate__(self, state: tuple[None, dict[str, Any]]) -> None:
        """Become a copy, with the options of its own configuration."""
        _, attributes = state
        for name, value in attributes.items():
            setattr(self, name, value)
        self.options = options_of(self.config)

    def enter(self, state: int) -> None:
        """Enter another connection state (a cell of the table, never a reaction)."""
        self.state = state
        self.transitions = self.transition_table[state]
        self.ordinary = state == _OPEN and self.partial_block is None

    def begin_block(self, block: PartialBlock) -> None:
        """Wait for the CONTINUATION frames of a field block."""
        self.partial_block = block
        self.ordinary = False

    def end_block(self) -> None:
        """Stop waiting for CONTINUATION frames."""
        self.partial_block = None
        self.ordinary = self.state == _OPEN

    def end(self) -> None:
        """End the connection: nothing more is received or sent, and no input is kept."""
        self.enter(states.TERMINATED)
        self.partial_frame.clear()
        self.begun_frame = None
        self.partial_block = None

    def check_send(self, input_: int) -> None:
        """Raise if the state of the connection does not allow this input."""
        reaction = self.transitions[input_]
        if reaction < 0:
            raise self._refusal(reaction, input_)

    def _refusal(self, reaction: int, input_: int) -> H2Error:
        if reaction == states.ENDED:
            return Violation(rules.CONNECTION_CLOSED, "The connection has ended").exception()
        if reaction == states.DRAINING:
            return Violation(
                rules.GOING_AWAY, "Cannot open a stream: GOAWAY was sent or received"
            ).exception()
        what = states.INPUT_NAMES[input_].removeprefix("SEND_")
        if self.client:
            return Violation(rules.SERVER_ONLY, f"A client cannot send {what}").exception()
        if input_ == states.SEND_PRIORITY:
            return Violation(
                rules.SERVER_PRIORITY, "Servers SHOULD NOT prioritize streams"
            ).exception()
        if input_ == states.SEND_OPEN:
            what = "HEADERS that open a stream"
        return Violation(rules.CLIENT_ONLY, f"A server cannot send {what}").exception()

    def peer_limit(self) -> int:
        """Return how many streams the peer allows us to have open at a time."""
        values = self.remote_settings.in_effect
        if values is not self.peer_values_seen:
            self.peer_values_seen = values
            self.peer_streams_allowed = values.get(_MAX_CONCURRENT_STREAMS, _NO_LIMIT)
        return self.peer_streams_allowed

    def header_list_limit(self) -> int:
        """Return the largest header list we accept, in octets as section 6.5.2 counts them."""
        if self.local_settings.in_effect is not self.values_seen:
            self._read(self.local_settings.in_effect)
        limit = self.decoder.max_header_list_size
        return self.list_limit if limit is None else limit

    def recv_initial_window(self) -> int:
        """Return the window that a stream starts with for the peer (section 6.9.2)."""
        if self.local_settings.in_effect is not self.values_seen:
            self._read(self.local_settings.in_effect)
        size = self.window_of_streams
        # Until the peer has acknowledged our SETTINGS it may rely on the initial value.
        if size < DEFAULT_WINDOW and not self.announced.window_is_known:
            return DEFAULT_WINDOW
        return size

    def _read(self, values: Any) -> None:
        """Note the values of our settings that are needed for each field block or stream."""
        self.values_seen = values
        self.list_limit = values.get(_MAX_HEADER_LIST_SIZE, _HEADER_LIST_SIZE)
        self.streams_allowed = values.get(_MAX_CONCURRENT_STREAMS, _NO_LIMIT)
        self.window_of_streams = values[_INITIAL_WINDOW_SIZE]

    def connect_protocol(self) -> bool:
        """Return whether extended CONNECT is enabled on this connection (RFC 8441 section 3)."""
        if self.client:
            return bool(self.remote_settings.in_effect[_ENABLE_CONNECT_PROTOCOL])
        # A client may use it once it has received the setting; we need not know that it has.
        enabled = self.local_settings.in_effect[_ENABLE_CONNECT_PROTOCOL]
        return bool(enabled) or self.announced.connect_protocol

    def abandon(self, stream: Stream, state: int) -> None:
        """Close a stream that the peer no longer reads; drop its pending content."""
        self.send_windows.connection += self.out.drop_content(stream.stream_id)
        self.streams.move(stream, state, self.max_reset)

    def reset(self, stream: Stream) -> None:
        """Close a stream that we reset; drop its pending content if worthwhile.

        What a program sends just before it resets the stream still arrives, as in h2 4.4.1. Content
        also stays if pending trailers end the message: without the content it would look complete.
        """
        octets, ends = self.out.pending_content(stream.stream_id)
        if octets > _WORTH_DROPPING and (ends or stream.state not in HALF_CLOSED_LOCAL):
            self.abandon(stream, CLOSED_BY_US)
        else:
            self.streams.move(stream, CLOSED_BY_US, self.max_reset)
