"""The Twisted file server, started as documented, with various clients."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from support import wire
from support.example import IMPATIENT, Example, Served, finish, stop
from support.fileserver import FILE_OFFER
from support.processes import run
from support.raw import RawClient, content, ends, request
from support.site import Site
from support.standard import FileServerTests
from support.wire import Code, Setting, Type

if TYPE_CHECKING:
    from examples.common.certificate import Certificate

PROGRAM = Example("examples.twisted.server", FILE_OFFER, ("twisted",), serves_files=True)
HASTE = f"{IMPATIENT}; module.LINGER_SECONDS = 0.5"


@pytest.fixture(scope="module")
def impatient(site: Site, certificates: Certificate) -> Iterator[Served]:
    with PROGRAM.running(site, certificates, patch=HASTE) as served:
        yield served
        stop(served)


class TestServer(FileServerTests):
    side = "Twisted file server"


def test_a_second_ctrl_c_waits_for_nobody(site: Site, certificates: Certificate) -> None:
    patch = "module.STOP_SECONDS = 1000"
    with (
        PROGRAM.running(site, certificates, patch=patch) as served,
        RawClient(served.target, (Setting.INITIAL_WINDOW_SIZE, 5)) as client,
    ):
        client.send(request(1, "/hello.txt"))
        client.until(lambda frame: frame.type == Type.DATA)
        served.server.interrupt()
        client.until(lambda frame: frame.type == Type.GOAWAY)
        served.server.interrupt()
        finish(served)


@pytest.mark.parametrize("code", [Code.NO_ERROR, Code.PROTOCOL_ERROR])
def test_a_client_that_leaves_gets_its_responses(code: Code, served: Served) -> None:
    with RawClient(served.target, (Setting.INITIAL_WINDOW_SIZE, 5)) as client:
        client.send(request(1, "/hello.txt"), wire.goaway(0, code))
        frames = client.until(lambda frame: frame.type == Type.DATA)
        client.send(wire.window_update(1, 1000))
        frames += client.to_end()
        assert content(frames, 1) == served.site.hello


def test_the_end_needs_no_room_in_the_window(served: Served) -> None:
    size = len(served.site.hello)
    with RawClient(served.target, (Setting.INITIAL_WINDOW_SIZE, size)) as client:
        client.send(request(1, "/hello.txt"))
        assert content(client.until(ends(1)), 1) == served.site.hello


def test_a_port_that_is_taken(served: Served, site: Site) -> None:
    folder = served.target.authority.parent if served.target.authority else None
    options = ["--port", str(served.server.port), "--certificates", str(folder)]
    done = run([sys.executable, "-m", PROGRAM.module, *options, str(site.folder)])
    assert (done.returncode, done.stdout) == (1, "")
    assert "in use" in done.stderr
    assert "Traceback" not in done.stderr
