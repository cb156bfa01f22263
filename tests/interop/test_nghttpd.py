"""A client connection against nghttpd, the server of nghttp2."""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from h2.errors import ErrorCodes
from h2.events import PingAckReceived, RemoteSettingsChanged
from h2.settings import SettingCodes
from interop.peer_program import Peer, ask, finish, request
from support.peers import require_program
from support.processes import TIMEOUT, free_port, listening

PAGE = secrets.token_bytes(1_000_000)
STYLE = b"h1 { color: green }\n"


@pytest.fixture(scope="module")
def htdocs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("htdocs")
    (folder / "page").write_bytes(PAGE)
    (folder / "style.css").write_bytes(STYLE)
    return folder


@contextmanager
def connected(htdocs: Path, *options: str) -> Iterator[Peer]:
    """A client that is connected to an nghttpd with these options."""
    port = free_port()
    command = [require_program("nghttpd"), "--no-tls", f"--htdocs={htdocs}", *options, str(port)]
    with (
        listening(command, port),
        socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT) as sock,
    ):
        yield Peer(sock, client_side=True)


def header(peer: Peer, stream_id: int, wanted: str) -> str:
    """The value of a field of a response."""
    (value,) = (value for name, value in peer.stream(stream_id).headers if name == wanted)
    return value


def cancel(peer: Peer, stream_id: int) -> None:
    """Wait for the start of a response, and cancel the rest."""
    peer.until(lambda: bool(peer.stream(stream_id).headers))
    peer.conn.reset_stream(stream_id, ErrorCodes.CANCEL)
    peer.stream(stream_id).end = "reset here"


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--padding=200"],
        ["--header-table-size=0"],
        ["--encoder-header-table-size=0"],
        ["--encoder-header-table-size=100"],
        ["--header-table-size=100K", "--encoder-header-table-size=100K"],
    ],
    ids=" ".join,
)
def test_pages(htdocs: Path, options: list[str]) -> None:
    with connected(htdocs, *options) as peer:
        for _ in range(3):
            page = ask(peer, request("GET", "/page", ("x-color", "red")))
            head = ask(peer, request("HEAD", "/page"))
            missing = ask(peer, request("GET", "/missing"))
            finish(peer)
            assert header(peer, page, ":status") == "200"
            assert peer.stream(page).body == PAGE
            assert header(peer, head, "content-length") == str(len(PAGE))
            assert peer.stream(head).body == b""
            assert header(peer, missing, ":status") == "404"


@pytest.mark.parametrize("options", [[], ["--window-bits=10", "--connection-window-bits=16"]])
def test_echo_of_an_upload(htdocs: Path, options: list[str]) -> None:
    with connected(htdocs, "--echo-upload", *options) as peer:
        stream_id = ask(peer, request("POST", "/", ("content-length", str(len(PAGE)))), PAGE)
        finish(peer)
        assert peer.stream(stream_id).body == PAGE


def test_push_and_trailers(htdocs: Path) -> None:
    with connected(htdocs, "--push=/page=/style.css", "--trailer=x-sum: 17") as peer:
        page = ask(peer, request("GET", "/page"))
        finish(peer)
        assert peer.stream(page).trailers == [["x-sum", "17"]]
        assert sorted(peer.streams) == [1, 2]
        (promise,) = peer.stream(2).informational
        assert [":path", "/style.css"] in promise
        assert peer.stream(2).body == STYLE


def test_ten_streams_where_the_server_allows_ten(htdocs: Path) -> None:
    with connected(htdocs, "--max-concurrent-streams=10") as peer:
        peer.until(lambda: bool(peer.seen(RemoteSettingsChanged)))
        assert peer.conn.remote_settings[SettingCodes.MAX_CONCURRENT_STREAMS] == 10
        pages = [ask(peer, request("GET", "/page")) for _ in range(10)]
        finish(peer)
        assert [peer.stream(page).body == PAGE for page in pages] == [True] * 10


def test_resets_and_pings(htdocs: Path) -> None:
    with connected(htdocs) as peer:
        for _ in range(20):
            cancel(peer, ask(peer, request("GET", "/page")))
        peer.conn.ping(b"are you?")
        peer.until(lambda: bool(peer.seen(PingAckReceived)))
        # DATA of the cancelled streams was still in flight: the connection window is correct if
        # there is room for another page.
        page = ask(peer, request("GET", "/page"))
        finish(peer)
        assert peer.stream(page).body == PAGE


def test_goodbye(htdocs: Path) -> None:
    with connected(htdocs) as peer:
        page = ask(peer, request("GET", "/style.css"))
        finish(peer)
        assert peer.stream(page).body == STYLE
        peer.conn.close_connection()
        while peer.open:
            peer.step()
