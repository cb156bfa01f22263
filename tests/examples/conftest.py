"""The servers under test: each module names its own in `PROGRAM`, an `Example`.

Classes that inherit from `support.standard` get the cases that fit what it offers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from support.cases import cases
from support.clients import Target
from support.endings import ENDINGS, QUICK_ENDINGS
from support.example import IMPATIENT, PATIENT, SMALL, Example, Served, stop
from support.fileserver import Cellar, make_cellar
from support.misbehaving import misbehaviour
from support.servers import SERVERS
from support.site import Site
from support.standard import ServerTests

if TYPE_CHECKING:
    from examples.common.certificate import Certificate


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if metafunc.cls is None or not issubclass(metafunc.cls, ServerTests):
        return
    offer, left_out = metafunc.module.PROGRAM.offer, metafunc.cls.left_out
    if "case" in metafunc.fixturenames:
        fitting = [case for case in cases(offer) if case.name not in left_out]
        metafunc.parametrize("case", fitting, ids=str)
    for kind, names in (("misbehaviour", misbehaviour(offer)), ("ending", ENDINGS)):
        if kind in metafunc.fixturenames:
            metafunc.parametrize(kind, [name for name in names if name not in left_out])


@pytest.fixture(scope="module")
def program(request: pytest.FixtureRequest) -> Example:
    """The example that the module tests."""
    program = request.module.PROGRAM
    assert isinstance(program, Example)
    return program


@pytest.fixture(scope="module")
def served(program: Example, site: Site, certificates: Certificate) -> Iterator[Served]:
    """The server with the files of the site; it must end cleanly afterwards."""
    with program.running(site, certificates) as served:
        yield served
        stop(served)


@pytest.fixture(scope="module")
def pure(request: pytest.FixtureRequest, site: Site, certificates: Certificate) -> Iterator[Served]:
    """A server of small applications, `PURE` of the module, which prints how they fail."""
    with request.module.PURE.running(site, certificates) as served:
        yield served
        _, err = served.server.stop()
        assert served.server.process.returncode == 0, err
        # The validator raises AssertionError.
        assert not re.search("ResourceWarning|never retrieved|AssertionError", err), err


@pytest.fixture(scope="module")
def impatient(program: Example, site: Site, certificates: Certificate) -> Iterator[Served]:
    """The server, with short timeouts."""
    with program.running(site, certificates, patch=IMPATIENT) as served:
        yield served
        stop(served)


@pytest.fixture
def mortal(
    request: pytest.FixtureRequest, program: Example, site: Site, certificates: Certificate
) -> Iterator[Served]:
    """The server with room for three clients, for a test that ends it."""
    parameters = request.node.callspec.params if hasattr(request.node, "callspec") else {}
    patch = PATIENT if parameters.get("ending") in QUICK_ENDINGS else SMALL
    with program.running(site, certificates, patch=patch) as served:
        yield served


@pytest.fixture(scope="module", params=SERVERS)
def real_server(
    request: pytest.FixtureRequest, site: Site, certificates: Certificate
) -> Iterator[tuple[str, Target]]:
    """Each of the servers that clients are tested with: its name, and where it listens."""
    with SERVERS[request.param](site, certificates) as target:
        yield request.param, target


@pytest.fixture(scope="module")
def cellar(tmp_path_factory: pytest.TempPathFactory) -> Cellar:
    """A folder next to a secret that must not be served."""
    return make_cellar(tmp_path_factory.mktemp("cellar"))


@pytest.fixture(scope="module")
def guarded(
    program: Example, cellar: Cellar, site: Site, certificates: Certificate
) -> Iterator[Served]:
    """The server with the files of the cellar."""
    with program.running(site, certificates, root=cellar.root) as served:
        yield served
        stop(served)
