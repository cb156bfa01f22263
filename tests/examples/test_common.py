"""The shared code of the examples: certificates, transports, command lines, files for paths."""

from __future__ import annotations

import asyncio
import os
import re
import socket
import ssl
import stat
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from support.processes import ROOT, TIMEOUT, require_module, started

require_module("trustme")

from examples.common import (  # noqa: E402  (skipped without trustme)
    certificate,
    files,
    options,
    tls,
    transport,
    urls,
)
from examples.common.sockets import UNSENT, prepare  # noqa: E402

# Certificates.


def test_a_certificate_is_made_once(tmp_path: Path) -> None:
    folder = tmp_path / "not" / "there" / "yet"
    paths = certificate.certificate(folder)
    contents = [path.read_bytes() for path in paths]
    assert certificate.certificate(folder) == paths
    assert [path.read_bytes() for path in paths] == contents
    assert sorted(folder.iterdir()) == sorted(paths)
    assert list(folder.parent.iterdir()) == [folder]  # the temporary file was removed


def test_an_empty_folder_is_filled(tmp_path: Path) -> None:
    assert all(path.stat().st_size for path in certificate.certificate(tmp_path))


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "authority.pem").write_text("mine")
    with pytest.raises(OSError, match=r"not empty|exists"):
        certificate.certificate(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["authority.pem"]
    assert (tmp_path / "authority.pem").read_text() == "mine"


@pytest.mark.skipif(os.name != "posix", reason="modes of files are those of POSIX")
def test_nobody_else_can_read_the_key(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        paths = certificate.certificate(tmp_path / "tls")
    finally:
        os.umask(before)
    assert stat.S_IMODE(paths.key.stat().st_mode) == 0o600
    assert stat.S_IMODE(paths.key.parent.stat().st_mode) == 0o700


def test_programs_that_start_at_once_have_the_same_certificate(tmp_path: Path) -> None:
    program = (
        "import sys\n"
        "from pathlib import Path\n"
        "from examples.common.certificate import certificate\n"
        "print('ready', flush=True)\n"
        "sys.stdin.readline()\n"
        f"paths = certificate(Path({str(tmp_path / 'tls')!r}))\n"
        "print(*(path.read_bytes().hex() for path in paths))\n"
    )
    command = [sys.executable, "-c", program]
    with ExitStack() as stack:
        programs = [stack.enter_context(started(command, subprocess.PIPE)) for _ in range(3)]
        for one in programs:
            one.lines("ready")
        for one in programs:
            one.type(b"go\n")
        results = {one.finish()[0] for one in programs}
        assert [one.process.returncode for one in programs] == [0, 0, 0]
    assert len(results) == 1
    assert len(results.pop().split()) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["tls"]


def test_the_second_of_two_programs_uses_the_certificate_of_the_first(tmp_path: Path) -> None:
    folder = tmp_path / "tls"
    first = [path.read_bytes() for path in certificate.certificate(folder)]
    certificate.make(folder)
    assert [path.read_bytes() for path in certificate.certificate(folder)] == first


def handshake(client: ssl.SSLContext, server: ssl.SSLContext) -> tuple[str | None, str | None]:
    """The TLS version and the protocol that a client and a server negotiate."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.settimeout(TIMEOUT)
        theirs.settimeout(TIMEOUT)

        def serve() -> None:
            try:
                with server.wrap_socket(theirs, server_side=True) as tls:
                    tls.recv(1)
            except (ssl.SSLError, ConnectionError):
                pass  # the client rejects the certificate

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            with client.wrap_socket(ours, server_hostname="localhost") as tls:
                return tls.version(), tls.selected_alpn_protocol()
        finally:
            ours.close()
            thread.join()


def test_contexts_agree_on_http2(tmp_path: Path) -> None:
    server = certificate.server_context(tmp_path / "tls")
    client = certificate.client_context(tmp_path / "tls" / "authority.pem")
    assert handshake(client, server) == ("TLSv1.3", "h2")
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    assert handshake(client, server) == ("TLSv1.2", "h2")
    assert client.verify_mode == ssl.CERT_REQUIRED
    assert client.check_hostname
    with pytest.raises(ssl.SSLCertVerificationError):
        handshake(certificate.client_context(), server)


def test_a_client_without_http2_has_its_handshake_and_nothing_else(tmp_path: Path) -> None:
    server = certificate.server_context(tmp_path / "tls", ("h2",))
    authority = tmp_path / "tls" / "authority.pem"
    client = certificate.client_context(authority, ("http/1.1",))
    assert handshake(client, server)[1] is None


# Transports.


def test_abort_ends_a_transport_that_both_ends_have_closed(
    certificates: certificate.Certificate,
) -> None:
    async def scenario() -> None:
        aborted = asyncio.get_running_loop().create_future()

        async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(bytes(20_000_000))  # more than fits into the buffers
            transport.close(writer.transport)
            transport.close(writer.transport)
            writer.transport.abort()
            await writer.wait_closed()
            aborted.set_result(None)

        server = await asyncio.start_server(
            serve, "127.0.0.1", 0, ssl=certificate.server_context(certificates.chain.parent)
        )
        async with server:
            port = server.sockets[0].getsockname()[1]
            trust = certificate.client_context(certificates.authority)
            _, writer = await asyncio.open_connection("localhost", port, ssl=trust)
            await asyncio.wait_for(aborted, 10)
            writer.transport.abort()

    asyncio.run(scenario())


def test_examples_on_asyncio_close_no_transport_in_another_way() -> None:
    guarded = re.compile(r"if not (\S+)\.is_closing\(\):(?:\n.*)?\n +\1\.close\(\)")
    direct = re.compile(r"(?:transport|writer)\.close\b")
    # Those of the tutorial close once, at the end.
    programs = {
        path
        for path in (ROOT / "examples").rglob("*.py")
        if path.parent.name != "tutorial" and path != Path(transport.__file__)
    }
    assert len(programs) > 20
    texts = {path: guarded.sub("", path.read_text(encoding="utf-8")) for path in programs}
    assert [path for path, text in texts.items() if direct.search(text)] == []


@pytest.mark.parametrize("seconds", [None, TIMEOUT])
def test_a_cancellation_that_comes_with_the_result_is_noticed(seconds: float | None) -> None:
    async def scenario() -> None:
        result: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        lost: list[str] = []
        waiting = asyncio.create_task(transport.within(seconds, result, lost.append))
        await asyncio.sleep(0)
        result.set_result("a connection")
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert lost == ["a connection"]

    asyncio.run(scenario())


@pytest.mark.parametrize("is_late", [True, False])
def test_what_takes_too_long_is_cancelled_first(is_late: bool) -> None:
    async def scenario() -> None:
        events: list[str] = []

        async def work() -> str:
            try:
                await asyncio.sleep(TIMEOUT)
            except asyncio.CancelledError:
                await asyncio.sleep(0)
                events.append("cancelled")
                if is_late:
                    return "too late"
                raise
            return "unexpected"

        with pytest.raises(asyncio.TimeoutError):
            await transport.within(0, work(), events.append)
        assert events == ["cancelled", "too late"][: 1 + is_late]

    asyncio.run(scenario())


def test_what_is_in_time_returns_its_result_or_raises_its_exception() -> None:
    async def scenario() -> None:
        loop, lost = asyncio.get_running_loop(), list[None]()
        good, bad = loop.create_future(), loop.create_future()
        loop.call_soon(good.set_result, "done")
        assert await transport.within(TIMEOUT, good, lost.append) == "done"
        loop.call_soon(bad.set_exception, OSError("broken"))
        with pytest.raises(OSError, match="broken"):
            await transport.within(TIMEOUT, bad, lost.append)
        assert lost == []

    asyncio.run(scenario())


@pytest.mark.parametrize("client", ["tls", "proxy, HTTP/1.1", "proxy, HTTP/2"])
def test_a_connection_that_comes_with_a_cancellation_is_closed(
    client: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    aborted: list[str] = []
    peer = SimpleNamespace(abort=lambda: aborted.append(client))

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        result: asyncio.Future[tuple[object, object]] = loop.create_future()
        monkeypatch.setattr(loop, "create_connection", lambda *args, **options: result)
        monkeypatch.setattr(asyncio, "open_connection", lambda *args, **options: result)
        if client == "tls":
            context, url = certificate.client_context(), urls.split_url("http://a", "http")
            connecting = asyncio.create_task(tls.connect(transport.Link(), url, context, TIMEOUT))
        else:
            require_module("h11")
            from examples.proxy.upstream import Server

            server = Server("http://a", client == "proxy, HTTP/2", None, TIMEOUT)
            request: Any = server.http2_connection if server.http2 else server.http1_connection
            connecting = asyncio.create_task(request())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        is_pair_of_streams = client == "proxy, HTTP/1.1"
        writer = SimpleNamespace(transport=peer)
        result.set_result((None, writer) if is_pair_of_streams else (peer, None))
        connecting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await connecting

    asyncio.run(scenario())
    assert aborted == [client]


def test_examples_on_asyncio_have_no_time_limit_of_another_kind() -> None:
    """Before Python 3.12 `asyncio.wait_for()` can lose a cancellation."""
    users = {
        path.relative_to(ROOT / "examples").as_posix()
        for path in (ROOT / "examples").rglob("*.py")
        if "asyncio.wait_for(" in re.sub(r"`[^`]*`", "", path.read_text(encoding="utf-8"))
    }
    # The demo ends with what it waits for. The ASGI application is told to stop by a task that
    # nothing cancels.
    assert users == {"demo.py", "asyncio/asgi_server.py"}


# Command lines.


@pytest.mark.parametrize(
    "text",
    ["gopher://a/", "http://a/", "https://a:x/", "https://a:0/", "https://[", "https:///", ""],
)
def test_what_is_no_url(text: str) -> None:
    with pytest.raises(ValueError, match="no URL of a web page"):
        urls.split_url(text, "https", "wss")


@pytest.mark.parametrize(
    ("text", "server", "fields"),
    [
        ("https://a", ("a", 443), ["https", "a", "/"]),
        ("http://user@[::1]:8080/b?c#d", ("::1", 8080), ["http", "[::1]:8080", "/b?c"]),
        ("wss://a/b", ("a", 443), ["https", "a", "/b"]),
    ],
)
def test_a_request_for_a_url(text: str, server: tuple[str, int], fields: list[str]) -> None:
    url = urls.split_url(text, "https", "http", "wss")
    assert urls.host_and_port(url) == server
    names = (":scheme", ":authority", ":path")
    pairs = list(zip(names, fields, strict=True))
    assert urls.request_fields("PUT", url) == [(":method", "PUT"), *pairs]


def test_options_of_a_server(capsys: pytest.CaptureFixture[str]) -> None:
    parser = options.server_options("What it is,\nin two lines.\n\nMore of it.")
    args = parser.parse_args([])
    assert (args.host, args.port, args.certificates) == ("127.0.0.1", 8443, certificate.FOLDER)
    args = parser.parse_args(["--host", "::1", "--port", "0", "--certificates", "x"])
    assert (args.host, args.port, args.certificates) == ("::1", 0, Path("x"))
    with pytest.raises(SystemExit):
        parser.parse_args(["--help"])
    text = capsys.readouterr().out
    assert "What it is, in two lines." in text
    assert "More of it" not in text


def test_announcement(capsys: pytest.CaptureFixture[str]) -> None:
    options.announce(8443)
    options.announce(80, "::1", "http")
    first, second = capsys.readouterr().out.splitlines()
    assert first.startswith("listening on https://127.0.0.1:8443/ ")
    assert second.startswith("listening on http://[::1]:80/ ")


# Files.

SECRET = b"nobody may see this"


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder to serve, next to a secret that links lead to."""
    outside = tmp_path_factory.mktemp("outside").resolve()
    (outside / "secret").write_bytes(SECRET)
    (outside / "root-of-another").mkdir()
    (outside / "root-of-another" / "secret").write_bytes(SECRET)
    root = outside / "root"
    (root / "folder" / "deeper").mkdir(parents=True)
    for name in ("file", "folder/file", "folder/deeper/index.html", "a b", "ä", "..odd", "%2e"):
        (root / name).write_text(f"inside: {name}")
    (root / os.fsdecode(b"latin-\xe9")).write_text("inside: latin")
    (root / "back\\slash").write_text("inside: backslash")
    (root / "out").symlink_to(outside / "secret")
    (root / "up").symlink_to("..")
    (root / "near").symlink_to(outside / "root-of-another")
    (root / "in").symlink_to("folder/file")
    (root / "folder" / "in").symlink_to("../file")
    (root / "round-trip").symlink_to("../root/file")
    (root / "self").symlink_to("self")
    (root / "ping").symlink_to("pong")
    (root / "pong").symlink_to("ping")
    (root / "dangling").symlink_to("nothing")
    (root / "index-out").mkdir()
    (root / "index-out" / "index.html").symlink_to(outside / "secret")
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as sock:
        where = os.getcwd()
        os.chdir(root)  # the path of a socket must be short
        try:
            sock.bind("socket")
        finally:
            os.chdir(where)
    return root


@pytest.mark.parametrize(
    ("target", "name"),
    [
        (b"/file", "file"),
        (b"/file?../../secret", "file"),
        (b"/./folder//file", "folder/file"),
        (b"/folder/deeper", "folder/deeper/index.html"),
        (b"/folder/deeper/", "folder/deeper/index.html"),
        (b"/%66ile", "file"),
        (b"/a%20b", "a b"),
        (b"/%c3%a4", "ä"),
        ("/ä".encode(), "ä"),
        (b"/latin-%E9", os.fsdecode(b"latin-\xe9")),
        (b"/..odd", "..odd"),
        (b"/%252e", "%2e"),
        (b"/back%5Cslash", "back\\slash"),
        (b"/in", "folder/file"),
        (b"/folder/in", "file"),
        (b"/round-trip", "file"),
    ],
)
def test_files_that_are_found(root: Path, target: bytes, name: str) -> None:
    assert files.locate(root, target) == root / name


@pytest.mark.parametrize(
    ("target", "status"),
    [
        (b"/../secret", 403),
        (b"/folder/../file", 403),
        (b"/%2e%2e/secret", 403),
        (b"/.%2E/secret", 403),
        (b"/%2e%2e%2fsecret", 403),
        (b"/folder%2ffile", 403),
        (b"/%2fetc%2fpasswd", 403),
        (b"/out", 403),
        (b"/up/secret", 403),
        (b"/up", 404),  # the folder above has no index.html
        (b"/near/secret", 403),
        (b"/index-out", 403),
        (b"/file%00", 400),
        (b"/%00", 400),
        (b"/none", 404),
        (b"/", 404),
        (b"", 404),
        (b"*", 404),
        (b"//etc/passwd", 404),
        (b"/file/none", 404),
        (b"/%252e%252e/secret", 404),
        (b"/self", 404),
        (b"/ping", 404),
        (b"/self/file", 404),
        (b"/dangling", 404),
        (b"/pipe", 404),
        (b"/socket", 404),
        (b"/" + b"x" * 300, 404),
        (b"/x" * 5000, 404),
        (b"/x%", 404),
        (b"/%zz", 404),
    ],
)
def test_files_that_are_refused(root: Path, target: bytes, status: int) -> None:
    with pytest.raises(files.RefusedError) as refused:
        files.locate(root, target)
    assert refused.value.status == status
    assert get(root, target).headers[0] == (":status", str(status))


def test_a_root_that_is_a_link_or_is_not_there(root: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(root)
    assert files.locate(tmp_path / "link", b"/file") == root / "file"
    with pytest.raises(files.RefusedError):
        files.locate(tmp_path / "none", b"/file")


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="modes of files are those of POSIX")
def test_files_that_may_not_be_read(tmp_path: Path) -> None:
    """Root may read everything, so another user has to try."""
    tmp_path.chmod(0o755)
    (tmp_path / "mine").write_text("x")
    (tmp_path / "mine").chmod(0)
    (tmp_path / "closed").mkdir()
    (tmp_path / "closed" / "file").write_text("x")
    (tmp_path / "closed").chmod(0)
    user = os.geteuid()
    above = tmp_path.resolve().parents
    modes = {folder: folder.stat().st_mode for folder in above if user == 0}
    try:
        for folder, mode in modes.items():
            folder.chmod(mode | 0o711)
        if user == 0:
            os.seteuid(65534)
        for target in (b"/mine", b"/closed/file", b"/closed"):
            assert get(tmp_path, target).headers[0] == (":status", "403")
    finally:
        os.seteuid(user)
        for folder, mode in modes.items():
            folder.chmod(stat.S_IMODE(mode))
        (tmp_path / "closed").chmod(0o700)


ODD = b".. . %2e%2e %2E. %2f / \\ %5c %00 \0 ? # % %c0%ae %ff ~ : C: file: secret root file folder"
LINKS = b"out up near in folder/in round-trip self ping dangling pipe socket index-out deeper"
PIECES = st.sampled_from([*ODD.split(b" "), *LINKS.split(b" "), b"", b"x" * 256])
TARGETS = st.one_of(
    st.binary(max_size=50),
    st.lists(st.one_of(PIECES, st.binary(max_size=4))).map(b"".join),
    st.lists(PIECES).map(b"/".join),
    st.lists(PIECES).map(lambda pieces: b"/" + b"/".join(pieces)),
)


@given(target=TARGETS)
@example(target=b"/up/secret")
@example(target=b"/up/root/file")
@example(target=b"/near/secret")
def test_no_path_leads_out_of_the_root(root: Path, target: bytes) -> None:
    response = get(root, target)
    content = response.read(1000)
    response.close()
    status = dict(response.headers)[":status"]
    assert status in {"200", "400", "403", "404"}
    assert SECRET not in content
    assert content.startswith(b"inside: ") == (status == "200")


# Responses.


def get(root: Path, target: bytes, method: bytes = b"GET") -> files.Response:
    """The response to a request."""
    return files.respond(root, [(b":method", method), (b":path", target)])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "page.html").write_bytes(b"0123456789")
    return tmp_path


def test_get(folder: Path) -> None:
    response = get(folder, b"/page.html")
    assert response.headers == [
        (":status", "200"),
        ("content-type", "text/html"),
        ("content-length", "10"),
    ]
    assert response.left == 10
    assert (response.read(4), response.left) == (b"0123", 6)
    assert (response.read(100), response.left) == (b"456789", 0)
    assert response.read(100) == b""
    response.close()
    assert response.file
    assert response.file.closed


def test_head_has_the_header_section_of_get_and_no_content(folder: Path) -> None:
    for target in (b"/page.html", b"/none", b"/../x"):
        head, response = get(folder, target, b"HEAD"), get(folder, target)
        assert head.headers == response.headers
        assert (head.file, head.text, head.left) == (None, b"", 0)
        response.close()


@pytest.mark.parametrize("method", [b"POST", b"PUT", b"DELETE", b"OPTIONS", b"get", b""])
def test_other_methods_are_not_allowed(folder: Path, method: bytes) -> None:
    response = get(folder, b"/page.html", method)
    assert dict(response.headers)[":status"] == "405"
    assert dict(response.headers)["allow"] == "GET, HEAD"
    length = int(dict(response.headers)["content-length"])
    assert response.left == length == len(b"405 Method Not Allowed\n")
    assert response.read(3) + response.read(100) == b"405 Method Not Allowed\n"
    assert response.left == 0
    response.close()


def test_connect_has_no_path(folder: Path) -> None:
    fields = [(b":method", b"CONNECT"), (b":authority", b"example.com:443")]
    assert files.respond(folder, fields).headers[0] == (":status", "405")


def test_a_file_that_grows_is_as_long_as_announced(folder: Path) -> None:
    response = get(folder, b"/page.html")
    assert response.read(4) == b"0123"
    with (folder / "page.html").open("ab") as file:
        file.write(b"more")
    assert response.read(100) == b"456789"
    assert (response.left, response.read(100)) == (0, b"")
    response.close()
    whole = files.SizedFile(folder / "page.html")
    with (folder / "page.html").open("ab") as file:
        file.write(b"still more")
    assert whole.read() == b"0123456789more"
    whole.close()


def test_a_file_that_shrinks_is_an_error(folder: Path) -> None:
    (folder / "big").write_bytes(bytes(100_000))
    response = get(folder, b"/big")
    assert len(response.read(1000)) == 1000
    os.truncate(folder / "big", 500)
    with pytest.raises(OSError, match="shorter"):
        response.read(50_000)
    response.close()


@pytest.mark.parametrize(
    ("name", "media_type"),
    [
        ("a.txt", "text/plain"),
        ("a.JPG", "image/jpeg"),
        ("a", "application/octet-stream"),
        (".html", "application/octet-stream"),
        ("a.unheard-of", "application/octet-stream"),
        ("a.txt.gz", "application/octet-stream"),  # not of the type of its content
        ("a.tgz", "application/octet-stream"),
        ("data:text\n,b", "application/octet-stream"),
        ("data:,b.png", "image/png"),
    ],
)
def test_media_types(name: str, media_type: str) -> None:
    assert files.content_type(Path(name)) == media_type


@pytest.mark.parametrize(
    ("error", "status"),
    [(PermissionError, "403"), (FileNotFoundError, "404"), (OSError(24, "too many"), "503")],
)
def test_files_that_cannot_be_opened(
    folder: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, status: str
) -> None:
    def refuse(path: Path) -> None:
        raise error

    monkeypatch.setattr(files, "SizedFile", refuse)
    assert get(folder, b"/page.html").headers[0] == (":status", status)


def test_names_that_are_no_text(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On Windows, where file names are text, not all octets are valid."""
    monkeypatch.setattr(os, "fsdecode", lambda name: name.decode())
    assert get(folder, b"/%ff").headers[0] == (":status", "400")


def test_a_client_that_connects_at_the_end_is_not_lost() -> None:
    """The task is cancelled when the event loop already knows of a client."""

    async def scenario() -> None:
        loop = asyncio.get_running_loop()
        complaints: list[object] = []
        loop.set_exception_handler(lambda _, context: complaints.append(context))
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)

            async def accept() -> None:
                await loop.sock_accept(listener)

            accepting = asyncio.create_task(accept())
            await asyncio.sleep(0)
            with socket.create_connection(listener.getsockname()):
                loop.call_soon(transport.stop_accepting, listener, accepting)
                await asyncio.wait([accepting])
            assert (accepting.cancelled(), complaints) == (True, [])

    asyncio.run(scenario())


# --- Sockets ---


def test_the_operating_system_buffers_little_that_is_not_on_its_way() -> None:
    with socket.socket() as ours:
        prepare(ours)
        assert ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
        if sys.platform == "linux":
            unsent = ours.getsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT)
            assert unsent == UNSENT
