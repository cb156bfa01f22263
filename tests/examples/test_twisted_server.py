"""The Twisted file server, started as it documents itself, with clients of all kinds."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from support import wire
from support.cases import Case, Offer, cases
from support.fileserver import FILE_CASES, Cellar, make_cellar
from support.matrix import Matrix
from support.processes import require_installed, run
from support.raw import RawClient, content, ends, request
from support.rude import (
    ENDINGS,
    IMPATIENT,
    RUDENESS,
    SILENCES,
    Served,
    example,
    finish,
    rudeness,
    stop,
)
from support.site import Site
from support.wire import Code, Setting, Type

if TYPE_CHECKING:
    from examples.common.certificate import Certificate

MODULE = "examples.twisted.server"
OFFER = Offer(
    small="/hello.txt",
    small_is_hello=True,
    big="/big.bin",
    page="/page.html",
    missing="/none",
    refused=("DELETE", "/hello.txt"),
)


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    require_installed("twisted")


@pytest.fixture(scope="module")
def served(site: Site, certificates: Certificate) -> Iterator[Served]:
    with example(MODULE, OFFER, site, certificates, str(site.folder)) as served:
        yield served
        stop(served)


@pytest.mark.parametrize("case", cases(OFFER), ids=str)
def test_peers(case: Case, served: Served, matrix: Matrix) -> None:
    case.run(served.target, OFFER, served.site)
    matrix.passed("Twisted file server", case.peer, case.name)


@pytest.mark.parametrize("name", rudeness(OFFER))
def test_rude_clients(name: str, served: Served) -> None:
    RUDENESS[name](served)


HASTE = f"{IMPATIENT}; module.LINGER_SECONDS = 0.5"


@pytest.fixture(scope="module")
def impatient(site: Site, certificates: Certificate) -> Iterator[Served]:
    with example(MODULE, OFFER, site, certificates, str(site.folder), patch=HASTE) as served:
        yield served
        stop(served)


@pytest.mark.parametrize("name", SILENCES)
def test_silent_clients(name: str, impatient: Served) -> None:
    SILENCES[name](impatient)


@pytest.fixture(scope="module")
def cellar(tmp_path_factory: pytest.TempPathFactory) -> Cellar:
    return make_cellar(tmp_path_factory.mktemp("cellar"))


@pytest.fixture(scope="module")
def cellared(cellar: Cellar, site: Site, certificates: Certificate) -> Iterator[Served]:
    with example(MODULE, OFFER, site, certificates, str(cellar.root)) as served:
        yield served
        stop(served)


@pytest.mark.parametrize("name", FILE_CASES)
def test_files(name: str, cellared: Served, cellar: Cellar) -> None:
    FILE_CASES[name](cellared, cellar)


@pytest.mark.parametrize("name", ENDINGS)
def test_ctrl_c(name: str, site: Site, certificates: Certificate) -> None:
    with example(MODULE, OFFER, site, certificates, str(site.folder)) as served:
        ENDINGS[name](served)


def test_a_second_ctrl_c_waits_for_nobody(site: Site, certificates: Certificate) -> None:
    patch = "module.STOP_SECONDS = 1000"
    with (
        example(MODULE, OFFER, site, certificates, str(site.folder), patch=patch) as served,
        RawClient(served.target, (Setting.INITIAL_WINDOW_SIZE, 5)) as client,
    ):
        client.send(request(1, "/hello.txt"))
        client.until(lambda frame: frame.type == Type.DATA)
        served.server.process.send_signal(signal.SIGINT)
        client.until(lambda frame: frame.type == Type.GOAWAY)
        served.server.process.send_signal(signal.SIGINT)
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


def test_responses_take_turns(served: Served) -> None:
    # The window of the connection has room for four pieces.
    with RawClient(served.target) as client:
        client.send(request(1, "/big.bin"), request(3, "/big.bin"))
        frames = client.pong() + client.pong()
        data = [frame for frame in frames if frame.type == Type.DATA]
        assert {frame.stream_id for frame in data} == {1, 3}
        assert sum(len(frame.data) for frame in data) == wire.DEFAULT_WINDOW


def test_a_port_that_is_taken(served: Served, site: Site) -> None:
    folder = served.target.authority.parent if served.target.authority else None
    options = ["--port", str(served.server.port), "--certificates", str(folder)]
    done = run([sys.executable, "-m", MODULE, *options, str(site.folder)])
    assert (done.returncode, done.stdout) == (1, "")
    assert "in use" in done.stderr
    assert "Traceback" not in done.stderr
