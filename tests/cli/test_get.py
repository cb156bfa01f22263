"""`python -m h2 get` in this process, with scripted servers."""

from __future__ import annotations

import contextlib
import functools
import os
import re
import select
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import h2.config
from h2._cli import content
from h2._cli.arguments import main
from h2._cli.channel import Channel
from h2.config import H2Configuration
from h2.limits import AbuseLimits
from support import wire
from support.processes import TIMEOUT, free_port
from support.scripted import Client, scripted
from support.wire import Code, Flag, Setting, Type

if TYPE_CHECKING:
    from examples.common.certificate import Certificate

OK = wire.headers(1, wire.RESPONSE)
Script = Callable[[Client], None]
Get = Callable[..., tuple[int, bytes, str]]


@pytest.fixture
def get(capfdbinary: pytest.CaptureFixture[bytes]) -> Get:
    """Run the command; exit status, standard output, standard error."""

    def run(*arguments: object) -> tuple[int, bytes, str]:
        status = main(["get", *map(str, arguments)])
        out, err = capfdbinary.readouterr()
        return status, out, err.decode()

    return run


def from_server(get: Get, script: Script, *arguments: object) -> tuple[int, bytes, str]:
    """Run the command with a scripted server."""
    with scripted(script) as port:
        return get(*arguments, f"http://127.0.0.1:{port}/x?y#z")


def answering(*parts: bytes) -> Script:
    """A server that answers with these bytes, and waits for the client to disconnect."""

    def script(client: Client) -> None:
        client.request()
        client.send(*parts)
        client.bye()

    return script


def closing(*parts: bytes) -> Script:
    """A server that answers with these bytes, and disconnects."""

    def script(client: Client) -> None:
        client.request()
        client.send(*parts)
        client.hang_up()

    return script


# --- requests and responses ---


def test_a_request_and_its_response(get: Get) -> None:
    seen: list[Any] = []

    def script(client: Client) -> None:
        request = client.request()
        seen.extend([request.has(Flag.END_STREAM), dict(wire.decode(request.fragment))])
        client.send(OK, wire.data(1, b"\0\xff bin"), wire.data(1, b"ary", end_stream=True))
        assert client.bye().error_code == Code.NO_ERROR
        settings = next(frame for frame in client.frames if frame.type == Type.SETTINGS)
        assert dict(settings.settings)[Setting.ENABLE_PUSH] == 0

    assert from_server(get, script) == (0, b"\0\xff binary", "")
    end_stream, fields = seen
    assert end_stream
    assert fields[b":path"] == b"/x?y"
    assert fields[b":scheme"] == b"http"


def test_include_shows_everything_that_a_response_has(get: Get) -> None:
    hints = wire.headers(1, [(b":status", b"103"), (b"link", b"</a>")])
    trailers = wire.headers(1, [(b"sum", b"1")], end_stream=True)
    script = answering(hints, OK, wire.data(1, b"content"), trailers)
    assert from_server(get, script) == (0, b"content", "")
    status, out, _ = from_server(get, script, "-i")
    assert status == 0
    assert out == b"HTTP/2 103\r\nlink: </a>\r\n\r\nHTTP/2 200\r\n\r\ncontentsum: 1\r\n\r\n"


def test_head(get: Get) -> None:
    fields = [*wire.RESPONSE, (b"content-length", b"7")]
    script = answering(wire.headers(1, fields, end_stream=True))
    assert from_server(get, script, "-I") == (0, b"HTTP/2 200\r\ncontent-length: 7\r\n\r\n", "")


def test_output_to_a_file(get: Get, tmp_path: Path) -> None:
    file = tmp_path / "file"
    script = answering(OK, wire.data(1, b"content", end_stream=True))
    assert from_server(get, script, "-o", file) == (0, b"", "")
    assert file.read_bytes() == b"content"
    empty = answering(wire.headers(1, wire.RESPONSE, end_stream=True))
    assert from_server(get, empty, "-o", file) == (0, b"", "")
    assert file.read_bytes() == b""
    assert from_server(get, script, "-o", "-") == (0, b"content", "")


def test_what_has_been_dealt_with_is_acknowledged_with_its_padding(get: Get) -> None:
    size = 5_000_000

    def script(client: Client) -> None:
        client.request()
        client.send(OK)
        left, windows = size, {0: 65_535, 1: 65_535}
        settings = next(frame for frame in client.frames if frame.type == Type.SETTINGS)
        windows[1] = dict(settings.settings)[Setting.INITIAL_WINDOW_SIZE]
        windows[0] += sum(f.increment for f in client.frames if f.type == Type.WINDOW_UPDATE)
        while left:
            part = min(left, 1_000)
            while min(windows.values()) < part + 256:
                update = client.until(lambda frame: frame.type == Type.WINDOW_UPDATE)
                windows[update.stream_id] += update.increment
            left -= part
            client.send(wire.data(1, bytes(part), pad=255, end_stream=not left))
            windows = {stream: window - part - 256 for stream, window in windows.items()}
        client.bye()

    assert from_server(get, script) == (0, bytes(size), "")


def test_windows_and_priorities_of_the_server_change_nothing(get: Get) -> None:
    script = answering(
        wire.window_update(1, 1), wire.priority(1), OK, wire.data(1, b"fine", end_stream=True)
    )
    assert from_server(get, script) == (0, b"fine", "")


def test_a_reset_after_the_response_is_no_failure(get: Get) -> None:
    end = wire.data(1, b"enough", end_stream=True) + wire.rst_stream(1, Code.NO_ERROR)
    assert from_server(get, answering(OK, end), "-d", "x" * 10) == (0, b"enough", "")


def test_a_goaway_that_lets_the_request_through_is_no_failure(get: Get) -> None:
    end = wire.goaway(1) + wire.data(1, b"fine", end_stream=True)
    assert from_server(get, closing(OK, end)) == (0, b"fine", "")


def test_a_fault_after_the_response_is_no_failure(get: Get) -> None:
    end = wire.data(1, b"fine", end_stream=True) + wire.frame(Type.PING)
    assert from_server(get, answering(OK, end)) == (0, b"fine", "")


@pytest.mark.parametrize("before", [(OK, wire.data(1, b"all", end_stream=True)), (OK,), ()])
def test_a_fault_of_the_server_is_told_once(get: Get, before: tuple[bytes, ...]) -> None:
    after: list[Any] = []

    def script(client: Client) -> None:
        client.request()
        client.send(*before, wire.data(0, b"no stream"))
        client.bye()
        client.hang_up()
        after.extend(client.frames)

    status, out, _ = from_server(get, script, "--data", "x")
    assert (status, out) == ((0, b"all") if len(before) == 2 else (16, b""))
    goaways = [frame.error_code for frame in after if frame.type == Type.GOAWAY]
    assert goaways == [Code.PROTOCOL_ERROR]


def test_a_verbose_log_shows_both_directions(get: Get) -> None:
    script = answering(
        wire.altsvc(0, b"http://a", b"clear"), OK, wire.data(1, b"", end_stream=True)
    )
    status, _, err = from_server(get, script, "-v")
    assert status == 0
    for pattern in (
        r"^\* connected to 127\.0\.0\.1 port \d+$",
        r"^ +\d\.\d{4}  -->  \(preface\) +24 +PRI \* HTTP/2\.0$",
        r"^ +\d\.\d{4}  -->  SETTINGS +0 +\d+\n( {16}\w+ = \d+\n)* {16}ENABLE_PUSH = 0$",
        r"^ +\d\.\d{4}  -->  HEADERS +1 +\d+  END_STREAM END_HEADERS\n {16}:method: GET$",
        r"^ +\d\.\d{4}  <--  ALTSVC +0 +15 +http://a clear$",
        r"^ +\d\.\d{4}  <--  HEADERS +1 +\d+  END_HEADERS\n {16}:status: 200$",
        r"^ +\d\.\d{4}  -->  GOAWAY +0 +8 +last stream 0, NO_ERROR$",
    ):
        assert re.search(pattern, err, re.MULTILINE), pattern
    assert "\x1b" not in err


# --- content of requests ---


def collecting(collected: list[bytes], *settings: tuple[int, int]) -> Script:
    """A server that receives a request under flow control, and answers."""

    def script(client: Client) -> None:
        client.send(wire.settings(*settings))
        # Until the client has received the settings, the initial window applies.
        left = max(dict(settings).get(Setting.INITIAL_WINDOW_SIZE, 0), 65_535)
        left_of_all = 65_535
        while True:
            frame = client.until(lambda frame: frame.type in {Type.DATA, Type.HEADERS})
            if frame.type == Type.DATA:
                left -= len(frame.payload)
                left_of_all -= len(frame.payload)
                assert min(left, left_of_all) >= 0
                collected.append(frame.data)
                if frame.payload and not frame.has(Flag.END_STREAM):
                    left += len(frame.payload)
                    left_of_all += len(frame.payload)
                    client.send(wire.window_update(1, len(frame.payload)))
                    client.send(wire.window_update(0, len(frame.payload)))
            if frame.has(Flag.END_STREAM):
                break
        client.send(wire.headers(1, wire.RESPONSE, end_stream=True))
        client.bye()

    return script


@pytest.mark.parametrize("window", [1000, 20_000, 65_535, 10_000_000])
def test_an_upload_keeps_to_the_windows(get: Get, tmp_path: Path, window: int) -> None:
    file = tmp_path / "file"
    file.write_bytes(os.urandom(300_000))
    collected: list[bytes] = []
    script = collecting(collected, (Setting.INITIAL_WINDOW_SIZE, window))
    assert from_server(get, script, "-T", file) == (0, b"", "")
    assert b"".join(collected) == file.read_bytes()
    assert max(map(len, collected)) <= 16_384
    assert len(collected[-2]) <= window


def test_a_file_that_grows_is_sent_as_long_as_it_was(get: Get, tmp_path: Path) -> None:
    file = tmp_path / "file"
    before = os.urandom(100_000)
    file.write_bytes(before)
    collected: list[bytes] = []

    def script(client: Client) -> None:
        client.request()
        client.until(lambda frame: frame.type == Type.DATA)
        with file.open("ab") as more:
            more.write(bytes(50_000))
        client.send(wire.window_update(0, 500_000), wire.window_update(1, 500_000))
        collected.append(client.content())
        client.send(wire.headers(1, wire.RESPONSE, end_stream=True))
        client.bye()

    assert from_server(get, script, "-T", file) == (0, b"", "")
    assert collected == [before]


def test_data_of_the_command_line_and_none(get: Get) -> None:
    collected: list[bytes] = []
    assert from_server(get, collecting(collected), "-d", "a=ä", "-d", "b")[0] == 0
    assert b"".join(collected) == "a=ä&b".encode()
    collected.clear()
    assert from_server(get, collecting(collected), "-d", "")[0] == 0
    assert collected == []


@pytest.mark.parametrize("every", [15, 16, 17, 18])
def test_a_socket_that_takes_nothing_now_and_then(
    get: Get, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, every: int
) -> None:
    file = tmp_path / "file"
    file.write_bytes(os.urandom(3_000_000))
    real, turn, most = Channel._send, 0, 0

    def send(channel: Channel, data: bytearray) -> int:
        nonlocal turn, most
        turn += 1
        most = max(most, len(data))
        if turn % every:
            channel.blocked = True
            return 0
        return real(channel, data)

    collected: list[bytes] = []

    def script(client: Client) -> None:
        client.send(
            wire.settings((Setting.INITIAL_WINDOW_SIZE, 2**30)), wire.window_update(0, 2**30)
        )  # fmt: skip
        collected.append(client.content())
        client.send(wire.headers(1, wire.RESPONSE, end_stream=True))

    monkeypatch.setattr(Channel, "_send", send)
    assert from_server(get, script, "-m", "80", "-T", file) == (0, b"", "")
    assert collected == [file.read_bytes()]
    assert most < 300_000  # the file is read no further before this was sent


class Stdin:
    """Replaces standard input."""

    def __init__(self, buffer: Any) -> None:
        self.buffer = buffer


def test_an_upload_from_a_pipe_goes_out_as_it_comes(
    get: Get, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, writing = os.pipe()
    collected: list[bytes] = []

    def script(client: Client) -> None:
        client.request()
        os.write(writing, b"one")
        client.until(lambda frame: frame.type == Type.DATA)
        os.write(writing, b"two")
        client.until(lambda frame: frame.type == Type.DATA)
        os.close(writing)
        collected.append(client.content())
        client.send(wire.headers(1, wire.RESPONSE, end_stream=True))
        client.bye()

    with open(reading, "rb") as pipe:
        monkeypatch.setattr(sys, "stdin", Stdin(pipe))
        assert from_server(get, script, "-T", "-") == (0, b"", "")
        assert not pipe.closed
    assert collected == [b"onetwo"]


def test_a_pipe_has_to_wait_for_the_window(get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    data = os.urandom(200_000)
    collected: list[bytes] = []
    waiting = threading.Event()  # on the server, not on the pipe
    real = select.select

    def observed(readers: list[Any], *others: Any) -> Any:
        if len(readers) == 1:
            waiting.set()
        return real(readers, *others)

    def script(client: Client) -> None:
        client.request()
        sent = 0
        while sent < 65_535:
            sent += len(client.until(lambda frame: frame.type == Type.DATA).payload)
        assert waiting.wait(TIMEOUT)
        client.send(wire.window_update(0, 200_000), wire.window_update(1, 200_000))
        collected.append(client.content())
        client.send(wire.headers(1, wire.RESPONSE, end_stream=True))
        client.bye()

    def fill() -> None:
        with open(writing, "wb") as pipe:
            pipe.write(data)

    writer = threading.Thread(target=fill)
    writer.start()
    with open(reading, "rb") as pipe:
        monkeypatch.setattr(sys, "stdin", Stdin(pipe))
        monkeypatch.setattr(select, "select", observed)
        assert from_server(get, script, "-T", "-") == (0, b"", "")
    writer.join()
    assert collected == [data]


def test_an_answer_that_does_not_wait_for_the_upload(
    get: Get, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, writing = os.pipe()

    def script(client: Client) -> None:
        client.request()
        client.send(wire.headers(1, [(b":status", b"413")]), wire.data(1, b"no", end_stream=True))
        reset = client.until(lambda frame: frame.type == Type.RST_STREAM)
        assert reset.error_code == Code.CANCEL

    with open(reading, "rb") as pipe, open(writing, "wb"):
        monkeypatch.setattr(sys, "stdin", Stdin(pipe))
        assert from_server(get, script, "-T", "-") == (0, b"no", "")


def test_where_pipes_cannot_be_waited_for_they_are_read(
    get: Get, monkeypatch: pytest.MonkeyPatch
) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"all of it")
    os.close(writing)
    monkeypatch.setattr(content, "CAN_WAIT_FOR_PIPES", False)
    collected: list[bytes] = []
    with open(reading, "rb") as pipe:
        monkeypatch.setattr(sys, "stdin", Stdin(pipe))
        assert from_server(get, collecting(collected), "-T", "-") == (0, b"", "")
    assert b"".join(collected) == b"all of it"


def test_standard_input_that_is_a_file_goes_on_where_it_is(
    get: Get, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"0123456789")
    collected: list[bytes] = []
    with (tmp_path / "file").open("rb") as file:
        file.seek(4)
        monkeypatch.setattr(sys, "stdin", Stdin(file))
        assert from_server(get, collecting(collected), "-d", "@-") == (0, b"", "")
    assert b"".join(collected) == b"456789"


def test_a_file_that_becomes_shorter_or_cannot_be_read(
    get: Get, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(200_000))

    def script(client: Client) -> None:
        client.request()
        client.until(lambda frame: frame.type == Type.DATA)
        os.truncate(file, 70_000)
        client.send(wire.window_update(0, 1_000_000), wire.window_update(1, 1_000_000))
        client.bye()

    status, _, err = from_server(get, script, "-T", file)
    assert status == 26
    assert re.fullmatch(rf"h2: \(26\) {file} ended after \d+ of 200000 bytes\n", err)
    missing = tmp_path / "missing"
    assert get("-T", missing, "http://127.0.0.1:1/") == (
        26, b"", f"h2: (26) Could not open {missing}: No such file or directory\n"
    )  # fmt: skip

    def broken(_source: content.Source, _amount: int) -> bytes:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(content.Source, "_read", broken)
    status, _, err = from_server(get, answering(), "-d", "x")
    assert (status, err) == (26, "h2: (26) Could not read --data: Input/output error\n")


# --- failures ---


@pytest.mark.parametrize(
    ("script", "arguments", "status", "message"),
    [
        (closing(), [], 52, "Empty reply from server"),
        (closing(OK, wire.data(1, b"abc")), [], 18,
         "Transfer closed with outstanding data remaining to read"),
        (closing(wire.headers(1, [*wire.RESPONSE, (b"content-length", b"10")]),
                 wire.data(1, b"abc")), [], 18, "Transfer closed with 7 bytes remaining to read"),
        (answering(wire.headers(1, [(b":status", b"404")])), ["-f"], 22,
         "The requested URL returned error: 404"),
        (answering(wire.rst_stream(1, Code.INTERNAL_ERROR)), [], 92,
         "HTTP/2 stream 1 was not closed cleanly: INTERNAL_ERROR"),
        (answering(OK, wire.rst_stream(1, Code.NO_ERROR)), [], 92,
         "HTTP/2 stream 1 was not closed cleanly: NO_ERROR"),
        (answering(wire.rst_stream(1, 0xABC)), [], 92,
         "HTTP/2 stream 1 was not closed cleanly: 0xabc"),
        (answering(wire.rst_stream(1, Code.REFUSED_STREAM)), [], 92,
         "The server refused the request (REFUSED_STREAM): it was not processed and can be"),
        (answering(wire.window_update(1, 0)), [], 92,
         "The response violates HTTP/2; the stream was reset with PROTOCOL_ERROR"),
        (answering(wire.goaway(0, Code.ENHANCE_YOUR_CALM, b"too\x1bmany")), [], 16,
         r"The server refused the request, sending GOAWAY with ENHANCE_YOUR_CALM (too\x1bmany)"),
        (closing(wire.goaway(1, Code.INTERNAL_ERROR)), [], 16,
         "The server ended the connection: GOAWAY with INTERNAL_ERROR"),
        (answering(wire.frame(Type.PING)), [], 16, "Error in the HTTP/2 framing layer: "),
        (answering(wire.push_promise(1, 2)), [], 16, "Error in the HTTP/2 framing layer: "),
    ],
)  # fmt: skip
def test_failures(
    get: Get, script: Script, arguments: list[str], status: int, message: str
) -> None:
    found, _, err = from_server(get, script, *arguments)
    assert found == status
    assert err.startswith(f"h2: ({status}) {message}")


def test_what_came_before_a_failure_is_handed_on(get: Get) -> None:
    status, out, _ = from_server(get, closing(OK, wire.data(1, b"abc")))
    assert (status, out) == (18, b"abc")
    faulty = wire.data(1, b"def") + wire.frame(Type.PING)
    status, out, _ = from_server(get, answering(OK, wire.data(1, b"abc"), faulty))
    assert (status, out) == (16, b"abcdef")


def test_a_server_of_http_1(get: Get) -> None:
    def script(client: Client) -> None:
        client.sock.recv(65536)
        client.send(b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n")

    status, _, err = from_server(get, script, "-v")
    assert status == 16
    assert (
        "h2: (16) The server answers in HTTP/1 and does not speak HTTP/2 without TLS: HTTP/1.1"
        in err
    )
    assert "error: this is HTTP/1, not HTTP/2" in err


def test_a_frame_that_never_comes_whole_is_in_the_log(get: Get) -> None:
    status, _, err = from_server(get, closing(OK, wire.data(1, b"abc")[:-1]), "-v")
    assert status == 18
    assert "error: frame is truncated: 2 of 3 octets of its payload\n" in err


def test_silence(get: Get) -> None:
    assert from_server(get, closing(), "-s") == (52, b"", "")
    assert from_server(get, closing(), "-sS")[2] == "h2: (52) Empty reply from server\n"


def test_a_header_field_that_cannot_be_sent(get: Get) -> None:
    def script(client: Client) -> None:
        client.sock.recv(65536)

    status, _, err = from_server(get, script, "-H", "x y: z")
    assert status == 2
    assert err.startswith("h2: (2) The request cannot be sent over HTTP/2: ")


def test_a_server_that_does_not_read_the_answers_it_asks_for(
    get: Get, monkeypatch: pytest.MonkeyPatch
) -> None:
    # If its PINGs exceeded a limit at once, the failure would be a different one.
    without = functools.partial(H2Configuration, limits=AbuseLimits.off())
    monkeypatch.setattr(h2.config, "H2Configuration", without)
    pings = wire.ping() * 5000

    def script(client: Client) -> None:
        client.request()
        with contextlib.suppress(ConnectionError):
            for _ in range(600):  # 50 MB
                client.send(pings)
            raise AssertionError("the client keeps all its answers")

    status, _, err = from_server(get, script)
    text = "The server keeps requesting answers without reading them"
    assert (status, err) == (55, f"h2: (55) {text}\n")


def test_a_connection_that_breaks(get: Get) -> None:
    def script(client: Client) -> None:
        client.request()
        client.until(lambda frame: frame.type == Type.SETTINGS and frame.has(Flag.ACK))
        client.break_off()

    status, _, err = from_server(get, script)
    assert (status, err) == (56, "h2: (56) Failed to receive: Connection reset by peer\n")


def test_a_connection_that_breaks_after_a_goodbye(get: Get) -> None:
    def script(client: Client) -> None:
        client.request()
        # The acknowledgment shows that the client has read all this.
        client.send(wire.goaway(1, Code.INTERNAL_ERROR), wire.ping())
        client.until(lambda frame: frame.type == Type.PING)
        client.break_off()

    status, _, err = from_server(get, script)
    assert status == 16
    assert err == "h2: (16) The server ended the connection: GOAWAY with INTERNAL_ERROR\n"


def test_a_connection_that_breaks_while_there_is_something_to_send(
    get: Get, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def break_off(*_arguments: object) -> int:
        raise BrokenPipeError(32, "Broken pipe")

    # What the server sent before it disconnected can still be read.
    said = threading.Event()

    def script(client: Client) -> None:
        client.send(wire.settings())
        said.wait()

    real = socket.socket.recv

    def recv(sock: socket.socket, amount: int) -> bytes:
        said.set()
        return real(sock, amount)

    file = tmp_path / "file"
    file.write_bytes(bytes(1000))
    with scripted(script) as port:
        monkeypatch.setattr("h2._cli.channel.Channel._send", break_off)
        monkeypatch.setattr(socket.socket, "recv", recv)
        status, _, err = get("-T", file, f"http://127.0.0.1:{port}/")
    assert (status, err) == (55, "h2: (55) Failed to send: Broken pipe\n")


def test_a_break_in_both_directions_is_one_of_sending(
    get: Get, monkeypatch: pytest.MonkeyPatch
) -> None:
    def break_off(*_arguments: object) -> int:
        raise ConnectionResetError(104, "Connection reset by peer")

    with scripted(lambda client: None) as port:
        monkeypatch.setattr("h2._cli.channel.Channel._send", break_off)
        monkeypatch.setattr("h2._cli.channel.Channel._recv", break_off)
        status, _, err = get(f"http://127.0.0.1:{port}/")
    assert (status, err) == (55, "h2: (55) Failed to send: Connection reset by peer\n")


def test_nobody_listens(get: Get) -> None:
    port = free_port()
    status, _, err = get(f"http://127.0.0.1:{port}/")
    assert status == 7
    assert err == f"h2: (7) Failed to connect to 127.0.0.1 port {port}: Connection refused\n"


def test_no_such_host(get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    status, _, err = get("http://no-such-host.invalid/")
    assert (status, err) == (6, "h2: (6) Could not resolve host: no-such-host.invalid\n")
    assert get("http://" + "a" * 70 + ".invalid/")[0] == 6
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [])
    assert "it has no address" in get("http://localhost/")[2]


def test_the_next_address_is_tried(get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    real = socket.getaddrinfo

    def two(host: str, port: int, **keywords: Any) -> list[Any]:
        return real("127.0.0.1", free_port(), **keywords) + real(host, port, **keywords)

    monkeypatch.setattr(socket, "getaddrinfo", two)
    assert from_server(get, answering(OK, wire.data(1, b"here", end_stream=True)))[1] == b"here"


def test_time_outs(get: Get) -> None:
    status, _, err = from_server(get, answering(), "-m", "0.5")
    assert status == 28
    assert re.fullmatch(r"h2: \(28\) Operation timed out after \d+ milliseconds\n", err)
    with socket.create_server(("127.0.0.1", 0)) as listener:  # never sends anything
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/"
        status, _, err = get("--connect-timeout", "0.2", url)
        assert status == 28
        assert re.fullmatch(r"h2: \(28\) Connection timed out after \d+ milliseconds\n", err)
        status, _, err = get("-m", "0.2", url)
        assert re.fullmatch(r"h2: \(28\) Operation timed out after \d+ milliseconds\n", err)


def test_a_connection_that_is_not_accepted_in_time(
    get: Get, monkeypatch: pytest.MonkeyPatch
) -> None:
    def connect(sock: socket.socket, _address: object) -> None:
        time.sleep(sock.gettimeout() or 0)
        raise TimeoutError("timed out")

    monkeypatch.setattr(socket.socket, "connect", connect)
    status, _, err = get("--connect-timeout", "0.05", "http://127.0.0.1/")
    assert status == 28
    assert err.startswith("h2: (28) Connection timed out after ")


def test_output_that_cannot_be_written(get: Get, tmp_path: Path) -> None:
    script = answering(OK, wire.data(1, b"x", end_stream=True))
    file = tmp_path / "missing" / "file"
    assert from_server(get, script, "-o", file) == (
        23, b"", f"h2: (23) Could not write to {file}: No such file or directory\n"
    )  # fmt: skip
    if Path("/dev/full").exists():
        status, _, err = from_server(get, script, "-o", "/dev/full")
        assert status == 23
        assert err == "h2: (23) Could not write to /dev/full: No space left on device\n"


def test_output_that_nobody_reads(get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    script = answering(OK, wire.data(1, b"x", end_stream=True))
    reading, writing = os.pipe()
    os.close(reading)
    with monkeypatch.context() as patch:
        out = os.fdopen(writing, "w")
        patch.setattr(sys, "stdout", out)
        status, _, err = from_server(get, script)
        out.close()
    assert (status, err) == (23, "")


def test_a_log_that_nobody_reads(get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with monkeypatch.context() as patch:
        err = os.fdopen(writing, "w", 1)
        patch.setattr(sys, "stderr", err)
        assert get("-v", "http://127.0.0.1:1/")[0] == 23
        err.close()


# --- TLS ---


@pytest.fixture
def context(certificates: Certificate) -> ssl.SSLContext:
    from examples.common.certificate import server_context

    return server_context(certificates.authority.parent)


HELLO = answering(OK, wire.data(1, b"hello", end_stream=True))


def test_tls(get: Get, context: ssl.SSLContext, certificates: Certificate) -> None:
    with scripted(HELLO, context) as port:
        url = f"https://localhost:{port}/"
        status, out, err = get("-v", "--cacert", certificates.authority, url)
    assert (status, out) == (0, b"hello")
    assert re.search(r"^\* TLSv1\.3, TLS_\w+, ALPN h2$", err, re.MULTILINE)
    with scripted(HELLO, context) as port:
        assert get("-k", f"https://127.0.0.1:{port}/") == (0, b"hello", "")


def test_a_certificate_that_is_not_trusted(get: Get, context: ssl.SSLContext) -> None:
    with pytest.raises(ssl.SSLError), scripted(HELLO, context) as port:
        status, _, err = get(f"https://localhost:{port}/")
    assert status == 60
    assert err.startswith("h2: (60) SSL certificate problem: ")
    assert err.endswith("; --insecure ignores it\n")


def test_an_authority_that_cannot_be_read(get: Get, tmp_path: Path) -> None:
    status, _, err = get("--cacert", tmp_path / "missing", "https://localhost/")
    assert status == 77
    assert err.endswith("missing: No such file or directory\n")
    (tmp_path / "empty").touch()
    assert get("--cacert", tmp_path / "empty", "https://localhost/")[0] == 77


def test_a_server_that_does_not_speak_tls(get: Get) -> None:
    def script(client: Client) -> None:
        client.sock.recv(65536)
        client.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with scripted(script) as port:
        status, _, err = get(f"https://localhost:{port}/")
    assert status == 35
    assert err.startswith("h2: (35) The server does not speak TLS on this port; try http://\n")


def test_a_server_without_alpn(get: Get, certificates: Certificate) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.chain, certificates.key)
    trust = ["--cacert", certificates.authority]
    with scripted(lambda client: None, context) as port:
        status, _, err = get(*trust, f"https://localhost:{port}/")
    assert status == 35
    assert err.startswith(
        "h2: (35) The server does not offer HTTP/2 (ALPN selected nothing); use --prior-"
    )
    with scripted(HELLO, context) as port:
        url = f"https://localhost:{port}/"
        assert get(*trust, "--prior-knowledge", url) == (0, b"hello", "")
