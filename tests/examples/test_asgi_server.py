"""The ASGI server, started as it documents itself, with Starlette and with small applications."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support import wire
from support.answers import Answer, answer, ask
from support.clients import Request, exchange, nghttp
from support.example import Example, Served, example, finish, stop
from support.gateways import APPLICATION_OFFER, counts, wait_for_count
from support.matrix import Matrix
from support.processes import TIMEOUT, run
from support.raw import RawClient, content, ends, fields_of, request
from support.site import Site
from support.standard import GatewayTests
from support.wire import Code, Setting, Type

if TYPE_CHECKING:
    from examples.common.certificate import Certificate

MODULE = "examples.asyncio.asgi_server"
STARLETTE = "tests.examples.applications.starlette_app:app"
PURE = "tests.examples.applications.asgi_app"
PROGRAM = Example(MODULE, APPLICATION_OFFER, ("starlette",), arguments=(STARLETTE,))


@pytest.fixture(scope="module", autouse=True)
def mark(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The environment of applications, and the file in which they leave a trace."""
    file = tmp_path_factory.mktemp("asgi") / "mark"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("H2_TEST_FOLDER", str(site.folder))
        patch.setenv("H2_TEST_MARK", str(file))
        yield file


@pytest.fixture(scope="module")
def pure(site: Site, certificates: Certificate) -> Iterator[Served]:
    """A server of small applications, which may print what is wrong with them."""
    with example(MODULE, APPLICATION_OFFER, site, certificates, f"{PURE}:app") as served:
        yield served
        _, err = served.server.stop()
        assert served.server.process.returncode == 0, err
        assert "ResourceWarning" not in err
        assert "never retrieved" not in err


# --- Real clients, a real application ---


class TestServer(GatewayTests):
    side = "ASGI server with Starlette"


def test_each_request_has_a_copy_of_the_state(served: Served) -> None:
    seen = [json.loads(ask(served.target, "/state").content) for _ in range(2)]
    assert [one["mine"] for one in seen] == [None, None]
    assert [one["started"] for one in seen] == [True, True]
    assert seen[1]["shared"] == seen[0]["shared"] + 1


def test_work_in_the_background_goes_on_after_the_response(served: Served) -> None:
    before = counts(served)["background"]
    with RawClient(served.target) as client:
        client.send(request(1, "/background"))
        assert content(client.until(ends(1)), 1) == b"begun"
    assert counts(served)["background"] == before
    ask(served.target, "/gate", "POST", b"")
    wait_for_count(served, "background", before + 1)


# --- The HTTP scope ---


def test_the_scope(pure: Served) -> None:
    fields = [("x-a", "1"), ("cookie", "a=1"), ("host", "localhost:8443"), ("cookie", "b=2")]
    path = "/scope/caf%C3%A9%2Fa?b=%20&c"
    seen = json.loads(ask(pure.target, path, "GET", fields=fields).content)
    assert seen.pop("client")[0] == "127.0.0.1"
    assert seen == {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "2",
        "method": "GET",
        "scheme": "https",
        "path": "/scope/café/a",
        "raw_path": "/scope/caf%C3%A9%2Fa",
        "query_string": "b=%20&c",
        "root_path": "",
        "headers": [["host", "localhost:8443"], ["x-a", "1"], ["cookie", "a=1; b=2"]],
        "server": ["127.0.0.1", pure.server.port],
        "extensions": {"http.response.trailers": {}},
        "state": {},
    }


def test_the_messages_of_a_request(pure: Served) -> None:
    with RawClient(pure.target) as client:
        client.send(request(1, "/messages", "POST", end_stream=False))
        for piece in (b"one", b"two"):
            client.send(wire.data(1, piece, pad=7))
            client.pong()
        client.send(wire.headers(1, [(b"x-trailer", b"1")], end_stream=True))
        seen = json.loads(answer(client.until(ends(1))).content)
    assert "".join(message["body"] for message in seen) == "onetwo"
    assert {message["type"] for message in seen} == {"http.request"}
    *others, last = (message["more_body"] for message in seen)
    assert (set(others), last) == ({True}, False)


def test_a_disconnect_is_what_comes_after_the_response(pure: Served) -> None:
    ask(pure.target, "/messages", "POST", b"all at once")
    assert json.loads(ask(pure.target, "/show_seen").content)[-1] == "http.disconnect"


@pytest.mark.parametrize("how", ["reset", "leave"])
def test_a_client_that_goes(pure: Served, how: str) -> None:
    before = len(json.loads(ask(pure.target, "/show_seen").content))
    with RawClient(pure.target) as client:
        client.send(request(1, "/wait", "POST", end_stream=False), wire.data(1, b"some"))
        client.pong()
        if how == "reset":
            client.send(wire.rst_stream(1))
            client.pong()
    give_up = time.monotonic() + TIMEOUT
    while len(seen := json.loads(ask(pure.target, "/show_seen").content)) == before:
        assert time.monotonic() < give_up
    assert seen[-1] == "disconnect, ClientGoneError"


@pytest.mark.parametrize(
    ("path", "body"),
    [("/pieces", b"ab"), ("/trailers", b"content"), ("/no_trailers", b"content")],
)
def test_responses(pure: Served, path: str, body: bytes) -> None:
    seen = ask(pure.target, path)
    assert (seen.status, seen.content, seen.reset) == (200, body, None)
    assert seen.values(b"x-of") == [b"the application"]
    assert len(seen.values(b"date")) == 1
    head = ask(pure.target, path, "HEAD")
    assert (head.status, head.content, head.reset, len(head.sections)) == (200, b"", None, 1)


def test_streams_take_turns(pure: Served) -> None:
    # Both have all the room that there is, and their content is ready.
    with RawClient(pure.target, (Setting.INITIAL_WINDOW_SIZE, wire.MAX_WINDOW)) as client:
        client.send(wire.window_update(0, wire.MAX_WINDOW - wire.DEFAULT_WINDOW))
        client.send(*(request(n, "/flood") for n in (1, 3)))
        frames = client.until(lambda frame: ends(1)(frame) or ends(3)(frame))
    stream_ids = [frame.stream_id for frame in frames if frame.type == Type.DATA]
    changes = sum(one != other for one, other in pairwise(stream_ids))
    assert changes > len(stream_ids) * 3 / 4


def test_trailers(pure: Served, matrix: Matrix) -> None:
    seen = ask(pure.target, "/trailers")
    assert seen.sections[1:] == [[(b"x-one", b"1"), (b"x-two", b"1")]]
    printed = nghttp("--null-out", "--verbose", f"{pure.target.url}/trailers")
    assert "x-one: 1" in printed
    matrix.passed("ASGI server", "nghttp", "trailers of a response")


@pytest.mark.parametrize(
    "path",
    [
        "/fail_at_once",
        "/fail_before_content",
        "/leave",
        "/cancelled",
        "/never_start",
        "/wrong_order",
        "/bad_field",
    ],
)
def test_an_application_that_fails_before_it_sends_content(pure: Served, path: str) -> None:
    seen = ask(pure.target, path)
    assert (seen.status, seen.reset) == (500, None)
    assert seen.values(b"x-of") == []
    head = ask(pure.target, path, "HEAD")
    assert (head.status, head.content) == (500, b"")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/fail_after_content", b"some"),
        ("/never_end", b"some"),
        ("/too_long", b"123"),
        ("/too_short", b"123"),
    ],
)
def test_an_application_that_fails_after_content(pure: Served, path: str, body: bytes) -> None:
    seen = ask(pure.target, path)
    assert (seen.status, seen.content, seen.reset) == (200, body, Code.INTERNAL_ERROR)


def test_an_application_that_fails_after_its_response(pure: Served) -> None:
    with RawClient(pure.target) as client:
        client.send(request(1, "/fail_after_response"))
        frames = client.until(ends(1)) + client.pong()
        assert answer(frames) == Answer(answer(frames).sections, b"some", None)


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ([(b":method", b"CONNECT"), (b":authority", b"localhost:1")], 501),
        (fields_of("*", "OPTIONS"), 400),
        (fields_of("no-slash"), 400),
    ],
)
def test_requests_that_are_none_for_an_application(
    pure: Served, fields: list[tuple[bytes, bytes]], status: int
) -> None:
    with RawClient(pure.target) as client:
        client.send(wire.headers(1, fields, end_stream=True))
        assert answer(client.until(ends(1))).status == status


def test_a_client_that_expects_100_continue(pure: Served) -> None:
    fields = fields_of("/messages", "POST", ("expect", "100-continue"))
    with RawClient(pure.target) as client:
        client.send(wire.headers(1, fields))
        frames = client.until(lambda frame: frame.type == Type.HEADERS)
        assert answer(frames).statuses == [b"100"]
        client.send(wire.data(1, b"content", end_stream=True))
        assert answer(frames + client.until(ends(1))).statuses == [b"100", b"200"]


def test_a_response_that_comes_before_the_request_is_complete(pure: Served) -> None:
    with RawClient(pure.target) as client:
        client.send(request(1, "/ignore_content", "POST", end_stream=False), wire.data(1, b"some"))
        frames = client.until(lambda frame: frame.type == Type.RST_STREAM)
        seen = answer(frames)
        assert (seen.status, seen.content, seen.reset) == (413, b"too large", Code.NO_ERROR)
        client.send(wire.data(1, bytes(16_000)))  # it was on its way already
        client.send(request(3, "/pieces"))
        assert answer(frames + client.until(ends(3)), 3).status == 200


@pytest.mark.slow
@pytest.mark.parametrize("peer", ["curl", "Node http2", "Go net/http"])
def test_clients_that_get_their_response_early(peer: str, pure: Served, matrix: Matrix) -> None:
    # Java 17 waits for ever for room to send the rest of its content.
    request = Request("/ignore_content", "POST", pure.site.big_file)
    (seen,) = exchange(peer, pure.target, [request])
    assert (seen.status, seen.length) == (413, len("too large"))
    matrix.passed("ASGI server", peer, "response before the upload of 20 MB is complete")


def test_content_that_nobody_reads_comes_back_to_the_connection(pure: Served) -> None:
    # The window of the connection has room for that of 100 requests; half of it is collected.
    with RawClient(pure.target) as client:
        client.pong()
        for stream_id in range(1, 121, 2):
            client.send(request(stream_id, "/hang", "POST", end_stream=False))
            client.send(wire.data(stream_id, bytes(16_000)) * 4, wire.rst_stream(stream_id))
        frames = client.until(lambda frame: frame.type == Type.WINDOW_UPDATE)
        assert (frames[-1].stream_id, frames[-1].increment > 3_000_000) == (0, True)


def test_a_client_cannot_pile_up_work(pure: Served) -> None:
    # Each of these applications goes on although the client has reset its stream.
    with RawClient(pure.target) as client:
        for stream_id in range(1, 401, 2):
            client.send(request(stream_id, "/hang"))
            client.pong()
            client.send(wire.rst_stream(stream_id))
        client.send(request(401, "/pieces"))
        assert answer(client.until(ends(401)), 401).reset == Code.REFUSED_STREAM
    # Others are not concerned.
    assert ask(pure.target, "/pieces").status == 200


# --- Idle clients ---


@pytest.mark.slow
def test_silent_clients_are_given_up(site: Site, certificates: Certificate) -> None:
    patch = "module.IDLE_SECONDS = module.GRACE_SECONDS = module.LINGER_SECONDS = 0.3"
    application = f"{PURE}:app"
    with example(MODULE, APPLICATION_OFFER, site, certificates, application, patch=patch) as served:
        with RawClient(served.target) as client:
            frames = client.to_end()
            assert (frames[-1].type, frames[-1].error_code) == (Type.GOAWAY, Code.NO_ERROR)
        # One that waits for a response is asked for a sign of life first.
        with RawClient(served.target) as client:
            client.send(request(1, "/hang"))
            for _ in range(3):
                (*_, ping) = client.until(lambda frame: frame.type == Type.PING)
                client.send(wire.ping(ping.payload, ack=True))
            frames = client.to_end()
            assert [frame.type for frame in frames] == [Type.PING, Type.GOAWAY]
        stop(served)


def test_a_client_that_gives_no_room_is_given_up(site: Site, certificates: Certificate) -> None:
    patch = "module.Stream.wait.__defaults__ = (0.3,)"
    application = f"{PURE}:app"
    no_room = (Setting.INITIAL_WINDOW_SIZE, 0)
    with example(MODULE, APPLICATION_OFFER, site, certificates, application, patch=patch) as served:
        assert ask(served.target, "/pieces", settings=[no_room]).reset == Code.CANCEL
        with RawClient(served.target) as client:
            client.send(request(1, "/messages", "POST", end_stream=False))
            assert answer(client.until(ends(1))).reset == Code.CANCEL
        stop(served)


# --- Lifespan and the command line ---


@pytest.mark.parametrize("application", ["app", "indifferent"])
def test_applications_that_know_no_lifespan(
    application: str, site: Site, certificates: Certificate
) -> None:
    with example(MODULE, APPLICATION_OFFER, site, certificates, f"{PURE}:{application}") as served:
        assert ask(served.target, "/pieces").content == b"ab"
        stop(served)


def test_a_life(mark: Path, site: Site, certificates: Certificate) -> None:
    mark.write_text("")
    with example(MODULE, APPLICATION_OFFER, site, certificates, f"{PURE}:marks") as served:
        assert mark.read_text() == "startup\n"
        ask(served.target, "/pieces")
        stop(served)
    assert mark.read_text() == "startup\nrequest\nshutdown\n"
    mark.write_text("shut down")


def test_a_startup_that_fails(certificates: Certificate) -> None:
    options = ["--certificates", str(certificates.authority.parent), "--port", "0"]
    done = run([sys.executable, "-X", "dev", "-m", MODULE, *options, f"{PURE}:no_startup"])
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "startup failed: no database\n")


def test_a_shutdown_that_fails(site: Site, certificates: Certificate) -> None:
    with example(MODULE, APPLICATION_OFFER, site, certificates, f"{PURE}:no_shutdown") as served:
        assert ask(served.target, "/pieces").status == 200
        _, err = served.server.stop()
        assert served.server.process.returncode == 1
        assert err == "shutdown failed: no database any more\n"


def test_a_shutdown_that_takes_too_long(site: Site, certificates: Certificate) -> None:
    patch, application = "module.GRACE_SECONDS = 0.3", f"{PURE}:endless_shutdown"
    with example(MODULE, APPLICATION_OFFER, site, certificates, application, patch=patch) as served:
        _, err = served.server.stop()
        assert (served.server.process.returncode, err) == (1, "shutdown takes too long\n")


def test_ctrl_c_while_an_application_hangs(site: Site, certificates: Certificate) -> None:
    patch = "module.GRACE_SECONDS = 0.3"
    with example(
        MODULE, APPLICATION_OFFER, site, certificates, f"{PURE}:app", patch=patch
    ) as served:
        with RawClient(served.target) as client:
            client.send(request(1, "/hang"))
            client.pong()
            served.server.interrupt()
            assert answer(client.to_end()) == Answer([], b"", Code.CANCEL)
        finish(served)


@pytest.mark.parametrize("name", ["no_such_module:app", f"{PURE}:application", "nonsense:"])
def test_an_application_that_is_not_there(name: str, certificates: Certificate) -> None:
    folder = str(certificates.authority.parent)
    done = run([sys.executable, "-m", MODULE, "--certificates", folder, "--port", "0", name])
    assert (done.returncode, done.stdout) == (2, "")
    assert f"cannot load {name}" in done.stderr
    assert "Traceback" not in done.stderr
