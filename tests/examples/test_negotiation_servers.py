"""The servers of the negotiation examples, byte by byte: unusual clients, and Ctrl+C."""

from __future__ import annotations

import base64
import json
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from support import wire
from support.misbehaving import OFFENSES
from support.processes import TIMEOUT, Server, python_command, require_module, serving
from support.sockets import rest_of, until
from support.wire import Code, Flag, Frame, Setting, Type

if TYPE_CHECKING:
    from examples.common.certificate import Certificate

GET = b"GET /one HTTP/1.1\r\nHost: localhost\r\n"
OFFER = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
SWITCHING = b"HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: h2c\r\n\r\n"
START = wire.PREFACE + wire.settings()
FOREVER = 2**31 - 1


@pytest.fixture(scope="module", autouse=True)
def _packages() -> None:
    require_module("h11")


@contextmanager
def server_of(way: str, *options: str) -> Iterator[Server]:
    command = python_command("-m", f"examples.negotiation.{way}_server", "--port", "0", *options)
    with serving(command) as server:
        yield server


@pytest.fixture(scope="module", params=["upgrade", "prior_knowledge"])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    with server_of(request.param) as server:
        yield server
        assert (server.stop(), server.process.returncode) == (("", ""), 0)


@pytest.fixture(scope="module")
def upgrade_server() -> Iterator[Server]:
    with server_of("upgrade") as server:
        yield server
        assert (server.stop(), server.process.returncode) == (("", ""), 0)


def connected(server: Server) -> socket.socket:
    return socket.create_connection(("127.0.0.1", server.port), timeout=TIMEOUT)


def talk(server: Server, *parts: bytes) -> bytes:
    """Send all these octets at once, close the sending side, and read all of the answer."""
    with connected(server) as sock:
        sock.sendall(b"".join(parts))
        sock.shutdown(socket.SHUT_WR)
        return rest_of(sock)


def get(stream_id: int) -> bytes:
    return wire.headers(stream_id, wire.REQUEST, end_stream=True)


def told(frames: list[Frame], stream_id: int) -> dict[str, object]:
    """The JSON that came as the content of a response."""
    parts = [f for f in frames if (f.type, f.stream_id) == (Type.DATA, stream_id)]
    assert parts[-1].has(Flag.END_STREAM)
    value = json.loads(b"".join(part.data for part in parts))
    assert isinstance(value, dict)
    return value


def answered(frames: list[Frame]) -> list[int]:
    """The streams whose response is complete."""
    return [f.stream_id for f in frames if f.type == Type.DATA and f.has(Flag.END_STREAM)]


def older_answer(answer: bytes) -> tuple[bytes, dict[str, object]]:
    """Status line and JSON of a response in HTTP/1.1."""
    head, _, content = answer.partition(b"\r\n\r\n")
    return head.split(b"\r\n")[0], json.loads(content)


# --- the upgrade ---------------------------------------------------------------------------------


def test_the_answer_is_101_then_settings_then_the_response(upgrade_server: Server) -> None:
    with connected(upgrade_server) as sock:
        sock.sendall(GET + OFFER + b"\r\n")
        heard = until(sock, b"}\n")  # the end of the JSON: the server does not wait for the preface
        assert heard.startswith(SWITCHING)
        frames = wire.parse(heard[len(SWITCHING) :])
        assert [(f.type, f.stream_id) for f in frames] == [
            (Type.SETTINGS, 0),
            (Type.HEADERS, 1),
            (Type.DATA, 1),
        ]
        assert told(frames, 1)["target"] == "/one"
        sock.sendall(START + get(3))
        assert told(wire.parse(until(sock, b"}\n")), 3)["agreed_by"] == "upgrade"


def test_what_follows_the_request_in_the_same_read_is_http2(upgrade_server: Server) -> None:
    post = GET.replace(b"GET", b"POST") + OFFER + b"Content-Length: 5\r\n\r\n12345"
    answer = talk(upgrade_server, post + START + get(3) + get(5))
    assert answer.startswith(SWITCHING)
    frames = wire.parse(answer[len(SWITCHING) :])
    assert answered(frames) == [1, 3, 5]
    assert told(frames, 1)["content_length"] == 5
    assert (frames[-1].type, frames[-1].error_code) == (Type.GOAWAY, Code.NO_ERROR)


@pytest.mark.parametrize("cut", [1, 3, 40])
def test_an_upgrade_in_pieces(upgrade_server: Server, cut: int) -> None:
    whole = GET + OFFER + b"\r\n"
    with connected(upgrade_server) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(whole), cut):
            sock.sendall(whole[start : start + cut])
        assert until(sock, b"}\n").startswith(SWITCHING)


@pytest.mark.parametrize("cut", [1, 3, 23])
def test_a_preface_in_pieces(upgrade_server: Server, cut: int) -> None:
    whole = START + get(1)
    with connected(upgrade_server) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for start in range(0, len(whole), cut):
            sock.sendall(whole[start : start + cut])
        assert told(wire.parse(until(sock, b"}\n")), 1)["agreed_by"] == "prior knowledge"


def test_the_settings_of_the_offer_count(upgrade_server: Server) -> None:
    window = wire.settings((Setting.INITIAL_WINDOW_SIZE, 10))[wire.FRAME_HEADER :]
    field = base64.urlsafe_b64encode(window).rstrip(b"=")
    with connected(upgrade_server) as sock:
        sock.sendall(GET + OFFER.replace(b"AAMAAABk", field) + b"\r\n" + START)
        sock.sendall(wire.ping())
        heard = until(sock, wire.ping(ack=True))
        frames = wire.parse(heard[len(SWITCHING) :])
        assert [len(f.data) for f in frames if f.type == Type.DATA] == [10]
        sock.sendall(wire.window_update(1, 1000))
        more = wire.parse(until(sock, b"}\n"))
        assert answered(more) == [1]


def test_head_before_the_upgrade(upgrade_server: Server) -> None:
    answer = talk(upgrade_server, GET.replace(b"GET", b"HEAD") + OFFER + b"\r\n", START)
    frames = wire.parse(answer[len(SWITCHING) :])
    (head,) = (f for f in frames if f.type == Type.HEADERS)
    assert (head.stream_id, head.has(Flag.END_STREAM)) == (1, True)
    assert int(dict(wire.decode(head.fragment))[b"content-length"]) > 0


def test_100_continue_comes_before_101(upgrade_server: Server) -> None:
    post = (
        GET.replace(b"GET", b"PUT") + OFFER + b"Content-Length: 5\r\nExpect: 100-continue\r\n\r\n"
    )
    with connected(upgrade_server) as sock:
        sock.sendall(post)
        assert until(sock, b"\r\n\r\n") == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"12345")
        heard = until(sock, b"}\n")
        assert heard.startswith(SWITCHING)
        assert told(wire.parse(heard[len(SWITCHING) :]), 1)["content_length"] == 5


@pytest.mark.parametrize(
    "request_head",
    [
        GET,
        GET + OFFER.replace(b"h2c", b"h2"),
        GET + OFFER.replace(b"h2c", b"websocket"),
        GET + OFFER.replace(b"HTTP2-Settings: AAMAAABk\r\n", b""),
        GET + OFFER + b"HTTP2-Settings: AAMAAABk\r\n",
        GET + OFFER.replace(b"Connection: Upgrade, HTTP2-Settings", b"Connection: Upgrade"),
        GET + OFFER.replace(b"Connection: Upgrade,", b"Connection:"),
        (GET + OFFER).replace(b"HTTP/1.1", b"HTTP/1.0"),
    ],
    ids=[
        "no offer",
        "h2 is for TLS",
        "another protocol",
        "no settings",
        "settings twice",
        "settings that may be another's",
        "upgrade that may be another's",
        "HTTP/1.0",
    ],
)
def test_no_upgrade_where_the_rfc_forbids_it(upgrade_server: Server, request_head: bytes) -> None:
    status, content = older_answer(talk(upgrade_server, request_head + b"\r\n"))
    assert status == b"HTTP/1.1 200 OK"
    assert (content["http_version"], content["agreed_by"]) == ("1.1", None)


def test_an_offer_that_is_spelled_otherwise(upgrade_server: Server) -> None:
    offer = b"connection: http2-settings\r\nCONNECTION:keep-alive ,UPGRADE\r\nupgrade: foo, H2C\r\n"
    answer = talk(upgrade_server, GET + offer + b"http2-settings: AAMAAABk\r\n\r\n")
    assert answer.startswith(SWITCHING)


def test_an_upgrade_with_the_second_request(upgrade_server: Server) -> None:
    with connected(upgrade_server) as sock:
        sock.sendall(GET + b"\r\n")
        assert until(sock, b"}\n").startswith(b"HTTP/1.1 200 OK\r\n")
        sock.sendall(GET + OFFER + b"\r\n")
        assert until(sock, b"}\n").startswith(SWITCHING)


@pytest.mark.parametrize(
    ("nonsense", "status"),
    [
        (GET + OFFER.replace(b"AAMAAABk", b"A!") + b"\r\n", b"400 Bad Request"),
        (GET + OFFER.replace(b"AAMAAABk", b"AAMAAABkAA") + b"\r\n", b"400 Bad Request"),
        (GET + OFFER.replace(b"AAMAAABk", b"AAIAAAAC") + b"\r\n", b"400 Bad Request"),
        (b"GET /\r\n\r\n", b"400 Bad Request"),
        (b"\x16\x03\x01\x02\x00\x01\x00" + bytes(200), b"400 Bad Request"),
        (b"GET / HTTP/1.1\r\n\r\n", b"400 Bad Request"),
        (b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", b"505 HTTP Version Not Supported"),
        (GET + b"X: " + b"x" * 70_000, b"431 Request Header Fields Too Large"),
        (GET.replace(b"GET", b"DELETE") + b"\r\n", b"405 Method Not Allowed"),
        (b"CONNECT x:1 HTTP/1.1\r\nHost: x:1\r\n\r\n", b"405 Method Not Allowed"),
    ],
    ids=[
        "settings are no base64",
        "settings are cut off",
        "settings have a bad value",
        "HTTP/0.9",
        "TLS",
        "no Host",
        "broken preface",
        "endless fields",
        "DELETE",
        "CONNECT",
    ],
)
def test_bad_requests_in_http11(upgrade_server: Server, nonsense: bytes, status: bytes) -> None:
    answer = talk(upgrade_server, nonsense)
    assert answer.startswith(b"HTTP/1.1 " + status + b"\r\n")
    head, _, content = answer.partition(b"\r\n\r\n")
    assert f"content-length: {len(content)}".encode() in head.lower()


def test_clients_that_vanish_before_it_is_clear_what_they_speak(upgrade_server: Server) -> None:
    for start in (b"", b"P", wire.PREFACE[:20], GET, GET + OFFER + b"Content-Length: 9\r\n\r\n1"):
        with connected(upgrade_server) as sock:
            sock.sendall(start)
    assert older_answer(talk(upgrade_server, GET + b"\r\n"))[0] == b"HTTP/1.1 200 OK"


# --- HTTP/2, however it was negotiated ------------------------------------------------------------


def test_a_cancelled_request_is_not_answered_and_harms_no_other(server: Server) -> None:
    post = wire.headers(5, wire.POST) + wire.data(5, b"half")
    frames = wire.parse(
        talk(server, START, get(1), wire.rst_stream(1), get(3), post, wire.rst_stream(5), get(7))
    )
    assert answered(frames) == [3, 7]


def test_a_response_waits_for_its_window(server: Server) -> None:
    no_window = wire.PREFACE + wire.settings((Setting.INITIAL_WINDOW_SIZE, 0)) + get(1)
    assert answered(wire.parse(talk(server, no_window))) == []
    frames = wire.parse(talk(server, no_window, wire.window_update(1, 5)))
    assert [f.data for f in frames if f.type == Type.DATA] == [b'{\n  "']
    opened = wire.settings((Setting.INITIAL_WINDOW_SIZE, 65_535))
    assert answered(wire.parse(talk(server, no_window, opened))) == [1]


def test_a_response_that_is_cancelled_half_way_harms_no_other(server: Server) -> None:
    start = b'{\n  "'  # of every response's JSON
    with connected(server) as sock:
        window = wire.settings((Setting.INITIAL_WINDOW_SIZE, len(start)))
        sock.sendall(wire.PREFACE + window + get(1) + get(3) + wire.ping())
        assert until(sock, wire.ping(ack=True)).count(start) == 2
        sock.sendall(wire.rst_stream(1) + wire.window_update(3, 1000))
        sock.shutdown(socket.SHUT_WR)
        assert answered(wire.parse(rest_of(sock))) == [3]


def test_padding_and_trailers(server: Server) -> None:
    # Without credit for padding, the client would have to stop.
    start = START + wire.headers(1, wire.POST)
    end = wire.headers(1, wire.TRAILERS, end_stream=True)
    frames = wire.parse(talk(server, start, wire.data(1, b"x", pad=255) * 200, end))
    assert told(frames, 1)["content_length"] == 200
    updates = [f for f in frames if f.type == Type.WINDOW_UPDATE and f.stream_id == 0]
    assert sum(update.increment for update in updates) > 20_000


def test_methods_that_are_not_served(server: Server) -> None:
    connect = ((b":method", b"CONNECT"), (b":authority", b"example.com:1"))
    delete = ((b":method", b"DELETE"), *wire.REQUEST[1:])
    frames = wire.parse(
        talk(server, START, wire.headers(1, connect), wire.headers(3, delete, end_stream=True))
    )
    heads = [f for f in frames if f.type == Type.HEADERS]
    assert [f.stream_id for f in heads] == [1, 3]
    assert dict(wire.decode(heads[0].fragment))[b":status"] == b"405"


def test_100_continue_in_http2(server: Server) -> None:
    fields = (*wire.POST, (b"expect", b"100-continue"))
    cancelled = wire.headers(3, fields) + wire.rst_stream(3)
    rest = wire.data(1, b"x", end_stream=True)
    frames = wire.parse(talk(server, START, wire.headers(1, fields), rest, cancelled))
    heads = [f for f in frames if f.type == Type.HEADERS]
    assert [f.stream_id for f in heads] == [1, 1]
    assert dict(wire.decode(heads[0].fragment))[b":status"] == b"100"


@pytest.mark.parametrize(("offense", "code"), OFFENSES)
def test_an_offender_is_told_and_hung_up_on(server: Server, offense: bytes, code: Code) -> None:
    *_, last = wire.parse(talk(server, START, offense, get(1), bytes(500_000)))
    assert (last.type, last.error_code) == (Type.GOAWAY, code)


def test_http11_where_only_http2_is_spoken() -> None:
    with server_of("prior_knowledge") as server:
        *_, last = wire.parse(talk(server, GET + b"\r\n"))
        assert (last.type, last.error_code) == (Type.GOAWAY, Code.PROTOCOL_ERROR)
        assert server.stop() == ("", "")


# --- Ctrl+C --------------------------------------------------------------------------------------


def connect_to(server: Server, way: str, certificates: Certificate) -> socket.socket:
    sock = connected(server)
    if way != "tls":
        return sock
    context = ssl.create_default_context(cafile=certificates.authority)
    context.set_alpn_protocols(["h2"])
    return context.wrap_socket(sock, server_hostname="localhost")


@pytest.mark.parametrize("way", ["tls", "prior_knowledge", "upgrade"])
def test_ctrl_c_lets_requests_finish(way: str, certificates: Certificate) -> None:
    options = ["--certificates", str(certificates.authority.parent)] if way == "tls" else []
    begun = wire.headers(3, wire.POST) + wire.data(3, b"first ")
    with server_of(way, *options) as server:
        with connect_to(server, way, certificates) as sock:
            if way == "upgrade":
                sock.sendall(GET + OFFER + b"\r\n")
                until(sock, b"}\n")
                sock.sendall(START + begun)
            else:
                sock.sendall(START + get(1) + begun)
                until(sock, b"}\n")
            sock.sendall(wire.ping())
            until(sock, wire.ping(ack=True))
            server.interrupt()
            goodbye, ping = wire.parse(until(sock, b"goodbye?"))
            assert (goodbye.type, goodbye.error_code) == (Type.GOAWAY, Code.NO_ERROR)
            assert goodbye.last_stream_id == FOREVER
            # One request is in progress, and another one was sent before the client knew.
            sock.sendall(get(5) + wire.ping(ping.payload, ack=True))
            heard = until(sock, wire.goaway(5))
            # A third one is too late; the first one completes.
            sock.sendall(get(7) + wire.data(3, b"second", end_stream=True))
            frames = wire.parse(heard + rest_of(sock))
        assert answered(frames) == [5, 3]
        assert told(frames, 3)["content_length"] == len("first second")
        out, err = server.finish()
        assert (server.process.returncode, out, err) == (0, "", "")


def test_ctrl_c_does_not_wait_for_ever() -> None:
    with server_of("prior_knowledge") as server:
        with connected(server) as sock:
            # A request that never ends, of a client that does not answer.
            sock.sendall(START + wire.headers(1, wire.POST) + wire.ping())
            until(sock, wire.ping(ack=True))
            server.interrupt()
            *_, first, ping, last = wire.parse(rest_of(sock))
        assert (first.last_stream_id, ping.type) == (FOREVER, Type.PING)
        assert (last.type, last.last_stream_id) == (Type.GOAWAY, 1)
        out, err = server.finish()
        assert (server.process.returncode, out, err) == (0, "", "")


def test_ctrl_c_lets_an_upgrading_request_finish() -> None:
    head = GET.replace(b"GET", b"POST") + OFFER + b"Content-Length: 5\r\nExpect: 100-continue\r\n"
    with server_of("upgrade") as server:
        with connected(server) as idle, connected(server) as sock:
            idle.sendall(GET + b"\r\n")
            until(idle, b"}\n")
            sock.sendall(head + b"\r\n")
            until(sock, b"100 Continue\r\n\r\n")
            server.interrupt()
            assert idle.recv(1) == b""  # no request is in progress on this connection
            sock.settimeout(0.5)
            with pytest.raises(TimeoutError):
                sock.recv(1)  # on this one the server waits for the rest
            sock.settimeout(TIMEOUT)
            sock.sendall(b"12345")
            heard = until(sock, b"}\n")
            assert heard.startswith(SWITCHING)
            sock.sendall(START + wire.ping(b"goodbye?", ack=True))
            frames = wire.parse(heard[len(SWITCHING) :] + rest_of(sock))
        assert told(frames, 1)["content_length"] == 5
        assert [f.last_stream_id for f in frames if f.type == Type.GOAWAY] == [FOREVER, 1]
        out, err = server.finish()
        assert (server.process.returncode, out, err) == (0, "", "")
