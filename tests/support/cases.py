"""The standard cases that every example server must pass, each with a client.

A test module says what its server offers, and runs the cases that fit. It inherits them from
`support.standard`, or runs them itself:

    OFFER = Offer(small="/hello.txt", big="/big.bin", page="/page.html", missing="/none")

    @pytest.mark.parametrize("case", cases(OFFER), ids=str)
    def test_peers(case: Case, target: Target, site: Site, matrix: Matrix) -> None:
        case.run(target, OFFER, site)
        matrix.passed("curio file server", case.peer, case.name)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from support.clients import (
    EXCHANGES,
    Request,
    Target,
    all_good,
    exchange,
    expected,
    h2load,
    nghttp,
    page_report,
)
from support.site import RESOURCES, Site

#: Node's http2 and curl support prior knowledge without TLS; these clients do not.
TLS_ONLY = {"Java HttpClient", "Go net/http"}


@dataclass(frozen=True)
class Offer:
    """The paths of a server that the cases need; None if it does not have one."""

    small: str  # GET and HEAD succeed
    small_is_hello: bool = False  # the content is that of the site's hello.txt
    big: str | None = None  # the content is that of the site's big.bin
    echo: str | None = None  # POST returns its content
    page: str | None = None  # the page of `support.site`
    missing: str | None = None  # 404
    refused: tuple[str, str] | None = None  # a method and a path that are answered with 405
    tls: bool = True


@dataclass(frozen=True)
class Case:
    """A client, what it does, and the function that does so."""

    peer: str
    name: str
    function: Callable[[str, Target, Offer, Site], None]

    def run(self, target: Target, offer: Offer, site: Site) -> None:
        """Run the case; raise AssertionError if it fails."""
        self.function(self.peer, target, offer, site)

    @property
    def slow(self) -> bool:
        """Whether the tests of the wheels omit it."""
        return self.peer in {"Java HttpClient", "Go net/http", "Chromium"} or "20 MB" in self.name

    def __str__(self) -> str:
        return f"{self.peer}: {self.name}"


def cases(offer: Offer) -> list[Case]:
    """All cases that fit this offer."""
    found = []
    for peer in EXCHANGES:
        if peer in TLS_ONLY and not offer.tls:
            continue
        found.append(Case(peer, "GET and HEAD", _get))
        if peer != "curl" or offer.tls:  # see `_curl_exchange`
            found.append(Case(peer, "30 requests on a connection", _many))
        if offer.big:
            found.append(Case(peer, "download of 20 MB", _download))
        if offer.echo:
            found.append(Case(peer, "upload of 20 MB, echoed", _echo))
        if offer.missing or offer.refused:
            found.append(Case(peer, "bad requests get 4xx", _refusals))
    found.append(Case("nghttp", "GET with padding, trailers, small windows", _nghttp))
    found.append(Case("h2load", "1,000 requests, 10 at a time", _h2load))
    if offer.page and offer.tls:
        found.append(Case("Chromium", "page with 20 resources", _page))
    return found


def _get(peer: str, target: Target, offer: Offer, site: Site) -> None:
    get, head = exchange(peer, target, [Request(offer.small), Request(offer.small, "HEAD")])
    assert (get.status, get.version, head.status, head.version) == (200, "2", 200, "2")
    if offer.small_is_hello:
        assert get == expected(site.hello)
    assert get.length > 0
    assert head == expected(b"")


def _many(peer: str, target: Target, offer: Offer, site: Site) -> None:
    results = exchange(peer, target, [Request(offer.small)] * 30)
    assert {(result.status, result.version) for result in results} == {(200, "2")}
    if offer.small_is_hello:
        assert set(results) == {expected(site.hello)}


def _download(peer: str, target: Target, offer: Offer, site: Site) -> None:
    assert offer.big
    assert exchange(peer, target, [Request(offer.big)]) == [expected(site.big)]


def _echo(peer: str, target: Target, offer: Offer, site: Site) -> None:
    assert offer.echo
    requests = [Request(offer.small), Request(offer.echo, "POST", site.big_file)]
    small, big = exchange(peer, target, requests)
    assert small.status == 200
    assert big == expected(site.big)


def _refusals(peer: str, target: Target, offer: Offer, site: Site) -> None:
    requests, wanted = [Request(offer.small)], [200]
    if offer.missing:
        requests.append(Request(offer.missing))
        wanted.append(404)
    if offer.refused:
        method, path = offer.refused
        requests.append(Request(path, method))
        wanted.append(405)
    assert [result.status for result in exchange(peer, target, requests)] == wanted


def _nghttp(peer: str, target: Target, offer: Offer, site: Site) -> None:
    windows = ["--window-bits=6", "--connection-window-bits=16"]
    url = target.url + offer.small
    out = nghttp("--verbose", *windows, url, url + "?again")
    assert out.count(":status: 200") == 2
    if offer.small_is_hello:
        assert site.hello.decode().strip() in out
    assert "error_code=NO_ERROR" in out
    if offer.echo:
        extras = ["--padding=200", "--trailer", "x-sum: 1", f"--data={site.folder / '0.svg'}"]
        out = nghttp(*extras, target.url + offer.echo)
        assert out.strip() == (site.folder / "0.svg").read_text().strip()


def _h2load(peer: str, target: Target, offer: Offer, site: Site) -> None:
    counts = h2load(target, offer.small, "-n1000", "-m10", "-c4")
    assert counts == all_good(1000)
    if offer.big:
        # Its default windows are 1 GiB, so they do not limit what the server buffers.
        assert h2load(target, offer.big, "-n4", "-m2", "-c2") == all_good(4)


def _page(peer: str, target: Target, offer: Offer, site: Site) -> None:
    assert offer.page
    report = page_report(target, offer.page)
    assert report["loaded"] == RESOURCES
    # The page itself and its resources; Chromium asks for a favicon only with a window.
    assert report["protocols"] == ["h2"] * (1 + RESOURCES)
