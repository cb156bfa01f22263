"""A call that raises changes nothing, and whatever a call has accepted cannot fail later."""

from __future__ import annotations

import inspect
from typing import Any, NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from buffered.pairs import POST, REQUEST, RESPONSE, client, pair
from buffered.state import state_of
from h2.buffered import BufferedH2Connection, Keepalive
from h2.config import H2Configuration
from h2.events import RequestReceived, StreamOpened, TrailersReceived
from h2.exceptions import H2Error, ProtocolError
from support import calls, wire
from support.calls import Call, StreamId
from support.wire import Setting


@pytest.fixture(scope="module", autouse=True)
def still_clock() -> Any:
    """Stop the clock, so that connections that received the same octets have the same state."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(H2Configuration, "clock", staticmethod(lambda: 0.0))
        yield


class Newest(StreamId):
    """The newest stream, or one of those before it; the next one for -1."""

    def of(self, conn: Any) -> int:
        return int(conn.get_next_available_stream_id()) - 2 - 2 * int(self.which)


NEW, LAST, OLDER, OLD = (Newest(which) for which in ("-1", "0", "1", "3"))
OURS = st.sampled_from([LAST, LAST, OLDER, OLD, NEW, calls.THEIRS, calls.THEIRS, 1, 2, 3])


class Take(NamedTuple):
    """Transfer this many octets of the output of one end."""

    side: int
    amount: int | None


#: A call by the client (0) or the server (1), or octets that are carried over.
Step = tuple[int, Call] | Take

CARRY = st.builds(Take, st.integers(0, 1), st.sampled_from([None, None, 100, 5_000]))
OPEN = st.builds(
    lambda headers, end_stream: Call("send_headers", (NEW, headers, end_stream), {}),
    *(st.sampled_from([list(REQUEST), list(POST)]), st.booleans()),
)
WRITE = calls.call("send_data", OURS, st.sampled_from([b"some", bytes(9_000), bytes(70_000)]))
PRIORITIES = st.one_of(
    calls.call("set_priority", OURS, st.sampled_from([None, 0, 7, 8, -1, "x"]), st.booleans()),
    calls.call("send_priority_update", OURS, st.sampled_from([0, 7, 8, "x"]), st.booleans()),
)
HEADERS = calls.headers_call(OURS)
RESET = calls.call("reset_stream", OURS, st.sampled_from([8, 0, -1, "x"]))
END = calls.call("end_stream", OURS)
READ = calls.call("read_data", OURS, st.sampled_from([None, 10, 0, -1, "x"]))
ANY = calls.ANY_STREAM
#: Calls that never raise, for any stream: queries, and calls that fetch events or run timers.
ASKING = st.one_of(
    calls.call("is_writable", OURS),
    calls.call("send_buffer_size", OURS | st.none()),
    calls.call("get_priority", OURS),
    calls.call("events"),
    calls.call("get_timer"),
    calls.call("handle_timer", st.sampled_from([0.0, 20.0, 1e9])),
)
#: Calls that need ``receive_buffering``.
CONTENT = st.one_of(
    calls.call("readable", ANY), calls.call("at_end", ANY), calls.call("discard_data", ANY)
)
LOOKING = st.one_of(
    calls.call("stream_state", ANY),
    calls.call("initiate_connection"),
    calls.call("initiate_upgrade_connection", st.sampled_from([None, b"", b"AAMAAABk", b"?", 5])),
)
SHUTDOWN = st.one_of(calls.GOODBYE, calls.call("graceful_shutdown"))
KINDS: dict[str, st.SearchStrategy[Call]] = {
    "asking": ASKING,
    "content": CONTENT,
    "looking": LOOKING,
    "write": WRITE,
    "headers": HEADERS,
    "anything": calls.ORDINARY,
    "priority": PRIORITIES,
    "reset": RESET,
    "end": END,
    "read": READ,
    "answer": calls.ANSWERING,
}


@st.composite
def steps(draw: st.DrawFn) -> Step:
    kind = draw(st.sampled_from(["carry", "carry", "open", "open", *KINDS, "write", "answer"]))
    if draw(st.integers(0, 99)) == 0:
        return draw(st.integers(0, 1)), draw(SHUTDOWN)
    if kind == "carry":
        return draw(CARRY)
    if kind == "open":
        return 0, draw(OPEN)
    return (1 if kind == "answer" else draw(st.integers(0, 1))), draw(KINDS[kind])


#: Exceptions other than H2Error, for arguments of a wrong type or value.
MISUSE = (ValueError, TypeError)
#: These never raise if the arguments have the right types.
NEVER_RAISE = {"is_writable", "send_buffer_size", "get_priority", "events", "get_timer"}
NEVER_RAISE |= {"handle_timer", "graceful_shutdown"}
NEED_BUFFERING = {"read_data", "readable", "at_end", "discard_data"}
#: The other calls under test.
OTHERS = {
    *("initiate_connection", "initiate_upgrade_connection", "close_connection", "stream_state"),
    *("send_headers", "push_stream", "send_data", "end_stream", "reset_stream", "set_priority"),
    *("ping", "prioritize", "send_priority_update", "update_settings", "advertise_origins"),
    *("advertise_alternative_service", "acknowledge_received_data", "receive_data"),
    *("increment_flow_control_window", "local_flow_control_window", "data_to_send"),
    *("remote_flow_control_window", "get_next_available_stream_id"),
}
#: The connection cannot continue after these.
FINAL = {"clear_outbound_data_buffer"}


def attempt(conn: BufferedH2Connection, call: Call) -> None:
    """Make a call; one that raises must have changed nothing."""
    if call.method == "initiate_upgrade_connection" and not conn._core.streams.is_used(1):
        return  # the other end was not upgraded
    if call.method == "initiate_connection" and conn._core.announced.in_flight:
        return  # the values in effect, which it announces again, may revoke one in flight
    before = state_of(conn)
    may_raise = () if call.method in NEVER_RAISE else (H2Error, *MISUSE)
    if call.method in NEED_BUFFERING and conn._receiving is None:
        may_raise = (RuntimeError, *MISUSE)
    try:
        call.make(conn)
    except may_raise:
        assert state_of(conn) == before


def carry(ends: Any, step: Take) -> bool:
    one, other = ends[step.side], ends[1 - step.side]
    data = one.data_to_send(step.amount)
    one.events()
    try:
        other.receive_data(data)
    except ProtocolError as error:
        if error.rule != "connection-closed":
            raise
    return bool(data)


#: All options.
EVERYTHING: dict[str, Any] = {
    "receive_buffering": True,
    "automatic_window": True,
    "keepalive": Keepalive(10, 10),
    "settings_timeout": 100,
    "shutdown_timeout": 100,
    "clock": lambda: 0.0,
}


def test_every_call_is_tried() -> None:
    """A new public method must be added to the lists above."""
    public = {name for name, _ in inspect.getmembers(BufferedH2Connection, callable)}
    assert {n for n in public if n[0] != "_"} == NEVER_RAISE | NEED_BUFFERING | OTHERS | FINAL


@given(st.lists(steps(), min_size=10, max_size=50), st.sampled_from([{}, EVERYTHING]))
@settings(max_examples=200, deadline=None)
def test_a_call_that_raises_changes_nothing(taken: list[Step], options: dict[str, Any]) -> None:
    ours, theirs = {Setting.INITIAL_WINDOW_SIZE: 100}, {Setting.MAX_CONCURRENT_STREAMS: 2}
    ends = pair(ours, theirs, **options)
    for step in taken:
        if isinstance(step, Take):
            carry(ends, step)
        else:
            side, call = step
            attempt(ends[side], call)
    while carry(ends, Take(0, None)) or carry(ends, Take(1, None)):
        pass


# Fields are checked in the call, whether they are sent or queued.

FIELDS = [fields for fields in calls.GOOD_REQUESTS + calls.GOOD_ANSWERS if hasattr(fields, "copy")]
FIELDS += [fields for fields in calls.BAD_FIELDS if not hasattr(fields, "__next__")]
OPTIONS: list[dict[str, Any]] = [
    {},
    {"validate_outbound_headers": False},
    {"normalize_outbound_headers": False},
    {"split_outbound_cookies": True},
]
with_options = pytest.mark.parametrize("options", OPTIONS, ids=str)
PRIORITY = {"priority_weight": 3, "priority_depends_on": 1}


def outcome(conn: BufferedH2Connection, *arguments: Any, **keywords: Any) -> str:
    """The exception that a call raises, if any."""
    before = state_of(conn)
    try:
        conn.send_headers(*arguments, **keywords)
    except (H2Error, ValueError, TypeError) as error:
        assert state_of(conn) == before
        return repr(error)
    return ""


def two_clients(options: dict[str, Any]) -> Any:
    """Two clients, each with a server, of which the second allows no streams."""
    found = []
    for limit in (100, 0):
        one, other = pair({}, {Setting.MAX_CONCURRENT_STREAMS: limit})
        one.config = H2Configuration(header_encoding=None, strict=True, **options)
        found.append((one, other))
    return found


def heard(conn: BufferedH2Connection, data: bytes, kind: type) -> Any:
    return [event.headers for event in conn.receive_data(data) if isinstance(event, kind)]


@with_options
@pytest.mark.parametrize("fields", FIELDS, ids=repr)
def test_a_request_that_waits_is_judged_like_one_that_goes(
    fields: Any, options: dict[str, Any]
) -> None:
    (goes, its_server), (waits, other_server) = two_clients(options)
    said = outcome(goes, 1, fields, True)
    assert outcome(waits, 1, fields, True) == said
    assert goes.waiting_streams == 0
    assert waits.waiting_streams == (not said)
    other_server.update_settings({Setting.MAX_CONCURRENT_STREAMS: 1})
    waits.receive_data(other_server.data_to_send())
    data = waits.data_to_send()
    assert [type(event) for event in waits.events()] == ([] if said else [StreamOpened])
    if said or "validate_outbound_headers" in options:
        return  # a server rejects malformed requests
    requests = heard(other_server, data, RequestReceived)
    assert requests == heard(its_server, goes.data_to_send(), RequestReceived)
    assert len(requests) == 1


@with_options
@pytest.mark.parametrize("fields", FIELDS, ids=repr)
def test_trailers_that_wait_are_judged_like_those_that_go(
    fields: Any, options: dict[str, Any]
) -> None:
    one, its_server = pair({}, {})
    one.config = H2Configuration(header_encoding=None, strict=True, **options)
    for stream_id in (1, 3):
        one.send_headers(stream_id, POST)
    one.send_data(3, bytes(100_000))
    said = outcome(one, 1, fields, True)
    assert outcome(one, 3, fields, True).replace("3", "1") == said.replace("3", "1")
    if said:
        one.end_stream(1)
        one.end_stream(3)
    while data := one.data_to_send():
        for event in its_server.receive_data(data):
            if hasattr(event, "flow_controlled_length"):
                its_server.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
            if isinstance(event, TrailersReceived) and not options:
                assert event.headers == [(b"checksum", b"0")] * (fields != [])
        one.receive_data(its_server.data_to_send())
    assert one.send_buffer_size() == 0
    assert all(not stream.open or stream.state for stream in one.streams.values())


def test_what_waits_belongs_to_the_connection() -> None:
    """The program may change its arguments after the call, and the configuration."""
    one, other = pair({}, {Setting.MAX_CONCURRENT_STREAMS: 0, Setting.INITIAL_WINDOW_SIZE: 10})
    fields, content, trailers = [*POST, (b"x", b"1")], bytearray(b"content" * 10), [(b"y", b"2")]
    one.send_headers(1, fields)
    one.send_headers(3, iter(fields), True)
    one.send_data(1, content)
    one.send_data(1, memoryview(content))
    one.send_headers(1, trailers, True)
    fields.clear()
    trailers.append((b"", b""))
    content[:] = bytes(70)
    one.config = H2Configuration(header_encoding=None, normalize_outbound_headers=False)
    more = {Setting.MAX_CONCURRENT_STREAMS: 9, Setting.INITIAL_WINDOW_SIZE: 1_000}
    other.update_settings(more | {Setting.HEADER_TABLE_SIZE: 0})
    _, events = wire.exchange(one, other)
    requests = [event for event in events if isinstance(event, RequestReceived)]
    assert [event.headers for event in requests] == [[*POST, (b"x", b"1")]] * 2
    assert b"".join(getattr(event, "data", b"") for event in events) == b"content" * 20
    (ended,) = (event for event in events if isinstance(event, TrailersReceived))
    assert ended.headers == [(b"y", b"2")]


@pytest.mark.parametrize("fields", [[], [*REQUEST, (b"", b"")], [(b"x", b"a\nb")]])
def test_fields_that_nobody_validated_go_out(fields: Any) -> None:
    """Accepted values may be nonsensical, but sending them must not raise."""
    one = client()
    one.config = H2Configuration(header_encoding=None, validate_outbound_headers=False)
    one.initiate_connection()
    one.receive_data(wire.settings((Setting.MAX_CONCURRENT_STREAMS, 0)))
    one.data_to_send()
    said = outcome(one, 1, fields)
    one.config = H2Configuration(header_encoding=None)
    one.receive_data(wire.settings((Setting.MAX_CONCURRENT_STREAMS, 1)))
    assert one.data_to_send() != b""
    assert one.highest_outbound_stream_id == (0 if said else 1)


def test_a_response_that_waits_for_the_limit_of_the_client() -> None:
    one, other = pair({Setting.MAX_CONCURRENT_STREAMS: 0}, {})
    one.send_headers(1, REQUEST)
    wire.exchange(one, other)
    other.push_stream(1, 2, REQUEST)
    before = state_of(other)
    for wrong in ([], [(b":status", b"20")], [(b"x", b"y")], None):
        with pytest.raises((ProtocolError, TypeError)):
            other.send_headers(2, wrong)
        assert state_of(other) == before
    other.send_headers(2, RESPONSE)
    other.send_data(2, b"pushed", True)
    assert other.waiting_streams == 1
    with pytest.raises(ProtocolError):
        other.send_headers(2, [(b"x", b"y")], True)
    one.update_settings({Setting.MAX_CONCURRENT_STREAMS: 1})
    events, _ = wire.exchange(one, other)
    assert b"".join(getattr(event, "data", b"") for event in events) == b"pushed"
