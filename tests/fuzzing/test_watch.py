"""The reader of the output rejects frames that must not be sent."""

from __future__ import annotations

import pytest

from fuzz import wire
from fuzz.check import Broken
from fuzz.watch import Watcher

REQUEST = b"\x82\x87\x84\x41\x01x"
HEADERS = wire.frame(wire.HEADERS, wire.END_HEADERS, 1, REQUEST)
BEGUN = wire.frame(wire.HEADERS, 0, 1, REQUEST)
ENDED = wire.frame(wire.HEADERS, wire.END_HEADERS | wire.END_STREAM, 1, REQUEST)
RESET = wire.frame(wire.RST_STREAM, 0, 1, bytes(4))
PROMISE = wire.frame(wire.PUSH_PROMISE, wire.END_HEADERS, 1, b"\0\0\0\2" + REQUEST)


def data(length: int, stream_id: int = 1, flags: int = 0) -> bytes:
    return wire.frame(wire.DATA, flags, stream_id, bytes(length))


#: Frames that a client must not send.
CLIENT: dict[str, tuple[bytes, str]] = {
    "an unknown type": (wire.frame(99, 0, 0, b""), "unknown type"),
    "an undefined flag": (wire.frame(wire.PING, 0x10, 0, bytes(8)), "undefined flags"),
    "a frame that is too large": (HEADERS + data(16_385), "frame too large"),
    "a field block that is interrupted": (BEGUN + wire.PROBE, "interrupted"),
    "a field block without end": (BEGUN, "ends within a field block"),
    "half a frame": (wire.PROBE[:-1], "ends within a frame"),
    "CONTINUATION alone": (wire.frame(wire.CONTINUATION, 4, 1, b""), "without a field block"),
    "a block that hpack refuses": (wire.frame(wire.HEADERS, 4, 1, b"\xff\x7f"), "hpack refuses"),
    "PING on a stream": (wire.frame(wire.PING, 0, 1, bytes(8)), "not a frame for a stream"),
    "RST_STREAM without one": (wire.frame(3, 0, 0, bytes(4)), "not a frame for the connection"),
    "DATA on an idle stream": (data(1), "idle stream"),
    "DATA after the end": (ENDED + data(1), "after the end"),
    "DATA after a reset": (HEADERS + RESET + data(1), "after the end"),
    "HEADERS after the end": (ENDED + HEADERS, "after the end"),
    "HEADERS on a stream of the server": (wire.frame(1, 4, 2, REQUEST), "must not open"),
    "RST_STREAM on an idle stream": (RESET, "idle stream"),
    "a promise": (HEADERS + PROMISE, "not allowed"),
    "padding that is too large": (HEADERS + wire.frame(0, 8, 1, b"\5abc"), "padding too large"),
    "too much content": (HEADERS + data(16_384) * 4, "over the window of the connection"),
    "an answer to nothing": (wire.SETTINGS_ACK, "SETTINGS that were not sent"),
    "an answer with content": (wire.frame(4, 1, 0, bytes(6)), "with content"),
    "SETTINGS cut off": (wire.frame(wire.SETTINGS, 0, 0, bytes(5)), "octets of SETTINGS"),
    "PING of another length": (wire.frame(wire.PING, 0, 0, bytes(7)), "octets of PING"),
    "PRIORITY of another length": (wire.frame(wire.PRIORITY, 0, 1, b""), "octets of PRIORITY"),
    "GOAWAY cut off": (wire.frame(wire.GOAWAY, 0, 0, bytes(7)), "GOAWAY too short"),
    "a frame after the end": (
        wire.frame(wire.GOAWAY, 0, 0, bytes(7) + b"\1") + wire.PROBE,
        "behind GOAWAY",
    ),
    "an increment of nothing": (wire.window_update(0, 0), "increment 0"),
    "a window that is too large": (wire.window_update(0, wire.MAX_WINDOW), "window 2147"),
    "an increment for an idle stream": (wire.window_update(1, 1), "idle stream"),
    "an increment after a reset": (HEADERS + RESET + wire.window_update(1, 1), "after RST_STREAM"),
    "ALTSVC": (wire.frame(wire.ALTSVC, 0, 0, bytes(2)), "must not send ALTSVC"),
}


def read_all(watcher: Watcher, output: bytes) -> None:
    watcher.read(output)
    watcher.finish()


@pytest.mark.parametrize(("output", "says"), CLIENT.values(), ids=CLIENT)
def test_what_a_client_must_not_send(output: bytes, says: str) -> None:
    with pytest.raises(Broken, match=says):
        read_all(Watcher(client=True), wire.PREFACE + output)


SERVER: dict[str, tuple[bytes, str]] = {
    "HEADERS that open a stream": (wire.frame(1, 4, 3, b"\x88"), "must not open"),
    "a promise that goes back": (PROMISE + PROMISE, "promised 2"),
    "a promise on a stream that ended": (ENDED + PROMISE, "stream that ended"),
    "ALTSVC cut off": (wire.frame(wire.ALTSVC, 0, 0, b"\0\2x"), "ALTSVC too short"),
    "more than the window of the stream": (
        wire.frame(1, 4, 1, b"\x88") + wire.SETTINGS_ACK + data(11),
        "over the window of stream",
    ),
}


@pytest.mark.parametrize(("output", "says"), SERVER.values(), ids=SERVER)
def test_what_a_server_must_not_send(output: bytes, says: str) -> None:
    watcher = Watcher(client=False)
    watcher.took(HEADERS + wire.settings((wire.INITIAL_WINDOW_SIZE, 10)))
    with pytest.raises(Broken, match=says):
        watcher.read(output)


def test_settings_count_from_their_acknowledgment_on() -> None:
    """Before it, larger frames, more content and promises are still allowed."""
    sent = wire.settings(
        (wire.ENABLE_PUSH, 0), (wire.INITIAL_WINDOW_SIZE, 10), (wire.MAX_FRAME_SIZE, 20_000)
    )
    watcher = Watcher(client=False)
    watcher.took(HEADERS + sent)
    watcher.read(wire.frame(1, 4, 1, b"\x88") + data(11) + PROMISE + wire.SETTINGS_ACK)
    watcher.took(wire.window_update(1, 40_000))
    watcher.read(data(20_000))
    watcher.finish()
    with pytest.raises(Broken, match="not allowed"):
        watcher.read(wire.frame(wire.PUSH_PROMISE, 4, 1, b"\0\0\0\4" + REQUEST))


def test_output_may_come_in_any_pieces() -> None:
    watcher = Watcher(client=True)
    watcher.took(wire.PROBE)
    for octet in wire.PREFACE + wire.settings() + ENDED + wire.PROBE_ACK:
        watcher.read(bytes([octet]))
    watcher.finish()
    assert watcher.pings_answered == 1
    assert watcher.settings_unacknowledged == 1


def test_the_preface_of_a_client_comes_first() -> None:
    with pytest.raises(Broken, match="preface"):
        Watcher(client=True).read(wire.settings() * 3)


def test_a_window_that_the_peer_used() -> None:
    watcher = Watcher(client=False)
    watcher.took(data(100)[:50])
    assert watcher.receive_window == wire.DEFAULT_WINDOW
    watcher.took(data(100)[50:])
    assert watcher.receive_window == wire.DEFAULT_WINDOW - 100
    watcher.read(wire.window_update(0, 100))
    assert watcher.receive_window == wire.DEFAULT_WINDOW
