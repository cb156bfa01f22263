"""One end: a connection, and an application that does its own bookkeeping."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from h2._frames.decode import unpack_header
from h2._frames.layout import (
    ALTSVC,
    CONTINUATION,
    DATA,
    GOAWAY,
    HEADER_LENGTH,
    HEADERS,
    PREFACE,
    PUSH_PROMISE,
    RST_STREAM,
    WINDOW_UPDATE,
)
from h2._rules.flow_control import MAX_WINDOW
from h2._rules.stream_states import CLOSED, FIRST_COUNTED
from h2.config import H2Configuration
from h2.connection import ConnectionState, H2Connection
from h2.errors import ErrorCodes
from h2.events import Event
from h2.exceptions import H2Error
from h2.settings import SettingCodes, Settings
from tools.explore import calls
from tools.explore.calls import (
    ALTERNATIVES,
    CANCEL,
    GIVE_UP,
    OPENING,
    PADDING,
    SOME,
    UNDECIDED,
    WHERE_UNDECIDED,
    Call,
    Scenario,
)
from tools.explore.facts import BEGUN, ENDED, Facts, Fault, after_call, after_event, may_send
from tools.explore.frames import is_begun, is_whole, split
from tools.explore.images import copy_of, image_of, pending, stream_images

#: The error codes with which an application resets a stream.
_RESETS = (CANCEL, ErrorCodes.NO_ERROR)

#: Calls on a stream that exists; those in OPENING are for one that does not, if it is a client.
_ON_STREAM = frozenset((
    *("headers", "headers-end", "info", "refuse", "data", "padded", "data-end", "fill", "end"),
    *("trailers", "trailers-long", "trailers-open", "reset", "reset-no-error", "push", "altsvc"),
    *("enlarge", "enlarge-most"),
))  # fmt: skip

#: Calls that only one of the two has a reason to make.
_CLIENT_ONLY = frozenset(("connect", "websocket", "set-push"))
_SERVER_ONLY = frozenset(("set-connect",))

#: Calls that succeed even after the end of the connection.
_ALWAYS = frozenset(("ack", "ack-some", "goaway", "goaway-first", "close"))

#: Calls that the role forbids.
_NOT_FOR_CLIENTS = frozenset(("push", "altsvc", "altsvc-origin"))
_NOT_FOR_SERVERS = frozenset(("prioritize",))

#: Frames on a stream that are reported to the application while the stream is not closed.
_REPORTED = frozenset((DATA, HEADERS, CONTINUATION, RST_STREAM, WINDOW_UPDATE, PUSH_PROMISE))


class Endpoint:
    """A connection and what its application knows: it acts, it receives, and it can be copied."""

    __slots__ = (
        "closed",
        "conn",
        "facts",
        "goaway_received",
        "goaway_sent",
        "more",
        "part",
        "scenario",
        "streams",
        "told",
        "unacked",
    )

    def __init__(self, client: bool, strict: bool, scenario: Scenario, streams: int) -> None:
        self.scenario = scenario
        self.streams = streams  #: how many each end may open or promise
        self.conn = H2Connection(H2Configuration(client_side=client, strict=strict))
        self.facts: dict[int, Facts] = {}
        #: Octets received, by stream, that the application has not acknowledged.
        self.unacked: dict[int, int] = {}
        self.told: tuple[str, ...] = ()  #: settings that currently have their other value
        self.goaway_sent: int | None = None  #: the last stream identifier in it
        self.goaway_received = False
        self.more: list[Any] = []  #: fields that field blocks have in addition
        self.part = b""  #: of a frame that was taken in part
        self.closed = False  #: the application has ended the connection, and reads no more
        self.conn.MAX_CLOSED_STREAMS = scenario.remembered
        if scenario.settings:
            self.conn.local_settings = Settings(client, _for_role(client, scenario.settings))

    @property
    def client(self) -> bool:
        """Whether this is the client."""
        return self.conn.config.client_side

    def copy(self) -> Endpoint:
        """Return a copy that continues from the current state."""
        twin = object.__new__(Endpoint)
        for name in Endpoint.__slots__:
            setattr(twin, name, getattr(self, name))
        twin.conn = copy_of(self.conn)
        twin.facts = self.facts.copy()
        twin.unacked = self.unacked.copy()
        return twin

    def image(self) -> tuple[object, dict[int, object]]:
        """Return the whole state of this end: of the connection, and of each stream."""
        streams = stream_images(self.conn)
        table: dict[int, object] = {
            stream_id: (facts, self.unacked.get(stream_id, 0), streams.pop(stream_id, None))
            for stream_id, facts in self.facts.items()
        }
        table.update(streams)
        own = (self.told, self.goaway_sent, self.goaway_received, self.closed)
        return (image_of(self.conn), own, pending(self.conn._core.out)), table

    # Calls.

    def candidates(self) -> Iterator[Call]:
        """Yield the calls of the scenario that can be tried: legal ones, and others."""
        client = self.client
        names = self.scenario.calls
        opened = sum(facts.mine for facts in self.facts.values())
        following = 2 * opened + (1 if client else 2)
        for name in sorted(names):
            if client and name in OPENING:
                if opened < self.streams:
                    yield Call(name, following)
            elif name in _ON_STREAM:
                for stream_id in self.facts:
                    if name != "push" or opened < self.streams:
                        yield Call(name, stream_id)
            elif name in ("ack", "ack-some"):
                for stream_id, length in self.unacked.items():
                    if name == "ack" or length > 1:
                        yield Call(name, stream_id)
            elif name == "prioritize":
                yield Call(name, 1)
            elif name not in (_SERVER_ONLY if client else _CLIENT_ONLY):
                yield Call(name)
        if self.scenario.hold:
            yield Call("take")

    def expects(self, call: Call) -> bool | None:
        """Return whether a call must succeed; None if it would not change anything of interest."""
        name, stream_id = call
        conn = self.conn
        if name == "take":
            return True if conn._core.out.chunks or conn._core.exhausted else None
        if self.closed:
            return None if name in _ALWAYS else False
        if name in UNDECIDED and self.scenario.calls >= WHERE_UNDECIDED:
            return self.copy().call(call)
        facts = self.facts.get(stream_id)
        if name in (_NOT_FOR_CLIENTS if self.client else _NOT_FOR_SERVERS):
            return False
        if name in OPENING and facts is None:
            if name == "websocket" and not conn.remote_settings.enable_connect_protocol:
                return False
            return not self.going_away and self._below_limit()
        if name in _ON_STREAM and facts is not None:
            return self._expects_on_stream(facts, name, stream_id)
        if name == "goaway-first":
            return self.goaway_sent is None or self.goaway_sent == 2**31 - 1
        if name == "set-connect":
            return None if name in self.told else True
        return True

    def _expects_on_stream(self, facts: Facts, name: str, stream_id: int) -> bool | None:
        if not may_send(facts, name, self.client):
            return False
        if name == "fill":
            return True if calls.room(self.conn, stream_id) > SOME else None
        if name in ("data", "data-end", "padded"):
            length = SOME if name != "padded" else SOME + PADDING + 1
            return self.conn.local_flow_control_window(stream_id) >= length
        if name == "push":
            return bool(self.conn.remote_settings.enable_push) and not self.going_away
        if facts.promised and facts.mine and name not in ("reset", "reset-no-error", "altsvc"):
            return self._below_limit()
        return True

    @property
    def going_away(self) -> bool:
        """Whether GOAWAY was sent or received."""
        return self.goaway_sent is not None or self.goaway_received

    def _below_limit(self) -> bool:
        open_streams = sum(facts.mine and facts.counted for facts in self.facts.values())
        return open_streams < self.conn.remote_settings.max_concurrent_streams

    def call(self, call: Call, amount: int = 0) -> bool:
        """Make a call, and return whether it succeeded. Raises a fault if the result is wrong.

        ``amount`` is how many octets of content are sent or acknowledged, if not the usual number.
        """
        name, stream_id = call
        try:
            if name != "take":
                argument = amount or self.argument(call)
                calls.perform(self.conn, call, self.client, argument, self.more)
        except (H2Error, ValueError):
            return False
        except Exception as error:
            raise Fault("crashed", f"{call} raised {error!r}") from error
        self._note(name, stream_id, amount)
        return True

    def argument(self, call: Call) -> int:
        """Return the argument of a call: a number of octets, a stream, or a value."""
        name, stream_id = call
        if name == "fill":
            return calls.room(self.conn, stream_id)
        if name == "push":
            return self.conn.get_next_available_stream_id()
        if name in ("ack", "ack-some"):
            return self.unacked[stream_id] if name == "ack" else 1
        if name in ALTERNATIVES:
            _, at_first, other = ALTERNATIVES[name]
            value = at_first if name in self.told else other
            return self.streams - 1 if value < 0 else value
        return SOME

    def _note(self, name: str, stream_id: int, amount: int) -> None:
        """Do the bookkeeping after a successful call."""
        facts = self.facts.get(stream_id)
        if name in ("ack", "ack-some"):
            left = self.unacked.pop(stream_id)
            left -= 1 if name == "ack-some" else amount or left
            if left:
                self.unacked[stream_id] = left
        elif name == "push":
            promised = max((id for id in self.facts if not id & 1), default=0) + 2
            self.facts[promised] = Facts(mine=True, received=ENDED, promised=True)
        elif facts is not None:
            self.facts[stream_id] = after_call(facts, name)
        elif name in OPENING:
            connect = name in ("connect", "websocket")
            facts = Facts(mine=True, connect=connect)
            self.facts[stream_id] = facts._replace(sent=ENDED if name == "headers-end" else 1)
        elif name in ALTERNATIVES or name == "set-connect":
            self.told = tuple(sorted(set(self.told) ^ {name}))
        elif name == "goaway-first":
            self.goaway_sent = 2**31 - 1
        elif name in ("goaway", "close"):
            self.goaway_sent = self.conn._core.goaway_sent_last
            self.closed = self.closed or name == "close"

    def take(self, amount: int | None = None) -> list[bytes]:
        """Remove and return pending frames: all, or those within this many octets."""
        frames = split(self.part + self.conn.data_to_send(amount))
        self.part = b""
        if frames and not is_whole(frames[-1]):
            self.part = frames.pop()
        return frames

    def _accusations(self) -> int:
        """Return how many pending frames report an error by the peer."""
        output = self.part + pending(self.conn._core.out)
        return sum(frame[3] in (RST_STREAM, GOAWAY) for frame in split(output))

    # What arrives.

    def deliver(self, frame: bytes, cut: int = 0) -> list[Event]:
        """Receive a frame of the other end, which has made no error; return the events.

        If ``cut`` is given, that many octets of it arrive before the rest.
        """
        if self.closed:
            return []
        before = self._accusations()
        start = len(PREFACE) if frame.startswith(PREFACE) else 0
        _, _, type_, flags, stream_id = unpack_header(frame, start)
        known = self.facts.get(stream_id)
        try:
            events = self.conn.receive_data(frame[:cut]) if cut else []
            events += self.conn.receive_data(frame[cut:])
        except H2Error as error:
            raise Fault("accused", f"{type(error).__name__}: {error}") from error
        except Exception as error:
            raise Fault("crashed", repr(error)) from error
        for event in events:
            self._notice(event)
        after = self._accusations()
        # A promise that the server made before it knew about the cancellation is refused.
        cancelled = type_ == PUSH_PROMISE and known is not None and known.reset
        if after != before and not (cancelled or self._may_refuse(type_, known)):
            raise Fault("accused", f"RST_STREAM or GOAWAY answers frame {frame[:20].hex()}")
        if type_ == PUSH_PROMISE and not (known is None or known.over):
            stream_id = int.from_bytes(frame[HEADER_LENGTH : HEADER_LENGTH + 4], "big")
            known = None
        elif cancelled:
            promised = int.from_bytes(frame[HEADER_LENGTH : HEADER_LENGTH + 4], "big")
            if after != before:
                self.facts[promised] = Facts(mine=False, sent=ENDED, promised=True, reset=True)
        elif after != before:
            self.facts[stream_id] = Facts(mine=False, received=BEGUN, reset=True)
        heard = events or after != before
        if not (heard or self._ignores(type_, stream_id, known) or is_begun(type_, flags)):
            raise Fault("lost", f"no event comes of frame {frame[:20].hex()}")
        return events

    def deliver_together(self, frames: list[bytes]) -> None:
        """Receive several frames in one read, of types that are never refused."""
        if self.closed:
            return
        before = self._accusations()
        try:
            events = self.conn.receive_data(b"".join(frames))
        except H2Error as error:
            raise Fault("accused", f"{type(error).__name__}: {error}") from error
        for event in events:
            self._notice(event)
        if self._accusations() != before:
            raise Fault("accused", f"RST_STREAM or GOAWAY answers one of {len(frames)} frames")

    def _may_refuse(self, type_: int, known: Facts | None) -> bool:
        """Return whether a request may exceed a limit that its client does not know yet."""
        core = self.conn._core
        limited = core.streams.inbound_open >= core.local_settings.max_concurrent_streams
        return type_ == HEADERS and known is None and limited and bool(core.announced.in_flight)

    def _ignores(self, type_: int, stream_id: int, known: Facts | None) -> bool:
        """Return whether a frame need not be reported to the application."""
        if type_ == ALTSVC:
            # On closed streams, and on those of an upgrade, whose authority is unknown.
            return known is None or known.over or self.scenario.start == "upgrade"
        if type_ not in _REPORTED or not stream_id:
            return False
        if known is not None:
            return known.over
        # A stream that came after the last one of our GOAWAY.
        return self.goaway_sent is not None and stream_id > self.goaway_sent

    def _notice(self, event: Event) -> None:
        """Do the bookkeeping after an event."""
        name = type(event).__name__
        if name == "ConnectionTerminated":
            self._notice_goaway(event)
            return
        stream_id = getattr(event, "pushed_stream_id", None) or getattr(event, "stream_id", 0)
        if not stream_id or name in ("WindowUpdated", "PriorityUpdated"):
            return
        if name == "StreamReset" and not event.remote_reset:  # type: ignore[attr-defined]  # has it
            if event.error_code != ErrorCodes.REFUSED_STREAM:  # type: ignore[attr-defined]
                raise Fault("accused", f"{event}")
            return
        headers = getattr(event, "headers", None) or ()
        first = headers[0][1] if headers else b""
        connect = first == b"CONNECT"
        facts = after_event(self.facts.get(stream_id), name, first == b"200", connect)
        self.facts[stream_id] = facts
        if name == "DataReceived":
            length: int = event.flow_controlled_length  # type: ignore[attr-defined]  # has it
            if length:
                self.unacked[stream_id] = self.unacked.get(stream_id, 0) + length

    def _notice_goaway(self, event: Any) -> None:
        if event.error_code not in (ErrorCodes.NO_ERROR, GIVE_UP):
            raise Fault("accused", f"{event}")
        self.goaway_received = True
        for stream_id in event.unprocessed_stream_ids:
            self.facts[stream_id] = self.facts[stream_id]._replace(reset=True)

    # Invariants.

    def verify(self) -> None:
        """Compare the counts of the connection with a recount, and with the bookkeeping."""
        core = self.conn._core
        streams = core.streams
        counted = [stream_id for stream_id, stream in streams.items() if _is_counted(stream.state)]
        inbound = sum(streams.is_inbound(stream_id) for stream_id in counted)
        if (inbound, len(counted) - inbound) != (streams.inbound_open, streams.outbound_open):
            raise Fault(
                "count", f"{streams.inbound_open} inbound, {streams.outbound_open} outbound"
            )
        if any(stream.state >= CLOSED for stream in streams.values()):
            raise Fault("count", "a stream is closed and still there")
        windows = [core.window, *(stream.window for stream in streams.values())]
        if any(window.value > MAX_WINDOW or window.handed_back < 0 for window in windows):
            raise Fault("window", f"{[window.value for window in windows]}")
        ended = self.conn.state_machine.state is ConnectionState.CLOSED
        if ended != (self.going_away or self.closed):
            raise Fault("state", "of the connection: no end" if not ended else "has ended")
        if not self.closed:
            self._verify_facts()

    def _verify_facts(self) -> None:
        states = self.conn._core.streams
        for stream_id, facts in self.facts.items():
            if facts.over == (stream_id in states):
                raise Fault("state", f"stream {stream_id}: {facts}, {stream_id in states}")
            if not facts.over and facts.counted != _is_counted(states[stream_id].state):
                raise Fault("state", f"stream {stream_id}: {facts}, {states[stream_id].state}")
        for stream_id in states:
            if stream_id not in self.facts:
                raise Fault("state", f"nobody knows stream {stream_id}")


def _for_role(client: bool, settings: tuple[tuple[int, int], ...]) -> dict[SettingCodes, int]:
    """Return the settings that a client, or a server, announces."""
    return {
        SettingCodes(code): value
        for code, value in settings
        if client or code != SettingCodes.ENABLE_PUSH
    }


def _is_counted(state: int) -> bool:
    return state >= FIRST_COUNTED
