"""The reverse proxy in front of servers of HTTP/1.1 and HTTP/2 that nobody here wrote."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from support.cases import Offer
from support.example import Example, Served
from support.servers import nghttpd, nginx
from support.site import Site
from support.standard import ServerTests

if TYPE_CHECKING:
    from examples.common.certificate import Certificate

SIDE = "reverse proxy"
OFFER = Offer(
    small="/hello.txt",
    small_is_hello=True,
    big="/big.bin",
    echo="/echo",
    page="/page.html",
    missing="/none",
)
PROGRAM = Example("examples.proxy.server", OFFER, ("h11",))


@pytest.fixture(scope="module", params=["HTTP/1.1", "HTTP/2"])
def program(
    request: pytest.FixtureRequest, site: Site, certificates: Certificate
) -> Iterator[Example]:
    """The proxy in front of nginx, or of nghttpd, because nginx takes no trailers over HTTP/2."""
    server, options = (nghttpd, ["--http2"]) if request.param == "HTTP/2" else (nginx, [])
    with server(site, certificates) as target:
        assert target.authority
        yield replace(PROGRAM, arguments=(*options, "--authority", target.trust, target.url))


class TestServer(ServerTests):
    side = SIDE
