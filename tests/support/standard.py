"""The tests that all example servers share, for a module to inherit from.

    PROGRAM = Example("examples.gevent.server", FILE_OFFER, ("gevent",), serves_files=True)

    class TestServer(FileServerTests):
        side = "gevent file server"

`tests/examples/conftest.py` starts the server in the ways that the tests ask for, and picks the
cases that fit what it offers.
"""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import pytest

from support import wire
from support.answers import answer, ask
from support.cases import Case
from support.clients import Request, exchange
from support.endings import ENDINGS
from support.example import Served
from support.fileserver import FILE_CASES, Cellar
from support.gateways import GATEWAY
from support.matrix import Matrix
from support.misbehaving import MISBEHAVIOUR, SILENCES
from support.processes import run
from support.raw import RawClient, ends, fields_of, request
from support.wire import Code, Type

if TYPE_CHECKING:
    from examples.common.certificate import Certificate


class ServerTests:
    """Third-party clients, misbehaving clients, and Ctrl+C."""

    side: str  # the name of the server in the record of peers
    left_out: Collection[str] = ()  # names of cases that are skipped for the server

    def test_peers(self, case: Case, served: Served, matrix: Matrix) -> None:
        case.run(served.target, served.offer, served.site)
        matrix.passed(self.side, case.peer, case.name)

    def test_misbehaving_clients(self, misbehaviour: str, served: Served) -> None:
        MISBEHAVIOUR[misbehaviour](served)

    @pytest.mark.parametrize("name", SILENCES)
    def test_silent_clients(self, name: str, impatient: Served) -> None:
        SILENCES[name](impatient)

    def test_ctrl_c(self, ending: str, mortal: Served) -> None:
        ENDINGS[ending](mortal)


class FileServerTests(ServerTests):
    """The same, and tests for a file server."""

    @pytest.mark.parametrize("name", FILE_CASES)
    def test_files(self, name: str, guarded: Served, cellar: Cellar) -> None:
        FILE_CASES[name](guarded, cellar)


class GatewayTests(ServerTests):
    """The same, and tests for a server of applications."""

    @pytest.mark.parametrize(("peer", "name"), GATEWAY)
    def test_applications(
        self, peer: str | None, name: str, served: Served, matrix: Matrix
    ) -> None:
        GATEWAY[peer, name](served)
        if peer:
            matrix.passed(self.side, peer, name)


class ApplicationTests:
    """Tests with applications without a framework, which the server `pure` runs.

    They have the paths of `tests/examples/applications/wsgi_app.py`.
    """

    side: str
    module: str  # of the server
    applications: str  # the module that has them
    fine: str  # a path that is answered with 200
    reading: tuple[str, bytes]  # another one, which reads "content", and part of its answer
    failing_early: Sequence[str]
    failing_late: Sequence[tuple[str, bytes]]  # and what content comes before
    refused: Sequence[tuple[list[tuple[bytes, bytes]], int]] = (
        ([(b":method", b"CONNECT"), (b":authority", b"localhost:1")], 501),
        (fields_of("*", "OPTIONS"), 400),
        (fields_of("no-slash"), 400),
    )

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "early" in metafunc.fixturenames:
            metafunc.parametrize("early", self.failing_early)
        if "late" in metafunc.fixturenames:
            metafunc.parametrize(("late", "body"), self.failing_late)
        if "status" in metafunc.fixturenames:
            metafunc.parametrize(("fields", "status"), self.refused)

    def test_an_application_that_fails_before_it_sends_content(
        self, early: str, pure: Served
    ) -> None:
        seen = ask(pure.target, early)
        assert (seen.status, seen.reset) == (500, None)
        assert seen.values(b"x-of") == []
        head = ask(pure.target, early, "HEAD")
        assert (head.status, head.content) == (500, b"")

    def test_an_application_that_fails_after_content(
        self, late: str, body: bytes, pure: Served
    ) -> None:
        seen = ask(pure.target, late)
        assert (seen.status, seen.content, seen.reset) == (200, body, Code.INTERNAL_ERROR)

    def test_requests_that_are_none_for_an_application(
        self, fields: list[tuple[bytes, bytes]], status: int, pure: Served
    ) -> None:
        with RawClient(pure.target) as client:
            client.send(wire.headers(1, fields, end_stream=True))
            assert answer(client.until(ends(1))).status == status

    def test_a_client_that_expects_100_continue(self, pure: Served) -> None:
        expecting = ("expect", "100-continue")
        path, wanted = self.reading
        with RawClient(pure.target) as client:
            client.send(wire.headers(1, fields_of(path, "POST", expecting)))
            frames = client.until(lambda frame: frame.type == Type.HEADERS)
            assert answer(frames).statuses == [b"100"]
            client.send(wire.data(1, b"content", end_stream=True))
            seen = answer(frames + client.until(ends(1)))
        assert seen.statuses == [b"100", b"200"]
        assert wanted in seen.content
        # If the application reads no content, the server does not ask for it.
        with RawClient(pure.target) as client:
            client.send(wire.headers(1, fields_of("/ignore_content", "POST", expecting)))
            assert answer(client.until(ends(1))).statuses == [b"413"]

    def test_a_response_that_comes_before_the_request_is_complete(self, pure: Served) -> None:
        with RawClient(pure.target) as client:
            post = request(1, "/ignore_content", "POST", end_stream=False)
            client.send(post, wire.data(1, b"some"))
            frames = client.until(lambda frame: frame.type == Type.RST_STREAM)
            seen = answer(frames)
            assert (seen.status, seen.content, seen.reset) == (413, b"too large", Code.NO_ERROR)
            client.send(wire.data(1, bytes(16_000)))  # it was in flight already
            client.send(request(3, self.fine))
            assert answer(frames + client.until(ends(3)), 3).status == 200

    @pytest.mark.slow
    @pytest.mark.parametrize("peer", ["curl", "Node http2", "Go net/http"])
    def test_clients_that_get_their_response_early(
        self, peer: str, pure: Served, matrix: Matrix
    ) -> None:
        # Java 17 waits forever for room to send the rest of its content.
        upload = Request("/ignore_content", "POST", pure.site.big_file)
        (seen,) = exchange(peer, pure.target, [upload])
        assert (seen.status, seen.length) == (413, len("too large"))
        matrix.passed(self.side, peer, "response before the upload of 20 MB is complete")

    @pytest.mark.parametrize("name", ["no_such_module:app", "{}:application", "nonsense:"])
    def test_an_application_that_is_not_there(self, name: str, certificates: Certificate) -> None:
        name = name.format(self.applications)
        options = ["--certificates", str(certificates.authority.parent), "--port", "0"]
        done = run([sys.executable, "-m", self.module, *options, name])
        assert (done.returncode, done.stdout) == (2, "")
        assert f"cannot load {name}" in done.stderr
        assert "Traceback" not in done.stderr
