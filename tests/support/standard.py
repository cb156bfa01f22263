"""The tests that all example servers share, for a module to inherit from.

    PROGRAM = Example("examples.gevent.server", FILE_OFFER, ("gevent",), serves_files=True)

    class TestServer(FileServerTests):
        side = "gevent file server"

`tests/examples/conftest.py` starts the server in the ways that the tests ask for, and picks the
cases that fit what it offers.
"""

from __future__ import annotations

import pytest

from support.cases import Case
from support.example import Served
from support.fileserver import FILE_CASES, Cellar
from support.gateways import GATEWAY
from support.matrix import Matrix
from support.rude import ENDINGS, RUDENESS, SILENCES


class ServerTests:
    """Clients that nobody here wrote, clients that behave badly, and Ctrl+C."""

    side: str  # what the record of peers calls the server

    def test_peers(self, case: Case, served: Served, matrix: Matrix) -> None:
        case.run(served.target, served.offer, served.site)
        matrix.passed(self.side, case.peer, case.name)

    def test_rude_clients(self, rudeness: str, served: Served) -> None:
        RUDENESS[rudeness](served)

    @pytest.mark.parametrize("name", SILENCES)
    def test_silent_clients(self, name: str, impatient: Served) -> None:
        SILENCES[name](impatient)

    @pytest.mark.parametrize("name", ENDINGS)
    def test_ctrl_c(self, name: str, mortal: Served) -> None:
        ENDINGS[name](mortal)


class FileServerTests(ServerTests):
    """The same, and what a server has to get through that hands out files."""

    @pytest.mark.parametrize("name", FILE_CASES)
    def test_files(self, name: str, guarded: Served, cellar: Cellar) -> None:
        FILE_CASES[name](guarded, cellar)


class GatewayTests(ServerTests):
    """The same, and what a server has to do for the applications that it runs."""

    @pytest.mark.parametrize(("peer", "name"), GATEWAY)
    def test_applications(
        self, peer: str | None, name: str, served: Served, matrix: Matrix
    ) -> None:
        GATEWAY[peer, name](served)
        if peer:
            matrix.passed(self.side, peer, name)
