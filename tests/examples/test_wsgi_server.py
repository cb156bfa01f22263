"""The WSGI server, started as it documents itself, with Flask and with applications of our own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from support.cases import Case, Offer, cases
from support.matrix import Matrix
from support.processes import require_module
from support.rude import ENDINGS, RUDENESS, Served, example, rudeness, stop
from support.site import Site

if TYPE_CHECKING:
    from examples.common.certificate import Certificate

MODULE = "examples.asyncio.wsgi_server"
FLASK = "tests.examples.applications.flask_app:app"
OFFER = Offer(
    small="/files/hello.txt",
    small_is_hello=True,
    big="/files/big.bin",
    echo="/echo",
    page="/files/page.html",
    missing="/none",
    refused=("DELETE", "/echo"),
)


@pytest.fixture(scope="module")
def flask(site: Site, certificates: Certificate) -> Iterator[Served]:
    require_module("flask")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("H2_TEST_FOLDER", str(site.folder))
        with example(MODULE, OFFER, site, certificates, FLASK) as served:
            yield served
            stop(served)


@pytest.mark.parametrize("case", cases(OFFER), ids=str)
def test_peers(case: Case, flask: Served, matrix: Matrix) -> None:
    case.run(flask.target, OFFER, flask.site)
    matrix.passed("WSGI server with Flask", case.peer, case.name)


@pytest.mark.parametrize("name", rudeness(OFFER))
def test_rude_clients(name: str, flask: Served) -> None:
    RUDENESS[name](flask)


@pytest.mark.parametrize("name", ENDINGS)
def test_ctrl_c(name: str, site: Site, certificates: Certificate) -> None:
    with example(MODULE, OFFER, site, certificates, FLASK) as served:
        ENDINGS[name](served)
