"""The ASGI server, started as documented, with Starlette and with small applications."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support import wire
from support.answers import Answer, answer, ask
from support.clients import nghttp
from support.example import Example, Served, finish, stop
from support.gateways import APPLICATION_OFFER, counts, wait_for_count
from support.matrix import Matrix
from support.processes import TIMEOUT, complaints, run
from support.raw import RawClient, content, ends, request
from support.site import Site
from support.standard import ApplicationTests, GatewayTests
from support.wire import Code, Setting, Type

if TYPE_CHECKING:
    from examples.common.certificate import Certificate

MODULE = "examples.asyncio.asgi_server"
STARLETTE = "tests.examples.applications.starlette_app:app"
APPLICATIONS = "tests.examples.applications.asgi_app"
PROGRAM = Example(MODULE, APPLICATION_OFFER, ("starlette",), arguments=(STARLETTE,))
PURE = Example(MODULE, APPLICATION_OFFER, (), arguments=(f"{APPLICATIONS}:app",))


@pytest.fixture(scope="module", autouse=True)
def mark(site: Site, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The environment of applications, with the file in which they record their lifespan."""
    file = tmp_path_factory.mktemp("asgi") / "mark"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("H2_TEST_FOLDER", str(site.folder))
        patch.setenv("H2_TEST_MARK", str(file))
        yield file


def server_of(application: str) -> Example:
    """The server with another one of the small applications."""
    return replace(PURE, arguments=(f"{APPLICATIONS}:{application}",))


# --- Real clients, a real application ---


class TestServer(GatewayTests):
    side = "ASGI server with Starlette"


class TestApplications(ApplicationTests):
    side = "ASGI server"
    module, applications = MODULE, APPLICATIONS
    fine = "/pieces"
    reading = ("/messages", b"content")
    failing_early = (
        "/fail_at_once",
        "/fail_before_content",
        "/leave",
        "/cancelled",
        "/never_start",
        "/wrong_order",
        "/bad_field",
    )
    failing_late = (
        ("/fail_after_content", b"some"),
        ("/never_end", b"some"),
        ("/too_long", b"123"),
        ("/too_short", b"123"),
    )


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
    # Both have the largest window, and their content is available.
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


def test_an_application_that_fails_after_its_response(pure: Served) -> None:
    with RawClient(pure.target) as client:
        client.send(request(1, "/fail_after_response"))
        frames = client.until(ends(1)) + client.pong()
        assert answer(frames) == Answer(answer(frames).sections, b"some", None)


def test_content_that_nobody_reads_comes_back_to_the_connection(pure: Served) -> None:
    # The connection window has room for the content of 100 requests; it reopens at half of it.
    with RawClient(pure.target) as client:
        client.pong()
        for stream_id in range(1, 121, 2):
            client.send(request(stream_id, "/hang", "POST", end_stream=False))
            client.send(wire.data(stream_id, bytes(16_000)) * 4, wire.rst_stream(stream_id))
        frames = client.until(lambda frame: frame.type == Type.WINDOW_UPDATE)
        assert (frames[-1].stream_id, frames[-1].increment > 3_000_000) == (0, True)


def test_a_client_cannot_pile_up_work(pure: Served) -> None:
    # Each of these applications continues although the client has reset its stream.
    with RawClient(pure.target) as client:
        for stream_id in range(1, 401, 2):
            client.send(request(stream_id, "/hang"))
            client.pong()
            client.send(wire.rst_stream(stream_id))
        client.send(request(401, "/pieces"))
        assert answer(client.until(ends(401)), 401).reset == Code.REFUSED_STREAM
    # Other clients are not affected.
    assert ask(pure.target, "/pieces").status == 200


# --- Idle clients ---


@pytest.mark.slow
def test_silent_clients_are_given_up(site: Site, certificates: Certificate) -> None:
    patch = "module.IDLE_SECONDS = module.GRACE_SECONDS = module.LINGER_SECONDS = 0.3"
    with PURE.running(site, certificates, patch=patch) as served:
        with RawClient(served.target) as client:
            frames = client.to_end()
            assert (frames[-1].type, frames[-1].error_code) == (Type.GOAWAY, Code.NO_ERROR)
        # A client that waits for a response gets a PING first.
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
    no_room = (Setting.INITIAL_WINDOW_SIZE, 0)
    with PURE.running(site, certificates, patch=patch) as served:
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
    with server_of(application).running(site, certificates) as served:
        assert ask(served.target, "/pieces").content == b"ab"
        stop(served)


def test_a_life(mark: Path, site: Site, certificates: Certificate) -> None:
    mark.write_text("")
    with server_of("marks").running(site, certificates) as served:
        assert mark.read_text() == "startup\n"
        ask(served.target, "/pieces")
        stop(served)
    assert mark.read_text() == "startup\nrequest\nshutdown\n"
    mark.write_text("shut down")


def test_a_startup_that_fails(certificates: Certificate) -> None:
    options = ["--certificates", str(certificates.authority.parent), "--port", "0"]
    done = run([sys.executable, "-X", "dev", "-m", MODULE, *options, f"{APPLICATIONS}:no_startup"])
    assert (done.returncode, done.stdout) == (1, "")
    assert complaints(done.stderr) == ["startup failed: no database"]


def test_a_shutdown_that_fails(site: Site, certificates: Certificate) -> None:
    with server_of("no_shutdown").running(site, certificates) as served:
        assert ask(served.target, "/pieces").status == 200
        _, err = served.server.stop()
        assert served.server.process.returncode == 1
        assert complaints(err) == ["shutdown failed: no database any more"]


def test_a_shutdown_that_takes_too_long(site: Site, certificates: Certificate) -> None:
    patch = "module.GRACE_SECONDS = 0.3"
    with server_of("endless_shutdown").running(site, certificates, patch=patch) as served:
        _, err = served.server.stop()
        assert served.server.process.returncode == 1
        assert complaints(err) == ["shutdown takes too long"]


def test_ctrl_c_while_an_application_hangs(site: Site, certificates: Certificate) -> None:
    patch = "module.GRACE_SECONDS = 0.3"
    with PURE.running(site, certificates, patch=patch) as served:
        with RawClient(served.target) as client:
            client.send(request(1, "/hang"))
            client.pong()
            served.server.interrupt()
            assert answer(client.to_end()) == Answer([], b"", Code.CANCEL)
        finish(served)
