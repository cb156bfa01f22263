"""The package as programs see it, as JSON: both builds must print the same.

usage: python face.py

Calls with unusual arguments, signatures, help, and operations of Python on the objects.
"""

from __future__ import annotations

import copy
import enum
import inspect
import json
import pickle
import pydoc
import re
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import h2.buffered
import h2.config
import h2.connection
import h2.errors
import h2.events
import h2.exceptions
import h2.limits
import h2.priorities
import h2.recorder
import h2.settings
import h2.stream
import h2.utilities
import h2.windows
from h2.buffered import BufferedH2Connection, Keepalive
from h2.config import H2Configuration
from h2.connection import H2Connection

MODULES = (
    *(h2.buffered, h2.config, h2.connection, h2.errors, h2.events, h2.exceptions, h2.limits),
    *(h2.priorities, h2.recorder, h2.settings, h2.stream, h2.utilities, h2.windows),
)
KINDS: tuple[type[H2Connection], ...] = (H2Connection, BufferedH2Connection)
#: PING, SETTINGS, an acknowledgment, and trailers that use the dynamic table.
RECEIVED = bytes.fromhex(
    "0000080600000000003031323334353637 000000040000000000 000000040100000000"
    "000006010500000001 4001610131be"
)
REQUEST = [(":method", "GET"), (":scheme", "https"), (":authority", "a.b"), (":path", "/")]


class Index:
    """An object that converts to an integer."""

    def __index__(self) -> int:
        return 1

    def __repr__(self) -> str:
        return "Index()"


class Number(int):
    """An integer of another type."""


ODD: list[Any] = [
    *(None, True, 0, 1, -1, 2, 3, 2**31 - 1, 2**31, 2**32, 2**63 - 1, 2**63, 2**64, -(2**63) - 1),
    *(
        2**200,
        1.0,
        1.5,
        float("nan"),
        1j,
        "",
        "1",
        b"",
        b"1",
        b"12345678",
        bytearray(b"x"),
        [],
        [1],
    ),
    *((), (1,), {}, {1: 1}, {1}, Index(), Number(1), object, len, ..., memoryview(b"x")),
    *(
        h2.errors.ErrorCodes.CANCEL,
        h2.settings.SettingCodes.MAX_FRAME_SIZE,
        h2.stream.StreamState.OPEN,
    ),
    *(
        {3: 2**32},
        {3: 2**70},
        {1: "1"},
        {"1": 1},
        {Index(): 1},
        REQUEST,
        dict(REQUEST),
        iter(REQUEST),
    ),
    *([("a",)], [("a", 1)], [(b"a", b"b", b"c")], [None], [[]], ["ab"], [("a", "b")] * 3),
]


#: A buffering connection with all of its parts, and a clock that never advances.
OPTIONS: dict[type[H2Connection], dict[str, Any]] = {
    BufferedH2Connection: {
        "receive_buffering": True, "stream_window": 2**17, "connection_window": 2**18,
        "automatic_window": True, "keepalive": Keepalive(20, 10), "settings_timeout": 5,
        "shutdown_timeout": 60, "clock": lambda: 0.0,
    },
}  # fmt: skip


def connections(kind: type[H2Connection] = H2Connection) -> tuple[H2Connection, H2Connection]:
    """A client and a server with a request on stream 1 and part of its response."""
    client, server = (
        kind(H2Configuration(client_side=side, header_encoding=None), **OPTIONS.get(kind, {}))
        for side in (True, False)
    )
    client.initiate_connection()
    server.initiate_connection()
    for _ in range(2):
        server.receive_data(client.data_to_send())
        client.receive_data(server.data_to_send())
    client.send_headers(1, REQUEST)
    server.receive_data(client.data_to_send())
    server.send_headers(1, [(":status", "200")])
    server.send_data(1, b"x" * 100)
    client.receive_data(server.data_to_send())
    return client, server


def fresh(value: Any) -> Any:
    """Return a copy of an argument that a call may exhaust."""
    return value if isinstance(value, memoryview) else copy.copy(value)


def outcome(call: Callable[[], Any]) -> str:
    """The result or exception of a call, as text."""
    try:
        shown = repr(call())
    except Exception as error:
        # Python words the message of a TypeError.
        words = "" if isinstance(error, TypeError) else f": {error}"
        shown = f"{type(error).__module__}.{type(error).__qualname__}{words}"
    return shown


def constructors() -> Iterator[tuple[str, str]]:
    """A buffering connection with each option, and each limit, set to unusual values."""
    for option in OPTIONS[BufferedH2Connection]:
        for value in ODD:
            if option == "clock":
                continue  # any value is accepted, and fails when it is called

            def start() -> bytes:
                options = {option: fresh(value), "clock": lambda: 0}
                conn = BufferedH2Connection(**options)
                conn.initiate_connection()
                return conn.data_to_send()

            yield f"{option}={value!r}", outcome(start)
    for limit in (name for name in vars(BufferedH2Connection) if name.isupper()):
        for value in ODD:
            kind: Any = type("Limited", (BufferedH2Connection,), {limit: value})
            yield f"{limit}={value!r}", outcome(lambda: kind(automatic_window=True))


def calls(kind: type[H2Connection]) -> Iterator[tuple[str, str]]:
    """Each method with unusual arguments: the result, the output, and the events."""
    methods = [
        name
        for name, value in inspect.getmembers(kind, inspect.isfunction)
        if not name.startswith("_")
    ]
    usual: dict[str, Any] = {
        "headers": REQUEST, "data": b"x", "opaque_data": b"12345678", "request_headers": REQUEST,
        "promised_stream_id": 2, "new_settings": {3: 1}, "field_value": b"h2=x",
    }  # fmt: skip
    for name in methods:
        parameters = [*inspect.signature(getattr(kind, name)).parameters][1:]
        for odd in range(len(parameters)):
            for value in ODD:
                for side in (0, 1):
                    arguments = {
                        parameter: fresh(value) if place == odd else usual.get(parameter, 1)
                        for place, parameter in enumerate(parameters)
                        if place == odd or (place <= 1 and parameter in (*usual, "stream_id"))
                    }
                    conn = connections(kind)[side]
                    done = outcome(lambda: getattr(conn, name)(**arguments))
                    sent = outcome(conn.data_to_send)
                    events = outcome(getattr(conn, "events", list))
                    yield (
                        f"{kind.__name__} {side} {name}({parameters[odd]}={value!r})",
                        f"{done} {sent} {events} {conn!r}",
                    )


def assignments(kind: type[H2Connection]) -> Iterator[tuple[str, str]]:
    """Each attribute of a connection and what belongs to it, set to unusual values."""
    for place in ("", "local_settings", "remote_settings", "config", "encoder", "decoder"):
        owner = connections(kind)[0]
        names = dir(getattr(owner, place) if place else owner)
        for name in (name for name in names if not name.startswith("_")):
            for value in ODD:
                conn = connections(kind)[0]
                thing = getattr(conn, place) if place else conn
                done = outcome(lambda: setattr(thing, name, value))
                after = outcome(lambda: getattr(thing, name))
                sent = outcome(lambda: conn.send_headers(3, REQUEST))
                octets = outcome(conn.data_to_send)
                received = outcome(lambda: conn.receive_data(RECEIVED))
                yield f"{place}.{name}={value!r}", f"{done} {after} {sent} {octets} {received}"


def shapes() -> Iterator[tuple[str, str]]:
    """Signatures, help, and the members of everything public."""
    for module in MODULES:
        # Programs do not create streams.
        for name in sorted({*module.__all__} - {"H2Stream"}):
            value = getattr(module, name)
            yield f"help {module.__name__}.{name}", pydoc.plain(pydoc.render_doc(value))
            yield f"signature {module.__name__}.{name}", outcome(lambda: inspect.signature(value))
            if not inspect.isclass(value):
                continue
            yield f"bases {name}", repr(value.__mro__)
            for member, attribute in sorted(vars(value).items()):
                yield f"type {name}.{member}", type(attribute).__name__
                if callable(attribute):
                    yield (
                        f"signature {name}.{member}",
                        outcome(lambda: inspect.signature(attribute)),
                    )


def objects() -> Iterator[tuple[str, str]]:
    """Copies, pickles, weak references, comparisons, and attributes of programs."""
    client, server = connections()
    events = server.receive_data(b"") + client.receive_data(b"")
    peer = connections()[0]
    peer.ping(b"12345678")
    peer.update_settings({3: 7, 99: 1})
    peer.reset_stream(1, 8)
    peer.send_headers(3, REQUEST, end_stream=True, priority_weight=3)
    peer.close_connection(2, b"why")
    events += server.receive_data(peer.data_to_send())
    # Without connections and streams: only those of the pure build can be pickled.
    things: list[Any] = [
        *events, client.local_settings, client.remote_settings, client.config,
        client.state_machine, h2.settings.ChangedSetting(3, 1, 2), H2Configuration(),
        h2.priorities.Priority(1, True),
    ]  # fmt: skip
    yield "copy", repr(copy.copy(client))
    yield "weakref", outcome(lambda: [weakref.ref(conn)() is conn for conn in (client, server)])
    for thing in things:
        name = type(thing).__name__
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            yield (
                f"pickle {name} {protocol}",
                outcome(lambda: pickle.loads(pickle.dumps(thing, protocol))),
            )
        yield f"copy {name}", outcome(lambda: copy.copy(thing))
        yield f"deepcopy {name}", outcome(lambda: copy.deepcopy(thing))
        yield f"weakref {name}", outcome(lambda: weakref.ref(thing)() is thing)
        yield f"hash {name}", outcome(lambda: hash(thing) is not None)
        yield f"equal {name}", outcome(lambda: thing == copy.copy(thing))
        yield f"attribute {name}", outcome(lambda: setattr(thing, "mine", 1))
        yield f"dir {name}", repr([n for n in dir(thing) if not n.startswith("_")])
        if not isinstance(thing, enum.Enum):
            kind = type(thing)
            yield f"subclass {name}", outcome(lambda: type("Mine", (kind,), {"mine": 1}).mine)


class Mine(H2Connection):
    """A connection of a program."""

    MAX_CLOSED_STREAMS = 2
    DEFAULT_MAX_HEADER_LIST_SIZE = 1000

    def __init__(self) -> None:
        super().__init__(H2Configuration(client_side=False))
        self.mine = 1

    def receive_data(self, data: Any) -> list[Any]:
        """Mark what arrives."""
        return [*super().receive_data(data), "mine"]

    def _receive_goaway_frame(self, frame: Any) -> Any:
        frames, events = super()._receive_goaway_frame(frame)
        return [frame, *frames], [*events, frame.error_code]


def subclasses() -> Iterator[tuple[str, str]]:
    """Overridden methods and assigned attributes."""
    for kind in (
        Mine,
        type("Both", (Mine, dict), {}),
        type("Slots", (Mine,), {"__slots__": ("x",)}),
    ):
        client, server = connections()[0], kind()
        server.initiate_connection()
        client.clear_outbound_data_buffer()
        client = H2Connection()
        client.initiate_connection()
        client.send_headers(1, REQUEST)
        client.close_connection(7)
        yield kind.__name__, repr(server.receive_data(client.data_to_send()))
        yield kind.__name__, repr((server, vars(server)["mine"], server.data_to_send()))
        server.send_data = len
        yield kind.__name__, outcome(lambda: server.send_data("abc"))
    for name in ("MAX_CLOSED_STREAMS", "CONTINUATION_BACKLOG", "MAX_WINDOW_INCREMENT"):
        setattr(Mine, name, 1)
        yield name, outcome(lambda: Mine().initiate_connection())


def main() -> None:
    """Print all results."""
    told = json.dumps(
        [
            *constructors(),
            *(result for kind in KINDS for result in (*calls(kind), *assignments(kind))),
            *shapes(),
            *objects(),
            *subclasses(),
        ]
    )
    print(re.sub(r" at 0x[0-9a-f]+", "", told))


if __name__ == "__main__":
    main()
