"""The search finds each fault that these tests put into the package."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

import h2.connection
from fuzz.corpus import kept
from fuzz.engine import search
from fuzz.targets import TARGETS
from fuzzing.test_targets import limits
from h2._core import faults, reader, receive_continuation, receive_headers
from h2._core.send_queue import SendQueue
from h2._core.stream import Streams
from h2._hpack.decoder import Decoder
from h2._hpack.encoder import Encoder
from h2._rules.flow_control import ReceiveWindow
from h2._rules.stream_states import CLOSED_BY_PEER
from h2.exceptions import H2Error
from support.builds import pure_build


class Fault(NamedTuple):
    """A function of the package, what takes its place, and which target finds it."""

    owner: Any
    name: str
    broken: Callable[[Any], Callable[..., Any]]
    target: str
    says: str


FAULTS: dict[str, Fault] = {}


def fault(owner: Any, name: str, target: str, says: str) -> Callable[[Any], Any]:
    def register(broken: Callable[[Any], Callable[..., Any]]) -> Callable[[Any], Any]:
        FAULTS[broken.__name__] = Fault(owner, name, broken, target, says)
        return broken

    return register


@fault(Streams, "move", "frames", "inbound|outbound")
def a_stream_that_the_peer_resets_still_counts(right: Any) -> Any:
    def move(self: Any, stream: Any, state: int, max_reset: int) -> None:
        right(self, stream, state, max_reset)
        self.open.inbound += state == CLOSED_BY_PEER

    return move


@fault(Streams, "remember", "frames", "remembers")
def every_stream_that_was_reset_is_remembered(right: Any) -> Any:
    return lambda self, stream_id, state, max_reset: right(self, stream_id, state, 10**6)


@fault(reader, "terminate", "frames", "events, cut in another way")
def events_before_an_error_are_lost(right: Any) -> Any:
    def terminate(conn: Any, violation: Any) -> Any:
        error = right(conn, violation)
        error.events = error.events[:-1]
        return error

    return terminate


@fault(faults, "send_goaway", "octets", "code of GOAWAY")
def an_error_ends_the_connection_without_its_code(right: Any) -> Any:
    return lambda conn, code: right(conn, 2)


@fault(reader, "_keep", "octets", "cut in another way")
def an_octet_is_lost_where_a_read_ends(right: Any) -> Any:
    def keep(partial: Any, piece: bytes) -> None:
        right(partial, piece[:-1] + b"?" if len(piece) > 2 else piece)

    return keep


@fault(receive_headers, "headers_block", "frames", "invalid literal")
def another_exception_leaves_the_package(right: Any) -> Any:
    def headers_block(conn: Any, stream_id: int, data: bytes, *rest: Any) -> None:
        if b"content-length\1x" in data:
            int("x")
        right(conn, stream_id, data, *rest)

    return headers_block


@fault(ReceiveWindow, "hand_back", "calls", "is shut|is small")
def windows_are_never_opened(right: Any) -> Any:
    def hand_back(self: Any, length: int) -> int:
        self.handed_back += length
        return 0

    return hand_back


@fault(ReceiveWindow, "hand_back", "calls", "window of the connection at both ends")
def a_window_is_announced_and_not_opened(right: Any) -> Any:
    def hand_back(self: Any, length: int) -> int:
        before = self.value
        increment = right(self, length)
        self.value = before
        return int(increment)

    return hand_back


@fault(h2.connection, "_send_data", "calls", "state, cut in another way")
def a_call_that_raises_changes_a_window(right: Any) -> Any:
    def send_data(core: Any, *arguments: Any) -> None:
        try:
            right(core, *arguments)
        except H2Error:
            core.send_windows.connection -= 1
            raise

    return send_data


@fault(h2.connection, "_send_data", "calls", "over the window")
def content_may_exceed_the_window_of_the_connection(right: Any) -> Any:
    def send_data(core: Any, *arguments: Any) -> None:
        before, core.send_windows.connection = core.send_windows.connection, 2**31 - 1
        try:
            right(core, *arguments)
        finally:
            core.send_windows.connection -= 2**31 - 1 - before

    return send_data


@fault(Encoder, "_updates", "hpack-encode", "table|size|hpack refuses")
def the_smallest_size_of_a_table_is_not_announced(right: Any) -> Any:
    def updates(self: Any) -> bytes:
        self._lowest = self._size
        return bytes(right(self))

    return updates


@fault(Encoder, "_evict", "hpack-encode", "fields|table|index")
def an_encoder_evicts_too_late(right: Any) -> Any:
    return lambda self, room: right(self, room + 1)


@fault(Decoder, "_evict", "hpack-decode", "table")
def a_decoder_evicts_too_much(right: Any) -> Any:
    return lambda self, room: right(self, max(0, room - 33))


@fault(receive_continuation, "promised_block", "calls", "RST_STREAM on an idle stream")
def a_promise_in_several_frames_is_taken_for_a_field_section(right: Any) -> Any:
    """Faults the search found in the package."""

    def promised_block(conn: Any, stream_id: int, promised_id: int, data: bytes) -> None:
        if promised_id:
            right(conn, stream_id, promised_id, data)
        else:
            receive_headers.headers_block(conn, stream_id, data, False, None)

    return promised_block


@fault(SendQueue, "wake", "buffered", "octets and a window|waits for ever")
def a_stream_that_waits_is_never_woken(right: Any) -> Any:
    return lambda self, outbound: None


@fault(SendQueue, "drop", "buffered", "octets that wait")
def a_reset_does_not_give_back_the_size_of_a_queue(right: Any) -> Any:
    def drop(self: Any, stream_id: int) -> None:
        before = self.size
        right(self, stream_id)
        self.size = before

    return drop


@pure_build  # compiled functions cannot be replaced
@pytest.mark.parametrize("name", FAULTS)
def test_fault_is_found(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    seeded = FAULTS[name]
    right = getattr(seeded.owner, seeded.name)
    monkeypatch.setattr(seeded.owner, seeded.name, seeded.broken(right))
    if seeded.owner is receive_headers:
        monkeypatch.setattr(receive_continuation, seeded.name, seeded.broken(right))
    # What a search tries next depends on which lines are new, and that on the tests before it.
    for seed in range(5):
        found = search(TARGETS[seeded.target], limits(3_000, seed), kept(seeded.target)).error
        if found is not None:
            break
    assert found is not None, "not found"
    with pytest.raises(type(found), match=seeded.says):
        raise found
