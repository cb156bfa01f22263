"""The ASGI server, started as it documents itself, with Starlette and with applications of our own."""

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

MODULE = "examples.asyncio.asgi_server"
STARLETTE = "tests.examples.applications.starlette_app:app"
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
def starlette(site: Site, certificates: Certificate) -> Iterator[Served]:
    require_module("starlette")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("H2_TEST_FOLDER", str(site.folder))
        with example(MODULE, OFFER, site, certificates, STARLETTE) as served:
            yield served
            stop(served)


@pytest.mark.parametrize("case", cases(OFFER), ids=str)
def test_peers(case: Case, starlette: Served, matrix: Matrix) -> None:
    case.run(starlette.target, OFFER, starlette.site)
    matrix.passed("ASGI server with Starlette", case.peer, case.name)


@pytest.mark.parametrize("name", rudeness(OFFER))
def test_rude_clients(name: str, starlette: Served) -> None:
    RUDENESS[name](starlette)


@pytest.mark.parametrize("name", ENDINGS)
def test_ctrl_c(name: str, site: Site, certificates: Certificate) -> None:
    with example(MODULE, OFFER, site, certificates, STARLETTE) as served:
        ENDINGS[name](served)
