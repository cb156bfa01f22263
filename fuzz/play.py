"""One history of a connection: received octets, calls, output that is taken; and its checks.

A history is run twice. The second time the input is split differently, and the calls that raised
are omitted: there must be no difference.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple, TypeVar

from h2._rules.connection_states import BEFORE_SETTINGS, TERMINATED
from h2._rules.stream_states import FIRST_PEER_ENDED
from h2.connection import H2Connection
from h2.events import DataReceived, Event, PingReceived
from h2.exceptions import H2Error, ProtocolError

from . import wire
from .check import require, require_same
from .observe import check_error, check_state, flat, state_of
from .watch import Watcher


class Receive(NamedTuple):
    """Octets that arrive in one read."""

    data: bytes


class Take(NamedTuple):
    """Output is taken: all of it, or a number of octets."""

    amount: int | None = None


class Call(NamedTuple):
    """A call of the application. Arguments that depend on the connection are functions of it."""

    method: str
    arguments: tuple[Any, ...]
    keywords: dict[str, Any]
    misuse: bool = False  #: an argument is of a wrong type or out of range

    def make(self, conn: H2Connection) -> object:
        """Make the call."""
        arguments = [value(conn) if callable(value) else value for value in self.arguments]
        return getattr(conn, self.method)(*arguments, **self.keywords)


Step = Receive | Take | Call
Build = Callable[[], H2Connection]
Cut = Callable[[bytes], Sequence[bytes]]


class Scene(NamedTuple):
    """Where a history begins. The steps leading to it are run like the rest."""

    client: bool
    build: Build
    before: tuple[Step, ...]


class Run:
    """A running history."""

    def __init__(self, scene: Scene, cut: Cut, left_out: Collection[int] = ()) -> None:
        self.conn = scene.build()
        self.watcher = Watcher(scene.client)
        self.events: list[Event] = []
        self.output: list[bytes] = []
        self.errors: list[tuple[object, ...]] = []
        self.raised: list[int] = []  #: the indices of calls that raised
        self._goaway_due: int | None = None
        self.held: dict[int, int] = {}  #: octets that the application has to acknowledge
        self.fed = 0  #: octets that were received, or passed to calls
        self._cut: Cut = whole
        self.readable = True  #: nothing was sent before the preface
        self._preface_left = 0 if scene.client else len(wire.PREFACE)
        for place, step in enumerate(scene.before):
            self.step(-1 - place, step)
        require(not self.raised and not self.errors, "a scene that does not work")
        self._cut = cut
        self._left_out = left_out

    def play(self, steps: Sequence[Step]) -> None:
        """Take the steps, then all of the output."""
        for place, step in enumerate(steps):
            if place not in self._left_out:
                self.step(place, step)
        self.take(None)
        check_state(self.conn, self.fed)
        if self._goaway_due is not None and self.readable and self.sends():
            require_same(self.watcher.last_code, self._goaway_due, "code of GOAWAY")

    def sends(self) -> bool:
        """Return whether the connection sends anything."""
        return True

    def step(self, place: int, step: Step) -> None:
        """Take one step."""
        if isinstance(step, Receive):
            self.receive(step.data)
        elif isinstance(step, Take):
            self.take(step.amount)
        else:
            self.call(place, step)

    def receive(self, data: bytes) -> None:
        """Receive octets, split into reads."""
        self.fed += len(data)
        behind = min(self._preface_left, len(data))
        self._preface_left -= behind
        self.watcher.took(data[behind:])
        for piece in self._cut(data):
            try:
                events = self.conn.receive_data(piece)
            except H2Error as error:
                self._fail(error)
                return
            require(not self.errors or not piece, "receives after the end:", events)
            self._note(events)

    def _fail(self, error: H2Error) -> None:
        """Note an error by the peer; the rest of the read does not matter after it."""
        check_error(error)
        self._note(error.events)
        if error.rule == "connection-closed":
            if not self.errors:
                self.errors.append(())  # the application has ended the connection
            return
        require(not self.errors, "an error after the end:", repr(error))
        code = error.error_code if isinstance(error, ProtocolError) else None
        # The text about another protocol quotes the input so far, and one of hpack has addresses.
        text = "" if error.rule in ("preface-invalid", "field-block-invalid") else str(error)
        self.errors.append((type(error), error.rule, code, text))
        if error.rule != "preface-invalid":
            self._goaway_due = code

    def _note(self, events: Sequence[Event]) -> None:
        self.events += events
        for event in events:
            if isinstance(event, DataReceived):
                before = self.held.get(event.stream_id, 0)
                self.held[event.stream_id] = before + event.flow_controlled_length

    def take(self, amount: int | None) -> None:
        """Take output, which the watcher checks."""
        data = self.conn.data_to_send(amount)
        require(amount is None or len(data) <= amount, "more than", amount, "octets")
        self.output.append(data)
        # Output before the preface cannot be read. Programs must not take it.
        self.readable = self.readable and (not data or self.conn._core.initiated)
        if self.readable:
            self.watcher.read(data)

    def _upgrade_settings(self, header: bytes | None = None) -> list[tuple[int, int]]:
        """Return what a server has learned from HTTP2-Settings."""
        if not header or self.watcher.client:
            return []
        return wire.pairs_of(urlsafe_b64decode(header.strip() + b"=="))

    def returned(self, call: Call, value: object) -> None:
        """Note what a call has returned."""

    def check_same(self, other: Run) -> None:
        """Check that running the same history differently has led to the same state."""
        if not other.errors:
            require_same(state_of(self.conn), state_of(other.conn), "state, cut in another way")

    def call(self, place: int, call: Call) -> None:
        """Make a call. An exception must be a documented one."""
        self.fed += sum(len(value) for value in call.arguments if isinstance(value, bytes))
        try:
            self.returned(call, call.make(self.conn))
            if call.method == "initiate_upgrade_connection":
                self.watcher.upgrade(self._upgrade_settings(*call.arguments))
        except H2Error as error:
            check_error(error)
            self.raised.append(place)
        except (ValueError, TypeError):
            if not call.misuse:
                raise
            self.raised.append(place)
        else:
            if call.method == "acknowledge_received_data":
                octets, stream_id = call.arguments
                stream_id = stream_id(self.conn) if callable(stream_id) else stream_id
                if stream_id in self.held:
                    self.held[stream_id] = max(0, self.held[stream_id] - octets)


AnyRun = TypeVar("AnyRun", bound=Run)


def whole(data: bytes) -> Sequence[bytes]:
    """Do not split."""
    return (data,)


def cut_into(size: int) -> Cut:
    """Return a way to split into pieces of a size, with a longer one at the end."""

    def cut(data: bytes) -> Sequence[bytes]:
        # Long input is split into few pieces, because each costs a call.
        step = max(size, len(data) // 16)
        return [data[start : start + step] for start in range(0, len(data), step)] or [data]

    return cut


def check_history(scene: Scene, steps: Sequence[Step], cut: Cut) -> None:
    """Run a history twice and check everything."""
    check_runs(Run, scene, steps, cut)


def check_runs(kind: type[AnyRun], scene: Scene, steps: Sequence[Step], cut: Cut) -> AnyRun:
    """The same with runs of another kind. Returns the second of them."""
    first = kind(scene, whole)
    first.play(steps)
    second = kind(scene, cut, first.raised)
    second.play(steps)
    require(not second.raised, "a call raises only when others are left out")
    require_same(flat(second.events), flat(first.events), "events, cut in another way")
    require_same(b"".join(second.output), b"".join(first.output), "output, cut in another way")
    require_same(second.errors, first.errors, "errors, cut in another way")
    second.check_same(first)
    settle(second)
    return second


def settle(run: Run) -> None:
    """Acknowledge and take everything: then no window is closed, and the connection works."""
    conn = run.conn
    core = conn._core
    if not run.readable:
        return
    run.watcher.finish()
    if core.state == TERMINATED or core.preface_left or not core.initiated:
        return
    if core.partial_frame.header or core.partial_block is not None:
        return
    if core.state in BEFORE_SETTINGS:
        run.receive(wire.settings())
    for _ in range(run.watcher.settings_unacknowledged):
        run.receive(wire.SETTINGS_ACK)
    for stream_id, octets in run.held.items():
        conn.acknowledge_received_data(octets, stream_id)
    answered = run.watcher.pings_answered
    begun = len(run.events)
    run.receive(wire.PROBE)
    run.take(None)
    run.watcher.finish()
    require(not run.errors, "the connection does not go on:", run.errors)
    told = run.events[begun:]
    require(any(isinstance(event, PingReceived) for event in told), "PING gives", told)
    require_same(run.watcher.pings_answered, answered + 1, "answers to PING")
    check_state(conn, run.fed)
    window = conn.inbound_flow_control_window
    require_same(window, run.watcher.receive_window, "window of the connection at both ends")
    require(window > 0, "the window of the connection is shut")
    require(window >= core.window.limit // 2, "the window of the connection is small:", window)
    for stream in core.streams.values():
        if stream.state < FIRST_PEER_ENDED and stream.window.limit > 0:
            require(stream.window.value > 0, "the window of a stream is shut:", stream)
