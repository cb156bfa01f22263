"""The server on tornado, started as it documents itself, with clients of all kinds."""

from __future__ import annotations

import pytest

from support.cases import Case, Offer, cases
from support.matrix import Matrix
from support.rude import ENDINGS, RUDENESS, SILENCES, Example, Served, rudeness

OFFER = Offer(small="/", echo="/echo", refused=("DELETE", "/"))
PROGRAM = Example("examples.tornado.server", OFFER, ("tornado",))


@pytest.mark.parametrize("case", cases(OFFER), ids=str)
def test_peers(case: Case, served: Served, matrix: Matrix) -> None:
    case.run(served.target, OFFER, served.site)
    matrix.passed("tornado server", case.peer, case.name)


@pytest.mark.parametrize("name", rudeness(OFFER))
def test_rude_clients(name: str, served: Served) -> None:
    RUDENESS[name](served)


@pytest.mark.parametrize("name", SILENCES)
def test_silent_clients(name: str, impatient: Served) -> None:
    SILENCES[name](impatient)


@pytest.mark.parametrize("name", ENDINGS)
def test_ctrl_c(name: str, mortal: Served) -> None:
    ENDINGS[name](mortal)
