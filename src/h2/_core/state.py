"""Everything that one connection remembers. The rules say what may change, and when."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Final

from h2._core.hpack_foreign import ForeignDecoder
from h2._core.outbound_fields import FieldPlanner
from h2._core.static_table import STATIC
from h2._core.stream import Streams
from h2._frames.decode import ID_MASK
from h2._frames.encode import window_update
from h2._frames.layout import PREFACE
from h2._hpack import Decoder
from h2._rules import connection_states as states
from h2._rules import registry as rules
from h2._rules.flow_control import DEFAULT_WINDOW, increment_due
from h2._rules.registry import Violation
from h2._rules.setting_bounds import INITIAL_WINDOW_SIZE, MAX_HEADER_LIST_SIZE
from h2.config import H2Configuration
from h2.events import Event
from h2.exceptions import H2Error
from h2.settings import SettingCodes, Settings

#: Streams allowed to the peer unless the application says otherwise; section 6.5.2 recommends
#: "that this value be no smaller than 100".
_CONCURRENT_STREAMS: Final = 100

#: Enforced where SETTINGS_MAX_HEADER_LIST_SIZE was taken out of the settings.
_HEADER_LIST_SIZE: Final = 2**16

#: Stands for no call that is under way; nothing is ever appended to it.
NO_EVENTS: Final[list[Event]] = []


@lru_cache(maxsize=8)
def _initial_values(client: bool, header_list_size: int) -> dict[SettingCodes | int, int]:
    """Return the settings that we start with: checked once, and one dict for all connections."""
    limits = {
        SettingCodes.MAX_CONCURRENT_STREAMS: _CONCURRENT_STREAMS,
        SettingCodes.MAX_HEADER_LIST_SIZE: header_list_size,
    }
    return Settings(client, limits)._values


class PartialBlock:
    """A field block of which CONTINUATION frames are still to come (section 4.3)."""

    __slots__ = ("end_stream", "frames", "parts", "priority", "promised_id", "size", "stream_id")

    def __init__(
        self,
        stream_id: int,
        first: bytes,
        end_stream: bool,
        priority: tuple[int, int, bool] | None,
        promised_id: int,
    ) -> None:
        self.stream_id = stream_id
        self.parts = [first]
        self.size = len(first)
        self.frames = 0  #: CONTINUATION frames so far
        self.end_stream = end_stream
        self.priority = priority
        self.promised_id = promised_id  #: 0 for HEADERS


class Connection:
    """The state of one connection, without the public face around it."""

    __slots__ = (
        "block",
        "client",
        "config",
        "decoder",
        "events",
        "goaway_hook",
        "goaway_received_last",
        "goaway_sent_last",
        "head",
        "initiated",
        "local_settings",
        "max_continuations",
        "max_inbound_frame_size",
        "max_outbound_frame_size",
        "max_reset",
        "missing",
        "out",
        "out_logged",
        "out_position",
        "partial",
        "planner",
        "preface_left",
        "recv_limit",
        "recv_processed",
        "recv_window",
        "remote_initial_window",
        "remote_settings",
        "row",
        "send_offset_bound",
        "send_window",
        "settings_confirmed",
        "settings_sent",
        "state",
        "streams",
        "table",
        "used_up",
    )

    def __init__(self, config: H2Configuration, header_list_size: int) -> None:
        client = config.client_side
        self.config = config
        self.client = client
        self.state = states.STARTING
        self.table = states.CLIENT if client else states.SERVER
        self.row = self.table[states.STARTING]
        self.streams = Streams(client)
        self.max_reset = 0  #: how many streams closed by RST_STREAM are remembered
        self.max_continuations = 0  #: in how many CONTINUATION frames a field block may come
        self.goaway_sent_last = ID_MASK
        self.goaway_received_last = ID_MASK
        #: Turns (last stream id, error code, debug data) into events, where a subclass asks to.
        self.goaway_hook: Callable[[int, int, bytes], list[Event]] | None = None
        self._init_settings(header_list_size)
        self._init_windows()
        self._init_input()
        self._init_output()

    def _init_settings(self, header_list_size: int) -> None:
        self.local_settings = Settings(self.client)
        self.local_settings._values = _initial_values(self.client, header_list_size)
        self.remote_settings = Settings(not self.client)
        self.initiated = False  #: our preface is on its way
        self.settings_sent = 0  #: SETTINGS frames of ours that are not acknowledged
        self.settings_confirmed = False  #: the peer knows our first SETTINGS
        self.max_inbound_frame_size = self.local_settings.max_frame_size
        self.max_outbound_frame_size = self.remote_settings.max_frame_size

    def _init_windows(self) -> None:
        self.send_window = DEFAULT_WINDOW
        self.recv_window = DEFAULT_WINDOW
        self.recv_limit = DEFAULT_WINDOW
        self.recv_processed = 0
        self.remote_initial_window = DEFAULT_WINDOW
        self.send_offset_bound = 0  #: no stream's send_offset is larger

    def _init_input(self) -> None:
        self.decoder: Decoder | ForeignDecoder = Decoder(STATIC)
        #: Of the receive_data call that is under way; not kept alive after it.
        self.events = NO_EVENTS
        self.block: PartialBlock | None = None
        self.preface_left = b"" if self.client else PREFACE
        self.head = b""  #: header of the frame that has begun, or its start
        self.partial: list[bytes | bytearray] = []  #: start of the payload of that frame
        self.missing = 0  #: octets of that payload still to come

    def _init_output(self) -> None:
        self.planner = FieldPlanner(self.config)
        self.out: list[bytes] = []
        #: Streams whose DATA has used up a window since bytes were last taken for the peer.
        self.used_up: tuple[int, ...] = ()
        self.out_position = 0  #: octets of ``out[0]`` that were taken already
        self.out_logged = 0  #: octets of ``out`` that the logger knows; -1 after it missed some

    def enter(self, state: int) -> None:
        """Go to another connection state (a cell of the table, never a reaction)."""
        self.state = state
        self.row = self.table[state]

    def check_send(self, input_: int) -> int:
        """Return the connection state after sending something, or raise; changes nothing."""
        state = self.row[input_]
        if state < 0:
            raise self._refusal(state, input_)
        return state

    def _refusal(self, reaction: int, input_: int) -> H2Error:
        if reaction == states.ENDED:
            return Violation(rules.CONNECTION_CLOSED, "The connection has ended").public()
        if reaction == states.DRAINING:
            return Violation(
                rules.GOING_AWAY, "Cannot open a stream: GOAWAY was sent or received"
            ).public()
        if self.client:
            what = states.INPUT_NAMES[input_].removeprefix("SEND_")
            return Violation(rules.SERVER_ONLY, f"A client cannot send {what}").public()
        if input_ == states.SEND_PRIORITY:
            return Violation(
                rules.SERVER_PRIORITY, "Servers SHOULD NOT prioritize streams"
            ).public()
        return Violation(rules.CLIENT_ONLY, "A server cannot open a stream by HEADERS").public()

    def header_list_limit(self) -> int:
        """Return the largest header list we accept, in octets as section 6.5.2 counts them."""
        limit = self.decoder.max_header_list_size
        if limit is None:
            limit = self.local_settings._values.get(MAX_HEADER_LIST_SIZE, _HEADER_LIST_SIZE)
        return limit

    def recv_initial_window(self) -> int:
        """Return the window that a stream starts with for the peer (section 6.9.2)."""
        size = self.local_settings._values[INITIAL_WINDOW_SIZE]
        # Until the peer has acknowledged our SETTINGS it may count on the initial value.
        return size if self.settings_confirmed else max(size, DEFAULT_WINDOW)

    def connect_protocol(self) -> bool:
        """Tell whether extended CONNECT is enabled on this connection (RFC 8441 section 3)."""
        settings = self.remote_settings if self.client else self.local_settings
        return bool(settings.get(SettingCodes.ENABLE_CONNECT_PROTOCOL))

    def hand_back(self, length: int) -> None:
        """Count octets of the connection window as processed (section 6.9)."""
        processed = self.recv_processed + length
        increment = increment_due(processed, self.recv_window, self.recv_limit)
        if increment > 0:
            self.recv_window += increment
            self.out.append(window_update(0, increment))
            processed = 0
        self.recv_processed = processed
