"""Options of `get` from curl and nghttp, and several URLs at a time."""

from __future__ import annotations

import contextlib
import getpass
import gzip
import io
import re
import socket
import sys
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import hpack
import pytest

from h2._cli import client as client_module
from h2._cli import coding
from h2._cli.arguments import main
from h2._cli.failure import Failure
from h2._cli.resolve import override
from support import wire
from support.processes import free_port
from support.scripted import Client, listening, scripted
from support.wire import Code, Flag, Frame, Setting, Type

if TYPE_CHECKING:
    from examples.common.certificate import Certificate

Fields = dict[bytes, bytes]
#: Answers a request; gets its stream and its fields.
Answer = Callable[[Client, int, Fields], None]
Get = Callable[..., tuple[int, bytes, str]]


@pytest.fixture
def get(capfdbinary: pytest.CaptureFixture[bytes]) -> Get:
    """Run the command; exit status, standard output, standard error."""

    def run(*arguments: object) -> tuple[int, bytes, str]:
        status = main(["get", *map(str, arguments)])
        out, err = capfdbinary.readouterr()
        return status, out, err.decode()

    return run


def serving(answer: Answer, *settings: tuple[int, int]) -> Callable[[socket.socket], None]:
    """A server that passes each request to a function, until the client disconnects."""

    def script(sock: socket.socket) -> None:
        client = Client(sock)
        decoder = hpack.Decoder()
        client.send(wire.settings(*settings))
        while True:
            frame = client.until(lambda f: f.type in {Type.HEADERS, Type.GOAWAY})
            if frame.type == Type.GOAWAY:
                return
            if frame.stream_id and frame.fragment:
                fields = dict(decoder.decode(frame.fragment, raw=True))
                if b":method" in fields:  # others are trailers
                    answer(client, frame.stream_id, fields)

    return script


def content(stream_id: int, data: bytes, *fields: tuple[bytes, bytes], status: int = 200) -> bytes:
    """A response."""
    head = wire.headers(stream_id, [(b":status", b"%d" % status), *fields])
    *most, last = [data[at : at + 16_384] for at in range(0, len(data), 16_384)] or [b""]
    parts = [wire.data(stream_id, part) for part in most]
    return b"".join([head, *parts, wire.data(stream_id, last, end_stream=True)])


def echo(client: Client, stream_id: int, fields: Fields) -> None:
    """Answer with the path."""
    client.send(content(stream_id, fields[b":path"] + b"\n"))


@contextlib.contextmanager
def server(answer: Answer, *settings: tuple[int, int], clients: int = 1) -> Iterator[str]:
    """A server for this many connections, and its URL."""
    with listening(*[serving(answer, *settings)] * clients) as port:
        yield f"http://127.0.0.1:{port}"


def asked(get: Get, *arguments: object) -> Fields:
    """The fields of the request that is sent with these options."""
    seen: list[Fields] = []

    def answer(client: Client, stream_id: int, fields: Fields) -> None:
        seen.append(fields)
        client.send(content(stream_id, b""))

    with server(answer) as url:
        assert get(*arguments, f"{url}/") == (0, b"", "")
    return seen[0]


# --- requests ---


@pytest.mark.parametrize(
    ("arguments", "name", "value"),
    [
        (["-A", "me/1"], b"user-agent", b"me/1"),
        (["-A", ""], b"user-agent", None),
        (["-u", "me:it"], b"authorization", b"Basic bWU6aXQ="),
        (["-r", "0-99"], b"range", b"bytes=0-99"),
        (["-r", "-5"], b"range", b"bytes=-5"),
        (["--urgency", "1"], b"priority", b"u=1"),
        (["--urgency", "1", "--incremental"], b"priority", b"u=1, i"),
        (["--incremental"], b"priority", b"u=3, i"),
        (["--compressed"], b"accept-encoding", b"gzip"),
        ([], b"priority", None),
        ([], b"accept-encoding", None),
    ],
)
def test_fields_of_options(
    get: Get, arguments: list[str], name: bytes, value: bytes | None, monkeypatch: Any
) -> None:
    monkeypatch.setattr(coding, "_zstd", lambda: None)
    assert asked(get, *arguments).get(name) == value


def test_a_password_is_asked_for(get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        getpass, "getpass", lambda prompt: "it" * prompt.startswith("Password for ")
    )
    assert asked(get, "-u", "me")[b"authorization"] == b"Basic bWU6aXQ="


def test_trailers_and_padding(get: Get, tmp_path: Path) -> None:
    seen: list[Frame] = []

    def script(client: Client) -> None:
        client.request()
        client.until(lambda f: f.has(Flag.END_STREAM) and f.type in {Type.DATA, Type.HEADERS})
        seen[:] = [f for f in client.frames if f.stream_id]
        client.send(content(1, b""))
        client.bye()

    def frames(*arguments: object) -> list[Frame]:
        with scripted(script) as port:
            assert get(*arguments, f"http://127.0.0.1:{port}/") == (0, b"", "")
        return seen

    head, data, trailers = frames("--trailer", "X-Sum: 1", "-d", "abc", "--padding", "7")
    assert data.data == b"abc"
    assert data.payload == b"\7abc" + bytes(7)
    assert not data.has(Flag.END_STREAM)
    assert wire.decode(trailers.fragment) == [(b"x-sum", b"1")]
    assert b"content-length" not in dict(wire.decode(head.fragment))
    head, trailers = frames("--trailer", "x-sum: 2")
    assert dict(wire.decode(head.fragment))[b":method"] == b"GET"
    file = tmp_path / "file"
    file.write_bytes(bytes(40_000))
    *_, last = frames("--padding", "255", "-T", file)
    assert sum(len(f.data) for f in seen if f.type == Type.DATA) == 40_000
    assert max(len(f.payload) for f in seen) <= 16_384
    assert last.has(Flag.PADDED)


def test_trailers_that_cannot_be_sent(get: Get) -> None:
    def script(client: Client) -> None:
        client.sock.recv(65536)

    with scripted(script) as port:
        status, _, err = get("--trailer", ":path: /", f"http://127.0.0.1:{port}/")
    assert status == 2
    assert err.startswith("h2: (2) The request cannot be sent over HTTP/2: ")


def test_windows(get: Get) -> None:
    updates: list[Frame] = []

    def script(client: Client) -> None:
        client.request()
        updates[:] = client.frames
        client.send(content(1, b""))
        client.bye()

    for arguments, window, more in (
        ([], 1_048_576, [983_041]),
        (["--window", "1000", "--connection-window", "65535"], 1000, []),
    ):
        with scripted(script) as port:
            assert get(*arguments, f"http://127.0.0.1:{port}/") == (0, b"", "")
        settings = next(f for f in updates if f.type == Type.SETTINGS)
        assert dict(settings.settings)[Setting.INITIAL_WINDOW_SIZE] == window
        assert [f.increment for f in updates if f.type == Type.WINDOW_UPDATE] == more


# --- several URLs ---


def test_several_urls_over_one_connection_in_order(get: Get) -> None:
    waiting: list[tuple[int, Fields]] = []

    def answer(client: Client, stream_id: int, fields: Fields) -> None:
        waiting.append((stream_id, fields))
        if len(waiting) == 4:  # all have arrived; the last one is answered first
            for stream, seen in reversed(waiting):
                echo(client, stream, seen)

    with server(answer) as url:
        status, out, err = get(*(f"{url}/{n}" for n in range(4)))
    assert (status, out, err) == (0, b"/0\n/1\n/2\n/3\n", "")


def test_the_limit_of_the_server_holds(get: Get) -> None:
    open_streams: set[int] = set()
    most = 0

    def answer(client: Client, stream_id: int, fields: Fields) -> None:
        nonlocal most
        open_streams.add(stream_id)
        most = max(most, len(open_streams))
        if len(open_streams) == 2 or stream_id in {1, 13}:
            for stream in sorted(open_streams):
                client.send(content(stream, b"%d " % stream))
            open_streams.clear()

    with server(answer, (Setting.MAX_CONCURRENT_STREAMS, 2)) as url:
        status, out, _ = get(*(f"{url}/{n}" for n in range(7)))
    assert (status, out) == (0, b"1 3 5 7 9 11 13 ")
    assert most == 2


def test_content_that_has_to_wait_for_its_turn_stops_nobody(get: Get) -> None:
    def both(client: Client) -> None:
        client.send(wire.settings())
        client.until(lambda f: f.type == Type.HEADERS and f.stream_id == 3)
        windows = {0: 65_535, 1: 50_000, 3: 50_000}

        def send(stream: int, octets: int, end: bool = False) -> None:
            while octets:
                part = min(10_000, octets)
                while min(windows[0], windows[stream]) < part:
                    update = client.until(lambda f: f.type == Type.WINDOW_UPDATE)
                    windows[update.stream_id] += update.increment
                windows[0] -= part
                windows[stream] -= part
                octets -= part
                client.send(wire.data(stream, b"%d" % stream * part, end_stream=end and not octets))

        client.send(wire.headers(1, wire.RESPONSE), wire.headers(3, wire.RESPONSE))
        send(3, 50_000)
        client.send(wire.data(3, b""))
        send(1, 100_000, end=True)
        send(3, 50_000, end=True)
        client.bye()

    with scripted(both) as port:
        url = f"http://127.0.0.1:{port}/"
        windows = ["--window", "50000", "--connection-window", "65535"]
        status, out, err = get(*windows, url, url)
    assert (status, err) == (0, "")
    assert out == b"1" * 100_000 + b"3" * 100_000


def test_servers_take_turns(get: Get) -> None:
    def name(text: bytes) -> Answer:
        def answer(client: Client, stream_id: int, fields: Fields) -> None:
            client.send(content(stream_id, text + fields[b":path"] + b"\n"))

        return answer

    with server(name(b"a"), clients=2) as a, server(name(b"b")) as b:
        status, out, err = get(f"{a}/1", f"{a}/2", f"{b}/3", f"{a}/4", "-v")
    assert (status, out) == (0, b"a/1\na/2\nb/3\na/4\n")
    assert err.count("(preface)") == 3
    assert err.count("seconds") == 1


def test_outputs_in_order_and_by_name(
    get: Get, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with server(echo) as url:
        assert get("-o", "one", f"{url}/1", "-o", "-", f"{url}/2", f"{url}/3")[:2] == (
            0,
            b"/2\n/3\n",
        )
    assert (tmp_path / "one").read_bytes() == b"/1\n"
    with server(echo) as url:
        assert get("-O", f"{url}/a/b%2F..?c/d", f"{url}/e") == (0, b"", "")
    assert (tmp_path / "b%2F..").read_bytes() == b"/a/b%2F..?c/d\n"
    assert (tmp_path / "e").read_bytes() == b"/e\n"
    for path in ("", "/", "/a/", "/..", "/a/.?x"):
        status, _, err = get("-O", f"http://127.0.0.1{path}")
        assert status == 23
        assert "has no file name for --remote-name" in err
    assert get("-o", "x", "-o", "y", "http://127.0.0.1/")[0] == 2


def test_one_of_several_may_fail(get: Get) -> None:
    def answer(client: Client, stream_id: int, fields: Fields) -> None:
        if fields[b":path"] == b"/bad":
            client.send(wire.rst_stream(stream_id, Code.INTERNAL_ERROR))
        elif fields[b":path"] == b"/missing":
            client.send(content(stream_id, b"no", status=404))
        else:
            echo(client, stream_id, fields)

    with server(answer, clients=3) as url:
        urls = [f"{url}/{path}" for path in ("bad", "missing", "good")]
        status, out, err = get("-f", *urls)
        assert (status, out) == (22, b"/good\n")
        assert err.splitlines() == [
            f"h2: (92) {url}/bad: HTTP/2 stream 1 was not closed cleanly: INTERNAL_ERROR",
            f"h2: (22) {url}/missing: The requested URL returned error: 404",
        ]
        assert get("-fs", *urls) == (22, b"/good\n", "")
        assert get("-fsS", *urls)[2] == err


def test_a_connection_that_fails_fails_all_that_is_left(get: Get) -> None:
    def script(client: Client) -> None:
        client.send(wire.settings())
        client.until(lambda f: f.type == Type.HEADERS and f.stream_id == 5)
        client.send(content(1, b"one "), content(5, b"three"), wire.ping(b"short"))
        client.bye()

    with scripted(script) as port:
        url = f"http://127.0.0.1:{port}"
        status, out, err = get(*(f"{url}/{n}" for n in range(3)))
    assert (status, out) == (16, b"one three")
    assert err.startswith(f"h2: (16) {url}/1: Error in the HTTP/2 framing layer: ")
    assert err.count("\n") == 1
    port = free_port()
    status, _, err = get(*(f"http://127.0.0.1:{port}/{n}" for n in range(2)))
    assert (status, err.count("Connection refused")) == (7, 2)


def test_after_a_goaway_what_was_not_sent_goes_over_another_connection(get: Get) -> None:
    def answer(client: Client, stream_id: int, fields: Fields) -> None:
        answers = [wire.goaway(stream_id), content(stream_id, fields[b":path"])]
        client.send(*(answers if fields[b":path"] == b"/1" else reversed(answers)))

    with server(answer, (Setting.MAX_CONCURRENT_STREAMS, 1), clients=3) as url:
        status, out, err = get(f"{url}/1", f"{url}/2", f"{url}/3")
    assert (status, out, err) == (0, b"/1/2/3", "")


def test_a_server_that_only_says_goodbye_is_not_asked_again(get: Get) -> None:
    def answer(client: Client, stream_id: int, fields: Fields) -> None:
        client.send(wire.goaway(0))

    with server(answer, (Setting.MAX_CONCURRENT_STREAMS, 1)) as url:
        status, out, err = get(f"{url}/1", f"{url}/2")
    assert (status, out) == (16, b"")
    assert err.count("The server refused the request, sending GOAWAY with NO_ERROR") == 2


def test_content_of_requests_to_several_urls(get: Get, tmp_path: Path) -> None:
    def answer(client: Client, stream_id: int, fields: Fields) -> None:
        client.until(lambda f: f.stream_id == stream_id and f.has(Flag.END_STREAM))
        data = [f.data for f in client.frames if f.type == Type.DATA and f.stream_id == stream_id]
        client.send(content(stream_id, b"".join(data)))

    file = tmp_path / "file"
    file.write_bytes(b"content ")
    with server(answer) as url:
        assert get("-T", file, f"{url}/1", f"{url}/2") == (0, b"content content ", "")
    for arguments in (["-T", "-"], ["--upload", "-"], ["-d", "@-"]):
        status, _, err = get(*arguments, "http://a", "http://b")
        assert (status, err) == (2, "h2: (2) Standard input can be sent to one URL only\n")


def test_an_upload_that_is_redirected_before_its_end(get: Get, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(100_000))  # more than the windows allow
    seen: list[Fields] = []
    for status in (303, 307):
        with server(redirecting((status, b"/1"), seen=seen)) as url:
            arguments = ["-L", "-m", "5"] if status == 303 else ["-L", "-m", "0.5"]
            get(*arguments, "-T", file, f"{url}/0")
    methods = [fields[b":method"] for fields in seen]
    assert methods == [b"PUT", b"GET", b"PUT", b"PUT"]


# --- redirects ---


def redirecting(*steps: tuple[int, bytes], seen: list[Fields] | None = None) -> Answer:
    """A server whose paths /0, /1 ... redirect to the next one, and then to a final one."""

    def answer(client: Client, stream_id: int, fields: Fields) -> None:
        if seen is not None:
            seen.append(fields)
        number = int(fields[b":path"].rpartition(b"/")[2])
        if number < len(steps):
            status, location = steps[number]
            client.send(content(stream_id, b"moved", (b"location", location), status=status))
        elif fields[b":method"] == b"HEAD":
            client.send(wire.headers(stream_id, wire.RESPONSE, end_stream=True))
        else:
            client.send(content(stream_id, b"end of " + fields[b":path"]))

    return answer


def test_redirects_are_followed_on_the_same_connection(get: Get) -> None:
    with server(redirecting((301, b"/x/1"), (302, b"2#part"), (307, b"../y/z/3"))) as url:
        status, out, err = get("-L", "-w", "%{num_redirects} %{url} %{url_effective}", f"{url}/0")
    assert (status, err) == (0, "")
    assert out == f"end of /y/z/33 {url}/0 {url}/y/z/3".encode()
    with server(redirecting((301, b"/1"))) as url:
        status, out, _ = get("-w", "[%{redirect_url}]", f"{url}/0")
    assert (status, out) == (0, f"moved[{url}/1]".encode())
    with server(redirecting((301, b"/1"))) as url:
        _, out, _ = get("-Li", f"{url}/0")
    assert out == b"HTTP/2 301\r\nlocation: /1\r\n\r\nHTTP/2 200\r\n\r\nend of /1"


@pytest.mark.parametrize(
    ("status", "arguments", "method"),
    [
        (301, ["-d", "x"], b"GET"),
        (302, ["-d", "x"], b"GET"),
        (303, ["-d", "x"], b"GET"),
        (303, ["-T", "{file}"], b"GET"),
        (303, ["-I"], b"HEAD"),
        (303, ["-X", "PATCH", "-d", "x"], b"PATCH"),
        (301, ["-T", "{file}"], b"PUT"),
        (307, ["-d", "x"], b"POST"),
        (308, ["-T", "{file}"], b"PUT"),
    ],
)
def test_methods_of_redirected_requests(
    get: Get, tmp_path: Path, status: int, arguments: list[str], method: bytes
) -> None:
    file = tmp_path / "file"
    file.write_bytes(b"x")
    seen: list[Fields] = []
    with server(redirecting((status, b"/1"), seen=seen)) as url:
        filled = [argument.format(file=file) for argument in arguments]
        given = ["-H", "content-type: text/plain", "--trailer", "x: y"]
        assert get("-L", *filled, *given, f"{url}/0")[0] == 0
    assert seen[1][b":method"] == method
    kept = status >= 307 or method == b"PUT"
    assert (b"content-type" in seen[1]) is kept


def test_credentials_stay_with_their_server(get: Get) -> None:
    first: list[Fields] = []
    second: list[Fields] = []
    with server(redirecting(seen=second), clients=2) as other:
        target = f"{other}/9".encode()
        with server(redirecting((302, b"/1"), (302, target), seen=first), clients=2) as url:
            for given in (["-u", "me:it"], ["-H", "Authorization: x"]):
                more = ["-H", "cookie: a=b", "-H", "host: h", "-H", "x-a: b"]
                assert get("-L", *given, *more, f"{url}/0") == (0, b"end of /9", "")
    assert len(first) == 4
    for fields in first:
        assert {b"authorization", b"cookie", b"x-a"} <= set(fields)
        assert fields[b":authority"] == b"h"
    assert len(second) == 2
    for fields in second:
        assert not {b"authorization", b"cookie"} & set(fields)
        assert b"x-a" in fields
        assert fields[b":authority"] != b"h"


def test_who_is_redirected_elsewhere_writes_last(get: Get) -> None:
    with (
        server(redirecting()) as other,
        server(redirecting((302, f"{other}/9".encode()))) as url,
    ):
        status, out, _ = get("-L", f"{url}/0", f"{url}/7", f"{url}/8")
    assert (status, out) == (0, b"end of /7end of /8end of /9")


def test_redirects_that_lead_nowhere(get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    with server(redirecting((301, b"/0"))) as url:
        status, _, err = get("-L", "--max-redirs", "3", f"{url}/0")
    assert (status, err) == (47, "h2: (47) Maximum (3) redirects followed\n")
    with server(redirecting((301, b"ftp://a/"))) as url:
        assert get("-L", f"{url}/0")[0] == 1
    with server(redirecting((301, b"http://[::1/"))) as url:
        assert get("-L", f"{url}/0")[0] == 3

    class Stdin:
        buffer = io.BytesIO(b"content")

    monkeypatch.setattr(sys, "stdin", Stdin)
    with server(redirecting((307, b"/1"))) as url:
        status, _, err = get("-L", "-T", "-", f"{url}/0")
    assert status == 65
    assert err.startswith("h2: (65) Standard input cannot be sent a second ")


# --- reports of responses ---


def test_write_out(get: Get, tmp_path: Path) -> None:
    def answer(client: Client, stream_id: int, fields: Fields) -> None:
        client.send(content(stream_id, b"12345", (b"content-type", b"a/b"), (b"x", b"y")))

    form = (
        r"\n%{response_code} %{http_code} %{http_version} %{content_type} %{size_download} "
        r"%{size_upload} %{method} %{scheme} %{num_headers} %{exitcode}[%{errormsg}]%% %header{X}"
        r"[%header{none}] %{remote_ip} %{urlnum}\t%{filename_effective}"
    )
    with server(answer, clients=3) as url:
        status, out, _ = get("-w", form, f"{url}/0")
        expected = b"12345\n200 200 2 a/b 5 0 GET http 3 0[]% y[] 127.0.0.1 0\t"
        assert (status, out) == (0, expected)
        file = tmp_path / "format"
        file.write_text("%{speed_download} %{speed_upload} %{remote_port} %{time_total}")
        status, out, _ = get("-o", "/dev/null", "-w", f"@{file}", f"{url}/0")
        match = re.fullmatch(rb"\d+ 0 (\d+) 0\.\d{6}", out)
        assert match
        assert url.endswith(match[1].decode())
        times = ["namelookup", "connect", "appconnect", "pretransfer", "starttransfer", "total"]
        form = " ".join(f"%{{time_{name}}}" for name in times)
        moments = [float(text) for text in get("-w", form, f"{url}/0")[1][5:].split()]
        assert moments.pop(2) == 0  # there is no TLS
        assert moments[0] > 0
        assert moments == sorted(moments)


def test_write_out_of_failures(get: Get) -> None:
    form = "%{exitcode} %{http_code} %{errormsg} %{time_total}"
    status, out, _ = get("-w", form, f"http://127.0.0.1:{free_port()}/")
    assert status == 7
    assert re.fullmatch(rb"7 000 Failed to connect .*: Connection refused 0\.0+", out)
    status, _, err = get("-w", "%{http_cod}", "http://127.0.0.1/")
    assert status == 2
    assert "unknown variable 'http_cod'; there are content_type, " in err
    status, _, err = get("-w", "@/does/not/exist", "http://127.0.0.1/")
    assert status == 2
    assert "cannot read @/does/not/exist: No such file" in err


def test_statistics(get: Get) -> None:
    def answer(client: Client, stream_id: int, fields: Fields) -> None:
        if stream_id == 5:
            for stream in (3, 1):
                client.send(content(stream, b"%d" % stream))
            client.send(wire.rst_stream(5))

    with server(answer) as url:
        _, _, err = get("--stat", *(f"{url}/{n}" for n in range(3)))
    table = [line for line in err.splitlines() if not line.startswith("h2:")]
    assert table[0].split() == [
        "stream",
        "sent",
        "first",
        "octet",
        "done",
        "status",
        "octets",
        "URL",
    ]
    rows = [re.sub(r"\d+\.\d\d ms", "T", line).split() for line in table[1:]]
    assert rows == [
        ["3", "T", "T", "T", "200", "1", f"{url}/1"],
        ["1", "T", "T", "T", "200", "1", f"{url}/0"],
        ["5", "T", "-", "T", "-", "0", f"{url}/2"],
    ]
    _, _, err = get("--stat", f"http://127.0.0.1:{free_port()}/")
    assert err.splitlines()[1].split()[:6] == ["-", "-", "-", "-", "-", "0"]


def test_a_page_of_what_has_happened(get: Get, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    with server(echo) as url:
        assert get("--waterfall", page, f"{url}/1", f"{url}/2") == (0, b"/1\n/2\n", "")
        assert f"<title>h2 get {url}/1 and 1 more</title>" in page.read_text()
    url = f"http://127.0.0.1:{free_port()}/"
    assert get("--waterfall", page, url)[0] == 7
    assert f"<title>h2 get {url}</title>" in page.read_text()


# --- compressed content ---


def coded(data: bytes, name: bytes) -> Answer:
    def answer(client: Client, stream_id: int, fields: Fields) -> None:
        client.send(content(stream_id, data, (b"content-encoding", name)))

    return answer


def compressed(get: Get, data: bytes, name: bytes = b"gzip") -> tuple[int, bytes, str]:
    with server(coded(data, name)) as url:
        return get("--compressed", f"{url}/")


def test_compressed_content(get: Get) -> None:
    plain = b"".join(b"%d" % n for n in range(50_000))
    packed = gzip.compress(plain)
    assert compressed(get, packed[:10_000] + packed[10_000:]) == (0, plain, "")
    twice = gzip.compress(b"one ") + gzip.compress(b"two")
    assert compressed(get, twice, b"X-GZip") == (0, b"one two", "")
    assert compressed(get, b"as it is", b"identity") == (0, b"as it is", "")
    with server(coded(twice, b"gzip")) as url:
        assert get(f"{url}/") == (0, twice, "")


def test_compressed_content_that_is_damaged(get: Get) -> None:
    packed = gzip.compress(b"content")
    status, out, err = compressed(get, packed[:-1])
    assert (status, out) == (61, b"content")
    assert err == "h2: (61) The compressed content is damaged: it is truncated\n"
    status, _, err = compressed(get, b"not compressed")
    assert status == 61
    assert "damaged: Error -3" in err
    status, _, err = compressed(get, b"x", b"br")
    assert status == 61
    assert err.startswith(
        "h2: (61) The content is encoded with 'br', but --compressed supports only gzip"
    )


def test_what_a_few_octets_stand_for_comes_in_pieces() -> None:
    decoder = coding.Gzip()
    pieces = list(decoder.feed(gzip.compress(bytes(10_000_000))))
    assert sum(map(len, pieces)) == 10_000_000
    assert max(map(len, pieces)) <= 65536


class FakeZstd(ModuleType):
    """Replaces `compression.zstd` of Python 3.14, with the format of zlib."""

    class ZstdError(Exception):
        pass

    class ZstdDecompressor:
        def __init__(self) -> None:
            self._inner = zlib.decompressobj()
            self._pending = b""

        def decompress(self, data: bytes, max_length: int) -> bytes:
            try:
                return self._inner.decompress(self._pending + data, max_length)
            except zlib.error as error:
                raise FakeZstd.ZstdError(str(error)) from None
            finally:
                self._pending = self._inner.unconsumed_tail

        @property
        def needs_input(self) -> bool:
            return not self._pending

        @property
        def eof(self) -> bool:
            return self._inner.eof

        @property
        def unused_data(self) -> bytes:
            return self._inner.unused_data


def test_zstd_where_python_has_it(get: Get, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "compression", ModuleType("compression"))
    monkeypatch.setitem(sys.modules, "compression.zstd", FakeZstd("compression.zstd"))
    assert coding.supported() == "gzip, zstd"
    frame = zlib.compress(bytes(200_000))
    assert compressed(get, frame + zlib.compress(b"end"), b"zstd") == (
        0,
        bytes(200_000) + b"end",
        "",
    )
    assert compressed(get, frame[:-1], b"zstd")[0] == 61
    assert compressed(get, b"nonsense", b"zstd")[0] == 61
    monkeypatch.setitem(sys.modules, "compression.zstd", None)
    assert compressed(get, frame, b"zstd")[0] == 61


# --- connections ---


def test_resolve(get: Get) -> None:
    with server(echo, clients=3) as url:
        port = url.rpartition(":")[2]
        for given in (f"no.invalid:{port}:127.0.0.1", f"*:{port}:[127.0.0.1]"):
            target = f"http://No.invalid:{port}/x"
            assert get("--resolve", given, "--resolve", "a:1:b", target) == (0, b"/x\n", "")
        two = f"no.invalid:{port}:127.0.0.9,127.0.0.1"
        assert get("--resolve", two, f"http://no.invalid:{port}/x") == (0, b"/x\n", "")
    assert override("[::1]:80:[::2]") == ("::1", 80, ["::2"])
    for text in ("a", "a:80", "a:80:", ":80:b", "a:x:b"):
        status, _, err = get("--resolve", text, "http://a/")
        assert status == 2
        assert "argument --resolve: not " in err


def test_certificates_of_the_client(get: Get, certificates: Certificate, tmp_path: Path) -> None:
    import ssl

    from examples.common.certificate import server_context

    context = server_context(certificates.authority.parent)
    context.load_verify_locations(certificates.authority)
    context.verify_mode = ssl.CERT_REQUIRED
    seen: list[Any] = []

    def script(client: Client) -> None:
        client.request()
        seen.append(client.sock.getpeercert())
        client.send(content(1, b"you"))
        client.bye()

    trust = ["--cacert", certificates.authority]
    with scripted(script, context) as port:
        url = f"https://localhost:{port}/"
        files = ["--cert", certificates.chain, "--key", certificates.key]
        assert get(*trust, *files, url) == (0, b"you", "")
        assert seen[0]["subject"]
    assert get("--key", certificates.key, url)[0] == 2
    assert get("--cert", tmp_path / "none", url)[0] == 58
    with pytest.raises(ssl.SSLError), scripted(script, context) as port:
        status, _, err = get(*trust, f"https://localhost:{port}/")
    assert (status, err) == (35, "h2: (35) The server requires a client certificate (--cert)\n")


def test_the_certificate_is_shown(
    get: Get, certificates: Certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    from examples.common.certificate import server_context

    context = server_context(certificates.authority.parent)

    def shown(*arguments: object) -> str:
        with listening(serving(echo), context=context) as port:
            status, _, err = get("-v", *arguments, f"https://localhost:{port}/")
        assert status == 0
        return err

    err = shown("--cacert", certificates.authority)
    assert re.search(r"^\* certificate for .*\(.*DNS:localhost", err, re.M)
    assert re.search(r"^\* issued by \w+=", err, re.M)
    assert re.search(r"^\* valid from .* to .* GMT, verified$", err, re.M)
    assert re.search(r"^\* SHA-256 fingerprint [0-9a-f]{64}$", err, re.M)
    err = shown("-k")
    assert re.search(r"^\* certificate for .*, NOT VERIFIED$", err, re.M)
    assert re.search(r"^\* issued by \w+=", err, re.M)
    assert re.search(r"^\* valid from \d{4}-", err, re.M)
    monkeypatch.setitem(sys.modules, "cryptography.x509", None)
    assert "\n* certificate not verified\n" in shown("-k")


# --- servers of other protocols ---


def answer_to(get: Get, octets: bytes, *arguments: object) -> str:
    def script(sock: socket.socket) -> None:
        sock.recv(65536)
        for octet in octets:  # as slowly as it can come
            sock.sendall(bytes([octet]))
        sock.shutdown(socket.SHUT_WR)
        while sock.recv(65536):
            pass

    with listening(script) as port:
        status, out, err = get(*arguments, f"http://127.0.0.1:{port}/")
    assert out == b""
    assert err.startswith(f"h2: ({status}) ")
    return err.partition(") ")[2].rstrip("\n")


def test_answers_that_are_not_http_2(get: Get) -> None:
    http1 = "The server answers in HTTP/1 and does not speak HTTP/2 without TLS: "
    text = "The server answers with text and does not speak HTTP/2 without TLS: "
    for octets in (b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n", b"HTTP/1.0 200\n"):
        line = octets.splitlines()[0].decode()
        assert answer_to(get, octets) == http1 + line
    assert answer_to(get, b"HTTP") == http1 + "HTTP"
    assert answer_to(get, b"<html>\n<p>Bad Request</p>") == text + "<html>"
    assert answer_to(get, b"SSH-2.0-x" * 20 + b"\r\n") == text + ("SSH-2.0-x" * 20)[:60]
    assert "The server speaks TLS on this port" in answer_to(get, b"\x15\x03\x01\0\2\2\x46")
    assert "HTTP/2 framing" in answer_to(get, bytes(range(128, 148)))
    assert "HTTP/2 framing" in answer_to(get, b"abc\x04\x1b" * 9)
    assert "HTTP/2 framing" in answer_to(get, b"abcd\x1b" * 9)
    hint = "; perhaps it does not speak HTTP/2 without TLS"
    assert answer_to(get, b"") == "Empty reply from server" + hint


def test_the_rest_of_a_line_is_not_waited_for_very_long(
    get: Get, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client_module, "_MOMENT", 0.1)
    told = threading.Event()

    def script(sock: socket.socket) -> None:
        sock.recv(65536)
        sock.sendall(b"HTTP/1.1 400")
        told.wait()

    with listening(script) as port:
        status, _, err = get(f"http://127.0.0.1:{port}/")
        told.set()
    assert status == 16
    assert err.endswith("does not speak HTTP/2 without TLS: HTTP/1.1 400\n")


def test_a_server_that_refuses_h2(get: Get, certificates: Certificate) -> None:
    import ssl

    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates.chain, certificates.key)
    context.set_alpn_protocols(["http/1.1"])
    with scripted(lambda _: None, context) as port:
        status, _, err = get("--cacert", certificates.authority, f"https://localhost:{port}/")
    assert status == 35
    assert err.startswith("h2: (35) The server does not offer HTTP/2 (ALPN selected nothing)")

    def script(sock: socket.socket) -> None:
        sock.recv(65536)
        sock.sendall(b"\x15\x03\x03\0\2\2\x78")  # a fatal alert: no_application_protocol

    with listening(script) as port:
        status, _, err = get(f"https://localhost:{port}/")
    assert status == 35
    assert err == "h2: (35) The server does not offer HTTP/2 (it rejected ALPN h2)\n"

    def http1(client: Client) -> None:
        client.sock.recv(65536)
        client.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with scripted(http1, context) as port:
        trust = ["--prior-knowledge", "--cacert", certificates.authority]
        status, _, err = get(*trust, f"https://localhost:{port}/")
    assert status == 16
    assert "The server answers in HTTP/1 and does not speak HTTP/2 here: HTTP/1.1 400" in err


def test_options_after_the_url_and_options_that_do_not_exist(get: Get) -> None:
    with server(echo, clients=1) as url:
        assert get(f"{url}/1", "-s", f"{url}/2") == (0, b"/1\n/2\n", "")
    for argument, text in (
        ("--locatoin", "unknown option: --locatoin (did you mean --location?)"),
        ("--nonsense=3", "unknown option: --nonsense"),
        ("-Z", "unknown option: -Z"),
    ):
        status, _, err = get(argument, "http://a/")
        assert (status, err) == (2, f"h2: (2) {text}\nTry 'python -m h2 get --help'.\n")
    assert main(["decode", "a", "b"]) == 2


def test_a_decoder_says_nothing_of_content_that_is_not_encoded() -> None:
    assert coding.decoder("") is None
    with pytest.raises(Failure):
        coding.decoder("deflate")
