"""The curio file server, started as it documents itself, with clients of all kinds."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from support.cases import Case, Offer, cases
from support.fileserver import FILE_CASES, Cellar, make_cellar
from support.matrix import Matrix
from support.processes import require_installed
from support.rude import (
    ENDINGS,
    IMPATIENT,
    RUDENESS,
    SILENCES,
    Served,
    example,
    rudeness,
    stop,
)
from support.site import Site

if TYPE_CHECKING:
    from examples.common.certificate import Certificate

pytestmark = pytest.mark.skipif(
    sys.version_info >= (3, 12), reason="curio 1.6 uses what Python 3.12 has removed"
)
MODULE = "examples.curio.server"
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
    require_installed("curio")


@pytest.fixture(scope="module")
def served(site: Site, certificates: Certificate) -> Iterator[Served]:
    with example(MODULE, OFFER, site, certificates, str(site.folder)) as served:
        yield served
        stop(served)


@pytest.mark.parametrize("case", cases(OFFER), ids=str)
def test_peers(case: Case, served: Served, matrix: Matrix) -> None:
    case.run(served.target, OFFER, served.site)
    matrix.passed("curio file server", case.peer, case.name)


@pytest.mark.parametrize("name", rudeness(OFFER))
def test_rude_clients(name: str, served: Served) -> None:
    RUDENESS[name](served)


@pytest.fixture(scope="module")
def impatient(site: Site, certificates: Certificate) -> Iterator[Served]:
    with example(MODULE, OFFER, site, certificates, str(site.folder), patch=IMPATIENT) as served:
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
