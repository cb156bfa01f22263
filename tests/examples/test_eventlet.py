"""The server on eventlet, started as it documents itself, with clients of all kinds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from support.cases import Case, Offer, cases
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

MODULE = "examples.eventlet.server"
OFFER = Offer(small="/", echo="/echo", refused=("DELETE", "/"))


@pytest.fixture(scope="module", autouse=True)
def installed() -> None:
    require_installed("eventlet")
    require_installed("OpenSSL")


@pytest.fixture(scope="module")
def served(site: Site, certificates: Certificate) -> Iterator[Served]:
    with example(MODULE, OFFER, site, certificates) as served:
        yield served
        stop(served)


@pytest.mark.parametrize("case", cases(OFFER), ids=str)
def test_peers(case: Case, served: Served, matrix: Matrix) -> None:
    case.run(served.target, OFFER, served.site)
    matrix.passed("eventlet", case.peer, case.name)


@pytest.mark.parametrize("name", rudeness(OFFER))
def test_rude_clients(name: str, served: Served) -> None:
    RUDENESS[name](served)


@pytest.fixture(scope="module")
def impatient(site: Site, certificates: Certificate) -> Iterator[Served]:
    with example(MODULE, OFFER, site, certificates, patch=IMPATIENT) as served:
        yield served
        stop(served)


@pytest.mark.parametrize("name", SILENCES)
def test_silent_clients(name: str, impatient: Served) -> None:
    SILENCES[name](impatient)


@pytest.mark.parametrize("name", ENDINGS)
def test_ctrl_c(name: str, site: Site, certificates: Certificate) -> None:
    with example(MODULE, OFFER, site, certificates) as served:
        ENDINGS[name](served)
