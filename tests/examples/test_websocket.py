"""WebSockets over HTTP/2: the server with a browser and others, the client with other servers."""

from __future__ import annotations

import html
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support import websockets, wire
from support.cases import Offer
from support.clients import Target, chromium
from support.example import Example, Served
from support.matrix import Matrix
from support.processes import require_installed, run_for_bytes
from support.raw import RawClient, content, ends
from support.scripted import Client, scripted
from support.servers import SERVERS
from support.site import Site
from support.standard import ServerTests
from support.wire import Code, Flag, Frame, Setting, Type

if TYPE_CHECKING:
    from examples.common.certificate import Certificate

MODULE = "examples.websocket.server"
SERVER = "WebSocket server"
CLIENT = "WebSocket client"
OURS = "our own server"
OFFER = Offer(small="/fields", missing="/none", refused=("DELETE", "/"))


#: Not with `-X dev`: asyncio then reports each handshake that fails.
PROGRAM = Example(MODULE, OFFER, ("wsproto",), switches=("-W", "default"))


def echo_url(target: Target) -> str:
    return target.url.replace("https:", "wss:") + "/echo"


# The server, with third-party programs.


class TestServer(ServerTests):
    side = SERVER


@pytest.mark.slow
def test_chromium_opens_websockets_on_the_connection_of_the_page(
    served: Served, matrix: Matrix
) -> None:
    document = chromium(served.target, "/")
    found = re.search(r'<pre id="report" hidden="">(\{.*?\})</pre>', document)
    assert found, document
    report = json.loads(html.unescape(found[1]))
    assert (report["protocol"], report["again"]) == ("h2", "h2")
    assert set(report["checks"].values()) == {True}, report["checks"]
    assert len(report["checks"]) == 9
    fields = report["fields"]
    assert (fields[":method"], fields[":protocol"]) == ("CONNECT", "websocket")
    assert fields["origin"] == served.target.url
    assert "HeadlessChrome" in fields["user-agent"]
    for check in report["checks"]:
        matrix.passed(SERVER, "Chromium", f"WebSocket: {check}")


EVERYTHING_WORKS = {
    "texts": True,
    "large": True,
    "pong": "are you there?",
    "fragments": "one, two, three",
    "close": [4321, "enough"],
}


@pytest.mark.slow
def test_node_with_ws(served: Served, matrix: Matrix) -> None:
    assert websockets.node_report(echo_url(served.target), served.target) == EVERYTHING_WORKS
    matrix.passed(SERVER, "Node http2 with ws", "text, 20 MB, Ping, fragments, close code")


@pytest.mark.slow
def test_nghttpx_turns_websockets_of_http_1_into_those_of_http_2(
    served: Served, matrix: Matrix
) -> None:
    with websockets.nghttpx_before(served.server.port) as port:
        url = f"ws://localhost:{port}/echo"
        assert websockets.node_report(url, served.target) == EVERYTHING_WORKS
    matrix.passed(SERVER, "nghttpx", "text, 20 MB, Ping, fragments, close code")


# The server, octet by octet.

CONNECT = {
    ":method": "CONNECT",
    ":protocol": "websocket",
    ":scheme": "https",
    ":authority": "localhost",
    ":path": "/echo",
    "sec-websocket-version": "13",
}
TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10  # RFC 6455 section 11.8


def connect(stream_id: int, **changes: str | None) -> bytes:
    """The HEADERS frame of an extended CONNECT request; names with _ for - and a leading one."""
    fields = CONNECT | {name.replace("_", "-"): value for name, value in changes.items()}
    pairs = {n if ":" + n not in CONNECT else ":" + n: v for n, v in fields.items()}
    return wire.headers(
        stream_id, [(n.encode(), v.encode()) for n, v in pairs.items() if v is not None]
    )


def masked(opcode: int, payload: bytes, *, fin: bool = True) -> bytes:
    """A WebSocket frame of a client, with less than 64 KiB (RFC 6455 section 5.2)."""
    size = len(payload)
    length = bytes([0x80 | size]) if size < 126 else b"\xfe" + size.to_bytes(2, "big")
    key = b"\x0f\xf0\x55\xaa"
    mixed = bytes(octet ^ key[at % 4] for at, octet in enumerate(payload))
    return bytes([opcode | 0x80 * fin]) + length + key + mixed


def plain(opcode: int, payload: bytes, *, fin: bool = True) -> bytes:
    """A WebSocket frame of a server, with less than 126 octets."""
    return bytes([opcode | 0x80 * fin, len(payload)]) + payload


def close(code: int, reason: str = "") -> bytes:
    """The payload of a Close frame."""
    return code.to_bytes(2, "big") + reason.encode()


def status(frames: Sequence[Frame], stream_id: int) -> dict[bytes, bytes]:
    """The header section of the response on this stream."""
    (block,) = (f.fragment for f in frames if (f.type, f.stream_id) == (Type.HEADERS, stream_id))
    return dict(wire.Decoder().decode(block, raw=True))


def test_the_first_settings_offer_extended_connect(served: Served) -> None:
    with RawClient(served.target) as client:
        frame = client.frame()
        assert frame is not None
        assert (Setting.ENABLE_CONNECT_PROTOCOL, 1) in frame.settings


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"protocol": "other"}, b"501"),
        ({"path": "/nothing"}, b"404"),
        ({"sec_websocket_version": "8"}, b"400"),
        ({"sec_websocket_version": None}, b"400"),
        ({"origin": "https://example.com"}, b"403"),
        ({"protocol": None, "scheme": None, "path": None}, b"405"),
    ],
    ids=str,
)
def test_requests_that_open_no_websocket(
    changes: dict[str, str | None], wanted: bytes, served: Served
) -> None:
    with RawClient(served.target) as client:
        client.send(connect(1, **changes))
        response = status(client.until(ends(1)), 1)
        assert response[b":status"] == wanted
        assert (response.get(b"sec-websocket-version") == b"13") == (wanted == b"400")


def talk(client: RawClient, stream_id: int, *parts: bytes) -> bytes:
    """Open a WebSocket, send DATA frames with these parts, and read to the end of the stream."""
    client.send(connect(stream_id), *(wire.data(stream_id, part) for part in parts))
    return content(client.until(ends(stream_id)), stream_id)


def test_frames_may_be_cut_anywhere(served: Served) -> None:
    frames = masked(TEXT, "ž".encode()) + masked(BINARY, bytes(200)) + masked(CLOSE, close(1000))
    octets = [frames[at : at + 1] for at in range(len(frames))]
    with RawClient(served.target) as client:
        answer = talk(client, 1, *octets)
    # Parts of messages are echoed as they arrived: text and binary data in separate frames.
    assert answer.startswith(plain(TEXT, "ž".encode()))
    assert answer.endswith(plain(CLOSE, close(1000)))


def test_control_frames_between_fragments(served: Served) -> None:
    parts = [
        masked(TEXT, b"a", fin=False),
        masked(PING, b"?"),
        masked(0, b"b", fin=False),
        masked(PONG, b"nobody asked"),
        masked(0, b"c"),
        masked(CLOSE, b""),
    ]
    wanted = [
        plain(TEXT, b"a", fin=False),
        plain(PONG, b"?"),
        plain(0, b"b", fin=False),
        plain(0, b"c"),
        plain(CLOSE, b""),
    ]
    with RawClient(served.target) as client:
        assert talk(client, 1, *parts) == b"".join(wanted)
        assert talk(client, 3, b"".join(parts)) == b"".join(wanted)


@pytest.mark.parametrize(
    ("offense", "code"),
    [
        (plain(TEXT, b"not masked"), 1002),
        (masked(3, b"unknown opcode"), 1002),
        (masked(0, b"continues nothing"), 1002),
        (masked(PING, b"", fin=False), 1002),
        (masked(CLOSE, close(1005)), 1002),
        (masked(TEXT, b"\xff\xfe"), 1007),
    ],
    ids=["no mask", "opcode", "continuation", "fragmented Ping", "reserved code", "no UTF-8"],
)
def test_a_websocket_that_breaks_the_rules_is_closed_alone(
    offense: bytes, code: int, served: Served
) -> None:
    with RawClient(served.target) as client:
        client.send(connect(1), wire.data(1, masked(TEXT, b"one ", fin=False)))
        answer = talk(client, 3, offense, masked(TEXT, b"ignored"))
        opcode, size, *_ = answer
        assert (opcode, size) == (0x80 | CLOSE, len(answer) - 2)
        assert int.from_bytes(answer[2:4], "big") == code
        client.send(wire.data(1, masked(0, b"two")), wire.data(1, masked(CLOSE, b"")))
        assert b"two" in content(client.until(ends(1)), 1)


def test_a_stream_that_ends_without_close_is_ended(served: Served) -> None:
    with RawClient(served.target) as client:
        client.send(connect(1), wire.data(1, masked(TEXT, b"bye"), end_stream=True))
        frames = client.until(ends(1))
        assert content(frames, 1) == plain(TEXT, b"bye")
        assert frames[-1].type == Type.DATA


def test_what_cannot_be_sent_back_holds_up_its_sender_alone(served: Served) -> None:
    with RawClient(served.target, (Setting.INITIAL_WINDOW_SIZE, 0)) as client:
        client.until(lambda frame: frame.type == Type.WINDOW_UPDATE)  # of the whole connection
        messages = masked(BINARY, bytes(122)) * 128  # 16,384 octets, which the server reads at once
        client.send(connect(1), wire.data(1, messages) * 3, wire.data(1, masked(CLOSE, b"")))
        frames = client.pong() + client.pong()
        assert {frame.type for frame in frames} == {Type.SETTINGS, Type.HEADERS}
        # When the client opens the window, everything is echoed, and the server sends credit.
        client.send(wire.window_update(1, 100_000))
        frames = client.until(ends(1)) + client.pong()
        assert content(frames, 1) == plain(BINARY, bytes(122)) * 384 + plain(CLOSE, b"")
        assert Type.WINDOW_UPDATE in {frame.type for frame in frames}


def test_a_reset_lets_go_of_what_the_websocket_held(served: Served) -> None:
    # In total more than the window of the connection.
    with RawClient(served.target, (Setting.INITIAL_WINDOW_SIZE, 0)) as client:
        for stream_id in range(1, 21, 2):
            client.send(connect(stream_id), wire.data(stream_id, masked(BINARY, bytes(10_000))))
            client.pong()
            client.send(wire.rst_stream(stream_id))
            client.pong()


@pytest.mark.slow
def test_a_silent_websocket_stays_open_while_its_client_is_alive(impatient: Served) -> None:
    with RawClient(impatient.target) as client:
        client.send(connect(1))
        for _ in range(2):  # longer than a silent client may take
            ping = client.until(lambda f: f.type == Type.PING and not f.has(Flag.ACK))[-1]
            client.send(wire.ping(ping.payload, ack=True))
        client.send(wire.data(1, masked(TEXT, b"still here")), wire.data(1, masked(CLOSE, b"")))
        assert content(client.until(ends(1)), 1).startswith(plain(TEXT, b"still here"))
    with RawClient(impatient.target) as client:
        client.send(connect(1))
        frames = client.to_end()
        assert [f.type for f in frames if f.type in {Type.PING, Type.GOAWAY}] == [
            Type.PING,
            Type.GOAWAY,
        ]


def test_ctrl_c_closes_websockets(site: Site, certificates: Certificate) -> None:
    with PROGRAM.running(site, certificates) as served:
        with RawClient(served.target) as client:
            client.send(connect(1), wire.data(1, masked(TEXT, b"begin", fin=False)))
            client.until(lambda frame: frame.type == Type.DATA)
            served.server.interrupt()
            frames = client.until(ends(1))
            leaving = plain(CLOSE, close(1001, "the server stops"))
            assert content(frames, 1) == leaving
            goaway, ping = (f for f in frames if f.type in {Type.GOAWAY, Type.PING})
            assert goaway.last_stream_id == wire.MAX_STREAM_ID
            client.send(wire.data(1, masked(CLOSE, close(1001)), end_stream=True))
            # The request for another WebSocket was in flight: it is opened, and closed again.
            client.send(connect(3), wire.ping(ping.payload, ack=True))
            frames = client.to_end()
            assert content(frames, 3) == leaving
            assert [f.last_stream_id for f in frames if f.type == Type.GOAWAY] == [3]
        served.server.finish()
        assert served.server.process.returncode == 0


# The client.


@pytest.fixture(scope="module", params=[*websockets.SERVERS, OURS])
def peer(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture(scope="module")
def target(peer: str, served: Served, certificates: Certificate) -> Iterator[Target]:
    if peer == OURS:
        yield served.target
        return
    with websockets.SERVERS[peer](certificates) as target:
        yield target


def client(target: Target, path: str, *options: str | Path) -> subprocess.CompletedProcess[bytes]:
    url = target.url.replace("https:", "wss:") + path
    start = [sys.executable, "-W", "default", "-m", "examples.websocket.client"]
    command = [*start, "--authority", target.trust, *map(str, options), url]
    return run_for_bytes(command)


def test_client_messages_and_ping(peer: str, target: Target, matrix: Matrix) -> None:
    options = ["--text", "hello", "--text", "", "--text", "žluťoučký kůň 🐎", "--ping"]
    done = client(target, "/echo", *options)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.decode() == "hello\n\nžluťoučký kůň 🐎\n"
    if peer != OURS:
        matrix.passed(CLIENT, peer, "text messages and a Ping")


@pytest.mark.slow
def test_client_20_megabytes(peer: str, target: Target, site: Site, matrix: Matrix) -> None:
    done = client(target, "/echo", f"--data={site.big_file}")
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == site.big, len(done.stdout)
    if peer != OURS:
        matrix.passed(CLIENT, peer, "a message of 20 MB, echoed")


@pytest.mark.parametrize("peer", ["Node http2 with ws", "nghttpx"], indirect=True)
def test_client_answers_pings_and_understands_closes(
    peer: str, target: Target, matrix: Matrix
) -> None:
    # The Ping arrives together with the response that opens the WebSocket.
    done = client(target, "/ping")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"are you there?\n", b"")
    done = client(target, "/policy")
    assert (done.returncode, done.stderr) == (1, b"the server closed with code 1008\n")
    matrix.passed(CLIENT, peer, "Ping and close code of the server")


def test_client_shows_what_the_server_saw(served: Served) -> None:
    done = client(served.target, "/fields")
    assert (done.returncode, done.stderr) == (0, b"")
    seen = json.loads(done.stdout)
    assert seen.pop("user-agent")
    assert seen == CONNECT | {
        ":path": "/fields",
        ":authority": served.target.url.removeprefix("https://"),
    }


def test_client_cancels_what_the_server_wants_no_more(
    site: Site, certificates: Certificate
) -> None:
    require_installed("wsproto")
    from examples.common.certificate import server_context

    def script(peer: Client) -> None:
        peer.send(wire.settings((Setting.ENABLE_CONNECT_PROTOCOL, 1)))
        peer.until(lambda frame: frame.type == Type.HEADERS)
        peer.send(wire.headers(1, wire.RESPONSE))
        peer.until(lambda frame: frame.type == Type.DATA)
        # The window has no room for the rest of the message when the server closes with code 1009.
        peer.send(wire.data(1, b"\x88\x02\x03\xf1"))
        assert peer.until(lambda frame: frame.type == Type.RST_STREAM).error_code == Code.CANCEL

    with scripted(script, server_context(certificates.authority.parent)) as port:
        target = Target(f"https://localhost:{port}", certificates.authority)
        done = client(target, "/", f"--data={site.big_file}")
    assert (done.returncode, done.stderr) == (1, b"the server closed with code 1009\n")


def test_client_and_a_fault_behind_the_end_of_the_websocket(certificates: Certificate) -> None:
    require_installed("wsproto")
    from examples.common.certificate import server_context

    frames: list[Frame] = []

    def script(peer: Client) -> None:
        peer.send(wire.settings((Setting.ENABLE_CONNECT_PROTOCOL, 1)))
        peer.until(lambda frame: frame.type == Type.HEADERS)
        message = plain(TEXT, b"all there is") + plain(CLOSE, close(1000))
        peer.send(wire.headers(1, wire.RESPONSE), wire.data(1, message))
        peer.send(wire.data(0, b"on no stream"))
        peer.bye()
        frames.extend(peer.frames + peer.rest())

    with scripted(script, server_context(certificates.authority.parent)) as port:
        target = Target(f"https://localhost:{port}", certificates.authority)
        done = client(target, "/")
    assert (done.returncode, done.stdout, done.stderr) == (0, b"all there is\n", b"")
    goaways = [frame.error_code for frame in frames if frame.type == Type.GOAWAY]
    assert goaways == [Code.PROTOCOL_ERROR]


def test_client_and_a_fault_behind_the_settings(certificates: Certificate) -> None:
    require_installed("wsproto")
    from examples.common.certificate import server_context

    def script(peer: Client) -> None:
        peer.send(wire.settings((Setting.ENABLE_CONNECT_PROTOCOL, 1)), wire.data(0, b"?"))
        assert peer.bye().error_code == Code.PROTOCOL_ERROR

    with scripted(script, server_context(certificates.authority.parent)) as port:
        done = client(Target(f"https://localhost:{port}", certificates.authority), "/")
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"the server broke the protocol: ")


def test_client_that_is_refused(served: Served, site: Site, certificates: Certificate) -> None:
    done = client(served.target, "/nothing", "--text", "hello")
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr == b"the server refuses with status 404\n"
    with SERVERS["nghttpd"](site, certificates) as target:
        done = client(target, "/", "--text", "hello")
        assert (done.returncode, done.stdout) == (1, b"")
        assert done.stderr == b"the server has no WebSockets over HTTP/2\n"
    done = client(target, "/", "--text", "hello")  # no longer listening
    assert (done.returncode, done.stdout) == (1, b"")
    assert b"Traceback" not in done.stderr
