"""Recordings of connections: their contents and formats."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import h2.connection
from h2._frames.describe import LoggedFrame
from h2._recording import details
from h2.config import H2Configuration
from h2.recorder import Recorder, to_json, waterfall
from support import wire
from support.wire import Code, Flag, Type


def recorded(*frames: bytes, recorder: Recorder | None = None) -> list[dict[str, Any]]:
    """The entries of a recorder for these frames, sent in this order."""
    recorder = recorder or Recorder()
    for frame in wire.parse(b"".join(frames)):
        logged = LoggedFrame(frame.type, frame.flags, frame.stream_id, frame.payload)
        recorder.record(logged, sent=True, at=1.5)
    return recorder.frames


def only(frame: bytes) -> dict[str, Any]:
    """The recorded details of a frame, without its header."""
    (found,) = recorded(frame)
    for name in ("at", "sent", "type", "stream", "length", "flags"):
        del found[name]
    return found


def test_a_connection_with_a_recorder() -> None:
    now = 100.0
    recorder = Recorder("me", clock=lambda: now)
    client = h2.connection.H2Connection(H2Configuration(logger=recorder))
    server = h2.connection.H2Connection(H2Configuration(client_side=False))
    server.initiate_connection()
    client.initiate_connection()
    client.send_headers(1, wire.REQUEST, end_stream=True)
    now = 100.25
    server.receive_data(client.data_to_send())
    server.send_headers(1, [(":status", "200")])
    server.send_data(1, b"content", end_stream=True)
    now = 101.0
    client.receive_data(server.data_to_send())
    seen = [(f["at"], f["sent"], f["type"], f["stream"], f["length"]) for f in recorder.frames]
    assert [row[:4] for row in seen[:2]] == [
        (0.25, True, "SETTINGS", 0),
        (0.25, True, "HEADERS", 1),
    ]
    assert seen[-2:] == [(1.0, False, "HEADERS", 1, 1), (1.0, False, "DATA", 1, 7)]
    assert recorder.frames[1]["flags"] == ["END_STREAM", "END_HEADERS"]
    assert recorder.frames[1]["fields"] == [[n.decode(), v.decode()] for n, v in wire.REQUEST]
    assert recorder.frames[-1]["content"] == 7
    found = json.loads(to_json(recorder))
    (connection,) = found.pop("connections")
    assert found == {"format": "h2-recording", "version": 1}
    assert connection == recorder.to_dict()
    assert (connection["title"], connection["unit"], connection["dropped"]) == ("me", "seconds", 0)


def test_other_messages_are_ignored() -> None:
    recorder = Recorder()
    recorder.debug("Sent connection preface")
    recorder.debug("%s", "text")
    recorder.trace("anything")
    assert recorder.frames == []


@pytest.mark.parametrize(
    ("frame", "found"),
    [
        (wire.data(1, b"abc", pad=5), {"content": 3}),
        (wire.settings((3, 7), (0xF000, 1)), {"settings": [["MAX_CONCURRENT_STREAMS", 7],
                                                           ["0xf000", 1]]}),
        (wire.settings(ack=True), {"settings": []}),
        (wire.frame(Type.SETTINGS, payload=bytes(7)), {"settings": [["0x0", 0]]}),
        (wire.window_update(1, 9), {"increment": 9}),
        (wire.rst_stream(1, Code.CANCEL), {"error": "CANCEL"}),
        (wire.rst_stream(1, 0xABC), {"error": "0xabc"}),
        (wire.goaway(3, Code.NO_ERROR, b"\xffbye"),
         {"last_stream": 3, "error": "NO_ERROR", "debug_data": "\\xffbye"}),
        (wire.ping(b"12345678"), {"opaque": "3132333435363738"}),
        (wire.priority(1, 3, 7, True), {"depends_on": 3, "weight": 7, "exclusive": True}),
        (wire.priority_update(5, b"u=1"), {"prioritized": 5, "priority": "u=1"}),
        (wire.origin(b"https://a"), {"text": "https://a"}),
        (wire.altsvc(0, b"", b"clear"), {"text": "clear"}),
        (wire.frame(0x42, payload=b"?"), {}),
        (wire.frame(Type.PING, payload=b"short"), {"damaged": True}),
        (wire.frame(Type.WINDOW_UPDATE, payload=b""), {"damaged": True}),
        (wire.frame(Type.DATA, Flag.PADDED, 1, b""), {"damaged": True}),
        (wire.frame(Type.DATA, Flag.PADDED, 1, b"\5abc"), {"damaged": True}),
        (wire.headers(1, [(b"a", b"b")], pad=3), {"fields": [["a", "b"]]}),
        (wire.push_promise(1, 2, [(b"a", b"b")]), {"promised": 2, "fields": [["a", "b"]]}),
        (wire.headers(1, b"\xff\xff\xff\xff\xff\xff\xff"), {"fields": None}),
    ],
)  # fmt: skip
def test_what_is_said_of_frames(frame: bytes, found: dict[str, Any]) -> None:
    assert only(frame) == found


def test_a_block_in_pieces_is_told_where_it_begins() -> None:
    block = wire.block([(b"a", b"b"), (b"c", b"d")], add=True)
    first = wire.frame(Type.HEADERS, Flag.PRIORITY, 1, wire.priority_fields() + block[:3])
    head, more, second = recorded(
        first, wire.continuation(1, block[3:]), wire.headers(3, wire.indexed(62))
    )
    assert head["fields"] == [["a", "b"], ["c", "d"]]
    assert "fields" not in more
    assert second["fields"] == [["c", "d"]]


def test_after_a_fault_no_block_is_decoded() -> None:
    first, second = recorded(wire.headers(1, wire.indexed(99)), wire.headers(3, [(b"a", b"b")]))
    assert first["fields"] is None
    assert second["fields"] is None


def test_a_section_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(details, "_MAX_SECTION", 60)
    assert only(wire.headers(1, [(b"a", b"b" * 70)])) == {"fields": None}
    assert only(wire.headers(1, wire.indexed(2) * 20)) == {"fields": None}
    assert only(wire.headers(1, wire.indexed(2))) == {"fields": [[":method", "GET"]]}


def test_a_block_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(details, "_MAX_SECTION", 60)
    recorder = Recorder()
    block = wire.block([(b"a", b"b" * 50)])
    frames = [wire.frame(Type.HEADERS, 0, 1, block)]
    frames += [wire.continuation(1, bytes(50), end_headers=False)] * 5
    recorded(*frames, recorder=recorder)
    assert len(recorder._directions[True]._block) <= 60
    recorded(wire.continuation(1, b""), recorder=recorder)
    assert recorder.frames[0]["fields"] is None


def test_secrets_are_kept_only_where_that_is_asked_for() -> None:
    frame = wire.headers(1, [(b"cookie", b"x"), (b"a", b"b")])
    (hidden,) = recorded(frame)
    assert hidden["fields"] == [["cookie", "(not recorded)"], ["a", "b"]]
    (shown,) = recorded(frame, recorder=Recorder(secrets=True))
    assert shown["fields"][0] == ["cookie", "x"]


def test_there_is_an_end_to_it() -> None:
    recorder = Recorder(limit=2)
    recorded(*[wire.ping()] * 5, recorder=recorder)
    assert (len(recorder.frames), recorder.dropped) == (2, 3)


def held(recorder: Recorder) -> int:
    """About how much memory a recording takes, computed in another way."""
    return len(json.dumps(recorder.to_dict(), ensure_ascii=False))


SMALL_LIMIT = 50_000
LARGE: dict[str, list[bytes]] = {
    "fields": [wire.headers(1, [(b"a", b"b" * 4_000)])],
    "fields from the table": [
        wire.headers(1, wire.block([(b"a", b"b" * 2_000)], add=True)),
        wire.headers(3, wire.indexed(62) * 100),
    ],
    "fields of three octets that take four each": [
        wire.headers(1, [(b"a", "\u20ac".encode() * 900)])
    ],
    "settings": [wire.settings(*[(3, 7)] * 100)],
    "fields in pieces": [
        wire.frame(Type.HEADERS, 0, 1, wire.block([(b"a", b"b" * 4_000)])),
        wire.continuation(1, b""),
    ],
}


@pytest.mark.parametrize("name", LARGE)
def test_there_is_an_end_to_what_a_peer_chooses(name: str) -> None:
    recorder = Recorder(octet_limit=SMALL_LIMIT)
    frames = LARGE[name] * 100
    recorded(*frames, recorder=recorder)
    kept = len(recorder.frames)
    assert 0 < kept < 30
    assert kept + recorder.dropped == len(frames)
    assert held(recorder) < SMALL_LIMIT + 1_000 * kept
    recorded(wire.ping(), recorder=recorder)  # there is room for it, but not in the middle
    assert (len(recorder.frames), recorder.dropped) == (kept, len(frames) - kept + 1)


def test_a_text_is_cut() -> None:
    for frame, name in (
        (wire.goaway(0, 0, b"x" * 9_000), "debug_data"),
        (wire.priority_update(1, b"x" * 9_000), "priority"),
        (wire.altsvc(0, b"", b"x" * 9_000), "text"),
    ):
        assert only(frame)[name] == "x" * 200


@given(
    st.lists(
        st.builds(
            wire.frame,
            st.integers(0, 20),
            st.integers(0, 255),
            st.integers(0, 5),
            st.binary(max_size=40),
        ),
        max_size=5,
    )
)
def test_any_frame_is_recorded(frames: list[bytes]) -> None:
    recorder = Recorder()
    recorded(*frames, recorder=recorder)
    assert len(recorder.frames) == len(frames)
    assert json.loads(to_json(recorder))["connections"][0]["frames"] == recorder.frames


def test_the_page_holds_all_it_needs() -> None:
    recorder = Recorder("</script><b>")
    recorded(wire.headers(1, [(b"a", b"</script>")]), recorder=recorder)
    text = waterfall(to_json(recorder), "<b>&")
    assert "{{" not in text
    assert "<title>&lt;b&gt;&amp;</title>" in text
    assert text.count("</script>") == 2
    assert "http://" not in text
    assert "https://" not in text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"format": "x", "version": 1}',
        '{"format": "h2-recording", "version": 2}',
        '{"format": "h2-recording", "version": 1}',
        "{}",
        pytest.param("[" * 200_000, id="nested"),
    ],
)
def test_what_is_no_recording(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - json has messages of its own
        waterfall(text)
