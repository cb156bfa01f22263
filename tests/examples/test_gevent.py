"""The gevent file server, started as it documents itself, with clients of all kinds."""

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

MODULE = "examples.gevent.server"
OFFER = Offer(
    small="/hello.txt",
    small_is_hello=True,
    big="/big.bin",
    page="/page.html",
    missing="/none",
    refused=("DELETE", "/hello.txt"),
)


@pytest.fixture(scope="module", autouse=True)
def gevent() -> None:
    require_module("gevent")


@pytest.fixture(scope="module")
def served(site: Site, certificates: Certificate) -> Iterator[Served]:
    with example(MODULE, OFFER, site, certificates, str(site.folder)) as served:
        yield served
        stop(served)


@pytest.mark.parametrize("case", cases(OFFER), ids=str)
def test_peers(case: Case, served: Served, matrix: Matrix) -> None:
    case.run(served.target, OFFER, served.site)
    matrix.passed("gevent file server", case.peer, case.name)


@pytest.mark.parametrize("name", rudeness(OFFER))
def test_rude_clients(name: str, served: Served) -> None:
    RUDENESS[name](served)


@pytest.mark.parametrize("name", ENDINGS)
def test_ctrl_c(name: str, site: Site, certificates: Certificate) -> None:
    with example(MODULE, OFFER, site, certificates, str(site.folder)) as served:
        ENDINGS[name](served)
