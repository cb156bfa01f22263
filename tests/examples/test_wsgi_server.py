"""The WSGI server, started as documented, with Flask and with small applications."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from support import wire
from support.answers import Answer, answer, ask
from support.clients import all_good, h2load
from support.example import Example, Served, finish, stop
from support.gateways import APPLICATION_OFFER
from support.processes import TIMEOUT
from support.raw import RawClient, content, ends, fields_of, request
from support.site import Site
from support.standard import ApplicationTests, GatewayTests
from support.wire import Code

if TYPE_CHECKING:
    from examples.common.certificate import Certificate

MODULE = "examples.asyncio.wsgi_server"
FLASK = "tests.examples.applications.flask_app:app"
APPLICATIONS = "tests.examples.applications.wsgi_app"
PROGRAM = Example(MODULE, APPLICATION_OFFER, ("flask",), arguments=(FLASK,))
PURE = Example(MODULE, APPLICATION_OFFER, (), arguments=(f"{APPLICATIONS}:app",))


@pytest.fixture(scope="module", autouse=True)
def environment(site: Site) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("H2_TEST_FOLDER", str(site.folder))
        yield


# --- Real clients, a real application ---


class TestServer(GatewayTests):
    side = "WSGI server with Flask"
    test_silent_clients = None  # it shares the code for connections with the ASGI server


class TestApplications(ApplicationTests):
    side = "WSGI server"
    module, applications = MODULE, APPLICATIONS
    fine = "/writing"
    reading = ("/digest", hashlib.sha256(b"content").hexdigest().encode())
    failing_early = (
        "/fail_at_once",
        "/fail_before_content",
        "/leave",
        "/never_start",
        "/start_twice",
        "/hop_by_hop",
        "/bad_status",
        "/bad_field",
        "/text_content",
    )
    failing_late = (
        ("/fail_after_content", b"some"),
        ("/late_second_thoughts", b"some"),
        ("/too_short", b"123"),
        ("/too_long_written", b"123"),
    )
    refused = (
        *ApplicationTests.refused,
        ([*fields_of("/")[:2], (b":authority", b"localhost:port"), (b":path", b"/environ")], 400),
    )


def test_ctrl_c_while_an_application_hangs(mortal: Served) -> None:
    with RawClient(mortal.target) as client:
        client.send(wire.headers(1, fields_of("/held", "POST"), end_stream=True))
        client.pong()
        mortal.server.interrupt()
        assert answer(client.to_end()) == Answer([], b"", Code.CANCEL)
    finish(mortal)


def test_cookies_in_both_directions(served: Served) -> None:
    # A client may send each cookie in a separate field (RFC 9113 section 8.2.3).
    seen = ask(served.target, "/cookies", fields=[("cookie", "a=1"), ("cookie", "b=2")])
    assert json.loads(seen.content) == {"a": "1", "b": "2"}
    assert [value[:5] for value in seen.values(b"set-cookie")] == [b"one=1", b"two=2"]


# --- PEP 3333 ---


def test_the_environment(pure: Served) -> None:
    fields = [("x-list", "a"), ("x_list", "forged"), ("x-list", "b"), ("content-type", "text/x")]
    path = "/environ/caf%C3%A9%2Fa?b=%20&c"
    seen: dict[str, Any] = json.loads(ask(pure.target, path, "POST", b"123", fields=fields).content)
    assert seen.pop("REMOTE_PORT").isdigit()
    assert seen == {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/environ/cafÃ©/a",  # UTF-8 as Latin-1
        "QUERY_STRING": "b=%20&c",
        "CONTENT_TYPE": "text/x",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "8443",
        "SERVER_PROTOCOL": "HTTP/2",
        "REMOTE_ADDR": "127.0.0.1",
        "HTTP_HOST": "localhost:8443",
        "HTTP_X_LIST": "a, b",
        "wsgi.url_scheme": "https",
        "wsgi.input_terminated": True,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
    }


def test_a_length_that_is_given_twice_is_still_a_length(pure: Served) -> None:
    fields = [("content-length", "3"), ("content-length", "3")]
    seen = json.loads(ask(pure.target, "/environ", "POST", b"123", fields=fields).content)
    assert seen["CONTENT_LENGTH"] == "3"


def test_all_ways_to_read(pure: Served) -> None:
    seen = ask(pure.target, "/reading", "POST", b"abcdef\nghi\njkl\nmno\npqr\nstu")
    wanted = ["abc", "def\n", "gh", "i\n", "jkl\n", "mno\npqr\nstu", "", ""]
    assert json.loads(seen.content) == wanted


def test_reading_waits_for_content_that_comes_bit_by_bit(pure: Served) -> None:
    with RawClient(pure.target) as client:
        client.send(request(1, "/reading", "POST", end_stream=False))
        for byte in b"abc\nde\nf":
            client.send(wire.data(1, bytes([byte]), pad=3))
            client.pong()
        client.send(wire.headers(1, [(b"x-trailer", b"1")], end_stream=True))
        seen = json.loads(answer(client.until(ends(1))).content)
    assert seen == ["abc", "\n", "de", "\n", "f", "", "", ""]


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        ("/writing", 200, b"written, written again, returned"),
        ("/empty_pieces", 200, b"ab"),
        ("/nothing", 200, b""),
        ("/not_modified", 304, b""),
        ("/no_content", 204, b""),
        ("/late_start", 200, b"late"),
        ("/second_thoughts", 503, b"sorry"),
        ("/too_long", 200, b"12345"),
    ],
)
def test_what_an_application_may_do(pure: Served, path: str, status: int, body: bytes) -> None:
    seen = ask(pure.target, path)
    assert (seen.status, seen.content, seen.reset) == (status, body, None)
    assert len(seen.values(b"date")) == 1
    head = ask(pure.target, path, "HEAD")
    assert (head.status, head.content, head.reset) == (status, b"", None)
    assert head.values(b"content-length") == seen.values(b"content-length")


def test_iterables_are_closed(pure: Served) -> None:
    paths = ["/writing", "/empty_pieces", "/fail_before_content", "/too_long", "/too_short"]
    before = json.loads(ask(pure.target, "/closings").content)
    for path in paths:
        ask(pure.target, path)
    # The thread of an application closes its result after the client has all of the response.
    expected = sorted(before + [path[1:] for path in paths])
    give_up = time.monotonic() + TIMEOUT
    while sorted(json.loads(ask(pure.target, "/closings").content)) != expected:
        assert time.monotonic() < give_up


def test_fields_are_latin_1(pure: Served) -> None:
    seen = ask(pure.target, "/latin_1/%E2%82%AC")
    assert seen.values(b"x-cafe") == [b"caf\xe9"]
    assert seen.values(b"set-cookie") == [b"a=1", b"b=2"]
    assert seen.content == b"/latin_1/\xe2\x82\xac"


def test_a_reset_ends_an_application_that_sends_nothing(pure: Served) -> None:
    before = json.loads(ask(pure.target, "/closings").content).count("endless")
    with RawClient(pure.target) as client:
        client.send(request(1, "/endless"))
        client.pong()
        client.send(wire.rst_stream(1))
        give_up = time.monotonic() + TIMEOUT
        while json.loads(ask(pure.target, "/closings").content).count("endless") == before:
            assert time.monotonic() < give_up


# --- Threads ---


def threads(number: int) -> Example:
    """The server with this many threads."""
    return replace(PURE, arguments=("--threads", str(number), *PURE.arguments))


def test_requests_run_at_the_same_time(pure: Served) -> None:
    with RawClient(pure.target) as client:
        client.send(*(request(n, "/meet") for n in (1, 3)))
        frames = client.until(ends(1))
        frames += client.until(ends(3)) if not any(map(ends(3), frames)) else []
        assert content(frames, 1) == content(frames, 3) == b"met"


@pytest.mark.slow
def test_more_requests_than_threads_wait(site: Site, certificates: Certificate) -> None:
    with threads(2).running(site, certificates) as served:
        assert h2load(served.target, "/busy", "-n200", "-m100", "-c2") == all_good(200)
        assert int(ask(served.target, "/busy").content) == 2
        stop(served)


def test_a_request_that_is_reset_while_it_waits_is_forgotten(
    site: Site, certificates: Certificate
) -> None:
    with threads(1).running(site, certificates) as served:
        with RawClient(served.target) as client:
            client.send(request(1, "/digest", "POST", end_stream=False))
            client.send(request(3, "/empty_pieces"))
            client.send(request(5, "/closings"))
            client.pong()
            client.send(wire.rst_stream(3), wire.data(1, b"", end_stream=True))
            frames = client.until(ends(5))
            assert any(map(ends(1), frames))
            assert json.loads(content(frames, 5)) == []  # the returned iterable has not been closed
        stop(served)
