"""Calls that a program must not make: each raises, and changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

from h2.exceptions import H2Error

from .simulation_end import End, Message
from .simulation_text import Choices, demand
from .state import state_of

#: A method, its arguments and keywords.
Wrong = tuple[str, tuple[Any, ...], dict[str, Any]]

REQUEST: Final = [
    *((b":method", b"GET"), (b":scheme", b"https")),
    *((b":authority", b"example.com"), (b":path", b"/")),
]
NEW: Final = (b"x-new-name", b"a value that no table has")

#: Header sections that are not valid requests.
_BAD_REQUESTS: Final[tuple[Any, ...]] = (
    [],
    [NEW, *REQUEST],
    [*REQUEST, NEW, (b":path", b"/other")],
    [*REQUEST[1:], NEW],
    [*REQUEST, NEW, (b"x", b"a\nb")],
    [*REQUEST, NEW, (b"", b"")],
    [*REQUEST, NEW, ("x", None)],
    [*REQUEST, NEW, ("\ud800", b"")],
    [*REQUEST, NEW, (b"content-length", b"x")],
    [*REQUEST, NEW, 7],
    5,
    None,
)
_BAD_TRAILERS: Final[tuple[Any, ...]] = (
    [NEW, (b":status", b"200")],
    [NEW, (b"x", b"a\nb")],
    [NEW, ("x", None)],
    None,
)
_BAD_RESPONSES: Final[tuple[Any, ...]] = ([NEW], [(b":status", b"20"), NEW], [(b":status", b"x")])


def wrong_calls(end: End, choices: Choices) -> Iterator[Wrong]:
    """Calls of all kinds that are wrong in the current state."""
    conn = end.conn
    yield "data_to_send", (choices.pick((-1, "x", 1.5)),), {}
    yield "send_data", (choices.pick((0, -1, 2**32, "x", None, 1_001)), b"x"), {}
    yield "end_stream", (choices.pick((1_001, 1_002, None)),), {}
    yield "reset_stream", (choices.pick((1_001, 1_002, "x")), 8), {}
    yield "set_priority", (choices.pick((1_001, 1_002)), 1), {}
    yield "update_settings", ({4: 2**31},), {}
    if not end.client:
        yield "send_priority_update", (1, 1), {}
        yield "send_headers", (1_002, REQUEST), {}
        yield "send_headers", (1_001, REQUEST), {}
    else:
        yield "push_stream", (1, 2, REQUEST), {}
        yield "send_priority_update", (1_001, choices.pick((8, -1, "x"))), {}
        yield "send_headers", (1_002, REQUEST), {}
        if end.going:
            yield "send_headers", (conn.get_next_available_stream_id(), [*REQUEST, NEW]), {}
        else:
            fresh = conn.get_next_available_stream_id()
            yield "send_headers", (fresh, choices.pick(_BAD_REQUESTS)), {}
            weight: dict[str, Any] = {"priority_weight": choices.pick((300, 0, "x"))}
            yield "send_headers", (fresh, [*REQUEST, NEW]), weight
            if fresh > 1 and fresh - 2 not in end.messages:
                yield "send_headers", (fresh - 2, REQUEST), {}
    if end.messages:
        yield from _on_stream(end, choices.pick(list(end.messages.values())), choices)


def _on_stream(end: End, message: Message, choices: Choices) -> Iterator[Wrong]:
    stream_id = message.stream_id
    if message.may_write:
        yield "send_data", (stream_id, choices.pick(("text", None, 5))), {}
        yield "send_data", (stream_id, b"x"), {"pad_length": choices.pick((256, -1, "x"))}
        yield "send_headers", (stream_id, [NEW]), {}  # trailers must end the stream
        yield "send_headers", (stream_id, choices.pick(_BAD_TRAILERS), True), {}
        yield "set_priority", (stream_id, choices.pick((8, -1))), {}
    elif message.over or message.ended:
        yield "send_data", (stream_id, choices.pick((b"x", b"", bytes(70_000)))), {}
        yield "send_data", (stream_id, b"x", True), {}
        yield "end_stream", (stream_id,), {}
        yield "send_headers", (stream_id, [NEW], True), {}
        yield "send_headers", (stream_id, [*REQUEST, NEW]), {}
    elif not message.begun:
        yield "send_data", (stream_id, b"x"), {}
        yield "end_stream", (stream_id,), {}
        yield "send_headers", (stream_id, choices.pick(_BAD_RESPONSES)), {}
    yield "reset_stream", (stream_id, choices.pick((-1, 2**32, "x"))), {}
    if message.reset is not None and not message.complete:
        yield "reset_stream", (stream_id, 8), {}
    if end.buffering:
        yield "read_data", (stream_id, -1), {}


def make_wrong_call(end: End, choices: Choices, tell: Callable[[str], None]) -> None:
    """Make one of these calls. It must raise, and change nothing."""
    calls = list(wrong_calls(end, Choices(choices.below(1 << 20))))
    method, arguments, keywords = choices.pick(calls)
    tell(f"{end}.{method}{arguments} {keywords} is wrong")
    before = state_of(end.conn)
    try:
        getattr(end.conn, method)(*arguments, **keywords)
    except (H2Error, ValueError, TypeError) as error:
        tell(f"    {error!r}")
    else:
        demand(False, "a wrong call passes", end, method, arguments)
    demand(state_of(end.conn) == before, "a wrong call changes something", end, method, arguments)
