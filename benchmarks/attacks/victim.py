"""The connection under attack, and a typical application on top of it.

It uses only public names of the h2 4.x API, so that any package that has it can be attacked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from time import thread_time  # a limit on CPU time makes the clock of the process coarse
from typing import TYPE_CHECKING, Any, Literal

from . import wire
from .attack import Attack
from .messages import POST

if TYPE_CHECKING:
    from types import ModuleType

    from h2.connection import H2Connection

#: What the application does: nothing at all, not even taking output; take output, acknowledge
#: content and answer requests; the same, and keep every event.
Mode = Literal["ignores", "serves", "keeps"]
MODES: tuple[Mode, ...] = ("ignores", "serves", "keeps")

#: The name of the C library, instead of a package, and of our buffered connection: one that buffers
#: only what it sends, and one that also buffers what it receives.
LIBRARY, BUFFERED, READING = "libnghttp2", "buffered", "reading"

REQUEST = [
    (":method", "GET"),
    (":scheme", "https"),
    (":authority", "example.com"),
    (":path", "/"),
]
RESPONSE = [(":status", "200")]
CONTENT = b"x" * 16384


@dataclass(frozen=True)
class Api:
    """The modules of one package that has the h2 API."""

    connection: ModuleType
    config: ModuleType
    events: ModuleType
    exceptions: ModuleType
    #: Whether it is written in Python, so that `tracemalloc` sees its memory.
    traced: bool = True
    #: Whether the application reads content from the connection.
    reads: bool = False

    @property
    def error(self) -> type[Exception]:
        """The exception that an error by the peer may raise; any other is a failure."""
        error: type[Exception] = self.exceptions.H2Error
        return error


def load(package: str) -> Api:
    """Import the package and return its modules."""
    if package == LIBRARY:
        module = import_module(f"{__package__}.libnghttp2")
        return Api(module, module, module, module, traced=False)
    if package in (BUFFERED, READING):
        module = import_module(f"{__package__}.{package}")
        return Api(module, module, module, module, reads=package == READING)
    names = ("connection", "config", "events", "exceptions")
    connection, config, events, exceptions = (import_module(f"{package}.{name}") for name in names)
    return Api(connection, config, events, exceptions)


class Victim:
    """One connection with its application; measures its costs and results."""

    def __init__(self, api: Api, attack: Attack, mode: Mode) -> None:
        self.api = api
        self.attack = attack
        self.mode = mode
        self.receiving = 0.0  # seconds of CPU time in receive_data
        self.total = 0.0  # the same, with everything that the application calls
        self.events = 0
        self.kept: list[Any] = []
        self.pending = 0  # the most octets of output that were pending at any time
        self._left: dict[int, int] = {}  # octets of content to send, by stream
        self._server = attack.victim == "server"
        config = api.config.H2Configuration(client_side=not self._server)
        self.connection: H2Connection = api.connection.H2Connection(config)
        # A buffered connection accepts a whole response in one call, whatever the windows are.
        self._takes_all = hasattr(self.connection, "send_buffer_size")

    def prepare(self) -> None:
        """The handshake, and the streams that are open when the attack begins."""
        connection, attack = self.connection, self.attack
        connection.initiate_connection()
        if attack.own_settings:
            # A dict of plain numbers, because each package has its own enumeration.
            values: Any = dict(attack.own_settings)
            connection.update_settings(values)
        peer = wire.settings(*_settings(attack))
        acknowledged = wire.settings_ack() * (1 + bool(attack.own_settings))
        connection.receive_data((wire.PREFACE if self._server else b"") + peer + acknowledged)
        connection.data_to_send()
        for stream_id in range(1, 2 * attack.streams, 2):
            if self._server:
                connection.receive_data(wire.headers(stream_id, POST))
                if attack.answered:
                    self._answer(stream_id)
            else:
                connection.send_headers(stream_id, REQUEST, end_stream=True)
        connection.data_to_send()

    def receive(self, octets: bytes) -> Exception | None:
        """Process one read; returns the exception that it raised, if any."""
        start = thread_time()
        error = None
        try:
            events = self.connection.receive_data(octets)
        except Exception as raised:  # of any kind: the judge decides which are allowed
            # Without its traceback, which would keep the events of this read alive in a cycle.
            error = raised.with_traceback(None)
            events = getattr(raised, "events", None) or []
        self.receiving += thread_time() - start
        self.events += len(events)
        if self.mode == "keeps":
            self.kept += events
        if self.mode != "ignores" and error is None:
            self._serve(events)
            self.pending = max(self.pending, len(self.connection.data_to_send()))
        self.total += thread_time() - start
        return error

    def finish(self) -> int | None:
        """Take what is still pending; returns the error code of a GOAWAY frame in it."""
        left = bytes(self.connection.data_to_send() or b"")
        self.pending = max(self.pending, len(left))
        return wire.last_goaway_code(left)

    def _serve(self, events: list[Any]) -> None:
        names = self.api.events
        for event in events:
            try:
                if isinstance(event, names.DataReceived) and self.api.reads:
                    self._read(event.stream_id)
                elif isinstance(event, names.DataReceived):
                    self.connection.acknowledge_received_data(
                        event.flow_controlled_length, event.stream_id
                    )
                elif self._server and isinstance(event, names.StreamEnded):
                    self._answer(event.stream_id)
                elif self._left and isinstance(event, names.WindowUpdated):
                    self._send_content(event.stream_id)
            except self.api.error:
                # The peer has reset the stream in the same read, or ended the connection.
                self._left.pop(getattr(event, "stream_id", 0), None)

    def _read(self, stream_id: int) -> None:
        connection: Any = self.connection  # not all packages have this
        content = connection.read_data(stream_id)
        if self.mode == "keeps":
            self.kept.append(content)

    def _answer(self, stream_id: int) -> None:
        content = self.attack.content
        self.connection.send_headers(stream_id, RESPONSE, end_stream=not content)
        if self._takes_all:
            while content:
                size = min(content, len(CONTENT))
                content -= size
                self.connection.send_data(stream_id, CONTENT[:size], end_stream=not content)
        elif content:
            self._left[stream_id] = content
            self._send_content(stream_id)

    def _send_content(self, stream_id: int) -> None:
        if left := self._left.get(stream_id):
            size = min(left, self.connection.local_flow_control_window(stream_id), len(CONTENT))
            if size > 0:
                self.connection.send_data(stream_id, CONTENT[:size], end_stream=size == left)
                self._left[stream_id] = left - size


def _settings(attack: Attack) -> list[tuple[int, int]]:
    """The SETTINGS that the attacker announces."""
    found: Mapping[int, int] = attack.peer_settings
    if attack.victim == "client" and attack.streams:
        found = {wire.MAX_CONCURRENT_STREAMS: wire.LARGEST, **found}
    return list(found.items())
