"""The programs of the chapters on clients, run as the chapters show."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from examples.common.certificate import server_context
from h2.buffered import BufferedH2Connection
from support import wire
from support.cases import Offer
from support.example import Example, stop
from support.processes import ROOT, TIMEOUT, complaints, python_command
from support.scripted import Client, scripted
from support.servers import nghttpd, nginx
from support.site import Site

if TYPE_CHECKING:
    from examples.common.certificate import Certificate


def run(name: str, url: str, certificates: Certificate) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        python_command(f"examples/tutorial/{name}.py", url),
        cwd=ROOT,
        env=os.environ | {"SSL_CERT_FILE": str(certificates.authority)},
        capture_output=True,
        timeout=TIMEOUT,
        check=False,
    )


def test_the_first_client_gets_content_of_any_length(site: Site, certificates: Certificate) -> None:
    with nghttpd(site, certificates) as target:
        done = run("first_client", target.url + "/big.bin", certificates)
    assert done.returncode == 0, done.stderr
    assert done.stdout == site.big
    assert b":status: 200\n" in done.stderr


def cut_off(client: Client) -> None:
    client.request()
    client.send(wire.headers(1, wire.RESPONSE), wire.data(1, b"half"), wire.rst_stream(1, 2))
    client.rest()


def goes_away(client: Client) -> None:
    client.request()
    client.send(wire.goaway(0))
    client.rest()


@pytest.mark.parametrize("script", [cut_off, goes_away])
def test_the_first_client_notices_when_there_is_no_complete_response(
    script: Callable[[Client], None], certificates: Certificate
) -> None:
    context = server_context(certificates.chain.parent)
    with scripted(script, context) as port:
        done = run("first_client", f"https://localhost:{port}/", certificates)
    assert done.returncode == 1
    assert b"StreamClosedError" in done.stderr


def hangs_up(client: Client) -> None:
    with contextlib.suppress(OSError):  # the program may be faster
        client.hang_up()


@pytest.mark.parametrize("name", ["first_client", "many_requests"])
def test_a_server_without_http2_is_named(name: str, certificates: Certificate) -> None:
    context = server_context(certificates.chain.parent, ("http/1.1",))
    with scripted(hangs_up, context) as port:
        done = run(name, f"https://localhost:{port}/", certificates)
    assert done.returncode == 1
    assert complaints(done.stderr.decode()) == ["the server does not offer HTTP/2"]


def test_a_thousand_requests_wait_for_their_turn(site: Site, certificates: Certificate) -> None:
    # How many may be sent before the server has announced its limit.
    limit = f"--max-concurrent-streams={BufferedH2Connection.STREAMS_BEFORE_SETTINGS}"
    with nghttpd(site, certificates, limit) as target:
        done = run("many_requests", target.url + "/hello.txt", certificates)
    octets = 1000 * len(site.hello)
    assert done.stdout.decode() == f"1000 of 1000 responses, {octets:,} octets\n", done.stderr


def test_the_chapter_shows_what_the_example_server_sends(
    site: Site, certificates: Certificate
) -> None:
    page = (ROOT / "docs" / "many-requests.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"1000 of 1000 responses, ([\d,]+) octets", page)
    server = Example("examples.asyncio.server", Offer(small="/"), ())
    with server.running(site, certificates) as served:
        done = run("many_requests", served.target.url + "/", certificates)
        stop(served)
    # Each response has the port of the server, which is 8443 on the page.
    longer = 1000 * (len(str(served.server.port)) - len("8443"))
    octets = int(shown.replace(",", "")) + longer
    assert done.stdout.decode() == f"1000 of 1000 responses, {octets:,} octets\n", done.stderr


def test_requests_that_the_server_did_not_process_are_told(
    site: Site, certificates: Certificate
) -> None:
    with nginx(site, certificates, "keepalive_requests 50;") as target:
        done = run("many_requests", target.url + "/hello.txt", certificates)
    found = re.fullmatch(rb"(\d+) of 1000 responses, .*\n", done.stdout)
    assert found, done
    assert 1 <= int(found[1]) < 1000
    assert complaints(done.stderr.decode()) == []
