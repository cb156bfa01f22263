"""The negotiation examples with third-party programs, and with each other."""

from __future__ import annotations

import json
import re
import socket
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from support.cases import Case, Offer, cases
from support.clients import Request, Target, chromium, curl, exchange, h2load, json_texts, nghttp
from support.matrix import Matrix
from support.peers import require_program
from support.processes import (
    Server,
    free_port,
    python_command,
    require_module,
    run,
    run_for_bytes,
    serving,
    started,
    wait_for_port,
)
from support.servers import SERVERS, nginx
from support.site import Site, digest

if TYPE_CHECKING:
    from examples.common.certificate import Certificate

OFFERS = {
    "tls": Offer(small="/", refused=("DELETE", "/")),
    "prior_knowledge": Offer(small="/", refused=("DELETE", "/"), tls=False),
    "upgrade": Offer(small="/", refused=("DELETE", "/"), tls=False),
}
SIDES = {"tls": "TLS with ALPN", "prior_knowledge": "prior knowledge", "upgrade": "upgrade"}
AGREED = {"tls": "ALPN", "prior_knowledge": "prior knowledge", "upgrade": "upgrade"}


@pytest.fixture(scope="module", autouse=True)
def _packages() -> None:
    require_module("h11")


def server_side(way: str) -> str:
    return f"negotiation: {SIDES[way]}, server"


def client_side(way: str) -> str:
    return f"negotiation: {SIDES[way]}, client"


@pytest.fixture(scope="module")
def servers(certificates: Certificate) -> Iterator[dict[str, Target]]:
    """The three servers, started as in the README of the folder."""
    with ExitStack() as stack:
        started: dict[str, Server] = {}
        for way in OFFERS:
            options = ["--port", "0"]
            if way == "tls":
                options += ["--certificates", str(certificates.authority.parent)]
            module = f"examples.negotiation.{way}_server"
            command = python_command("-m", module, *options)
            started[way] = stack.enter_context(serving(command))
        yield {
            way: Target(f"https://localhost:{server.port}", certificates.authority)
            if way == "tls"
            else Target(f"http://127.0.0.1:{server.port}")
            for way, server in started.items()
        }
        for way, server in started.items():
            out, err = server.stop()
            assert (way, server.process.returncode, out, err) == (way, 0, "", "")


# --- servers: the standard cases -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("way", "case"),
    [pytest.param(way, case, id=f"{way}-{case}") for way in OFFERS for case in cases(OFFERS[way])],
)
def test_standard_cases(
    way: str, case: Case, servers: dict[str, Target], site: Site, matrix: Matrix
) -> None:
    # Without TLS these clients use prior knowledge, which the upgrade server supports, too.
    case.run(servers[way], OFFERS[way], site)
    matrix.passed(server_side(way), case.peer, case.name)


UPLOADERS = [
    *[("tls", peer) for peer in ("curl", "Node http2", "Java HttpClient", "Go net/http")],
    *[("prior_knowledge", peer) for peer in ("curl", "Node http2")],
]


@pytest.mark.parametrize(("way", "peer"), UPLOADERS)
def test_uploads(
    way: str, peer: str, servers: dict[str, Target], site: Site, matrix: Matrix
) -> None:
    # Clients only report the hash of a response, so the response must be exactly this one.
    told = {
        "http_version": "2",
        "agreed_by": AGREED[way],
        "method": "POST",
        "target": "/upload",
        "content_length": len(site.big),
        "content_sha256": digest(site.big),
    }
    wanted = json.dumps(told, indent=2).encode() + b"\n"
    (result,) = exchange(peer, servers[way], [Request("/upload", "POST", site.big_file)])
    assert (result.status, result.digest) == (200, digest(wanted))
    matrix.passed(server_side(way), peer, "upload of 20 MB")


def test_chromium_over_tls(servers: dict[str, Target], matrix: Matrix) -> None:
    document = chromium(servers["tls"], "/from/a/browser")
    (text,) = re.findall(r"<pre>(\{.*\})\s*</pre>", document, re.DOTALL)
    (told,) = json_texts(text)
    assert (told["agreed_by"], told["target"]) == ("ALPN", "/from/a/browser")
    matrix.passed(server_side("tls"), "Chromium", "GET")


# --- the TLS server: clients without HTTP/2, and unsafe ones -------------------------------------


@pytest.mark.parametrize("older", ["--http1.1", "--no-alpn"])
def test_a_client_without_http2_is_told_so(
    older: str, servers: dict[str, Target], matrix: Matrix
) -> None:
    target = servers["tls"]
    done = curl(target, older, "--write-out", "%{http_code} %{http_version}", target.url)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "This server speaks HTTP/2 only (ALPN: h2).\n505 1.1"
    head = curl(target, older, "--head", target.url)
    assert (head.returncode, head.stderr) == (0, "")
    assert head.stdout.startswith("HTTP/1.1 505 HTTP Version Not Supported")
    matrix.passed(server_side("tls"), "curl", "HTTP/1.1 gets 505")


def handshake(target: Target, *arguments: str) -> str:
    """The report of openssl about a TLS connection, on which it sends nothing."""
    address = target.url.removeprefix("https://")
    options = ["-CAfile", target.trust, "-alpn", "h2,http/1.1", *arguments]
    command = [require_program("openssl"), "s_client", "-connect", address, *options]
    done = run_for_bytes(command)
    return (done.stdout + done.stderr).decode("latin-1")  # with the server's preface in it


def test_tls_is_as_section_9_2_wants_it(servers: dict[str, Target]) -> None:
    target = servers["tls"]
    for version in ("-tls1_2", "-tls1_3"):
        accepted = handshake(target, version)
        assert "ALPN protocol: h2" in accepted
        assert "Verify return code: 0 (ok)" in accepted
        assert "Compression: NONE" in accepted
    permitted = handshake(target, "-tls1_2", "-cipher", "ECDHE-ECDSA-AES128-GCM-SHA256")
    assert "Cipher is ECDHE-ECDSA-AES128-GCM-SHA256" in permitted
    # Appendix A has these: no AEAD, no ephemeral keys.
    for prohibited in ("ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES256-SHA", "AES128-GCM-SHA256"):
        refused = handshake(target, "-tls1_2", "-cipher", prohibited)
        assert "alert handshake failure" in refused
    assert "alert protocol version" in handshake(target, "-tls1_1", "-cipher", "ALL@SECLEVEL=0")


def test_renegotiation_is_refused(servers: dict[str, Target]) -> None:
    tls = require_module("OpenSSL.SSL")
    context = tls.Context(tls.TLSv1_2_METHOD)
    context.set_alpn_protos([b"h2"])
    port = int(servers["tls"].url.rpartition(":")[2])
    with socket.create_connection(("127.0.0.1", port)) as sock:
        client = tls.Connection(context, sock)
        client.set_connect_state()
        client.do_handshake()
        assert client.recv(65536)  # the preface, which would interfere
        assert client.renegotiate()
        with pytest.raises(tls.Error, match="no renegotiation"):
            client.do_handshake()


def test_a_client_without_tls_is_hung_up_on(servers: dict[str, Target]) -> None:
    plain = Target(servers["tls"].url.replace("https:", "http:"))
    assert curl(plain, plain.url).returncode != 0
    assert exchange("curl", servers["tls"], [Request("/")])[0].status == 200


# --- the upgrade server --------------------------------------------------------------------------


def upgrading(*arguments: str | Path) -> str:
    """The output of curl, which offers the upgrade with its first request."""
    command = [require_program("curl"), "-sS", "--max-time", "25", "--http2"]
    done = run([*command, *map(str, arguments)])
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def test_curl_upgrades(servers: dict[str, Target], matrix: Matrix) -> None:
    url = servers["upgrade"].url
    report = ["--write-out", "#%{http_version} %{num_connects}\n"]
    out = upgrading(*report, f"{url}/1", f"{url}/2", f"{url}/3")
    assert re.findall("#.*", out) == ["#2 1", "#2 0", "#2 0"]
    told = json_texts(re.sub("#.*", "", out))
    assert [(t["agreed_by"], t["target"]) for t in told] == [
        ("upgrade", f"/{n}") for n in (1, 2, 3)
    ]
    matrix.passed(server_side("upgrade"), "curl", "Upgrade: h2c, three requests")


def test_curl_upgrades_with_head(servers: dict[str, Target], matrix: Matrix) -> None:
    out = upgrading("--head", servers["upgrade"].url)
    first, second, rest = out.split("\n\n")
    assert first.startswith("HTTP/1.1 101 Switching Protocols")
    assert second.startswith("HTTP/2 200")
    assert int(re.findall(r"content-length: (\d+)", second)[0]) > 0
    assert rest == ""
    matrix.passed(server_side("upgrade"), "curl", "Upgrade: h2c with HEAD")


@pytest.mark.parametrize("how", ["content-length", "chunked", "100-continue"])
def test_curl_sends_content_before_the_upgrade(
    how: str, servers: dict[str, Target], site: Site, matrix: Matrix
) -> None:
    options = ["-X", "POST", "-T", str(site.big_file), "--expect100-timeout", "20"]
    if how == "chunked":
        options += ["-H", "Transfer-Encoding: chunked"]
    if how != "100-continue":
        options += ["-H", "Expect:"]
    (told,) = json_texts(upgrading(*options, f"{servers['upgrade'].url}/upload"))
    assert told["agreed_by"] == "upgrade"
    assert (told["method"], told["content_length"]) == ("POST", len(site.big))
    assert told["content_sha256"] == digest(site.big)
    matrix.passed(server_side("upgrade"), "curl", f"Upgrade: h2c with content, {how}")


def test_curl_stays_with_http11(servers: dict[str, Target], site: Site, matrix: Matrix) -> None:
    url = servers["upgrade"].url
    report = ["--write-out", "#%{http_version} %{num_connects}\n"]
    out = upgrading("--http1.1", "--data-binary", f"@{site.big_file}", *report, url, f"{url}/2")
    assert re.findall("#.*", out) == ["#1.1 1", "#1.1 0"]
    told = json_texts(re.sub("#.*", "", out))
    assert [(t["http_version"], t["agreed_by"]) for t in told] == [("1.1", None)] * 2
    assert {t["content_sha256"] for t in told} == {digest(site.big)}
    head = upgrading("--http1.1", "--head", url)
    assert head.startswith("HTTP/1.1 200 OK\n")
    (oldest,) = json_texts(upgrading("--http1.0", url))
    assert oldest["agreed_by"] is None
    done = run([require_program("h2load"), "--h1", "-n200", "-c4", url])
    assert "200 succeeded, 0 failed" in done.stdout
    matrix.passed(server_side("upgrade"), "curl", "HTTP/1.1 without upgrade")
    matrix.passed(server_side("upgrade"), "h2load", "HTTP/1.1 without upgrade")


def test_nghttp_upgrades(servers: dict[str, Target], site: Site, matrix: Matrix) -> None:
    target = servers["upgrade"]
    urls = [f"{target.url}/{number}" for number in range(12)]
    told = json_texts(nghttp("--upgrade", *urls))
    assert sorted(t["target"] for t in told) == sorted(f"/{number}" for number in range(12))
    assert {t["agreed_by"] for t in told} == {"upgrade"}
    # It upgrades with an OPTIONS request, and sends the content over HTTP/2.
    (told,) = json_texts(nghttp("--upgrade", f"--data={site.big_file}", target.url))
    assert (told["agreed_by"], told["content_sha256"]) == ("upgrade", digest(site.big))
    matrix.passed(server_side("upgrade"), "nghttp", "Upgrade: h2c, requests and upload")


def test_java_upgrades(servers: dict[str, Target], site: Site, matrix: Matrix) -> None:
    target = servers["upgrade"]
    requests = [Request("/"), *[Request("/", "HEAD")] * 3, *[Request("/")] * 26]
    results = exchange("Java HttpClient", target, requests)
    assert {(result.status, result.version) for result in results} == {(200, "2")}
    uploads = [Request("/upload", "POST", site.big_file)] * 2
    first, second = exchange("Java HttpClient", target, uploads)
    # The first one arrived over HTTP/1.1, before the upgrade, and the second one over HTTP/2.
    (told,) = json_texts(upgrading("--data-binary", f"@{site.big_file}", f"{target.url}/upload"))
    wanted = digest(json.dumps(told, indent=2).encode() + b"\n")
    assert (first.digest, second.digest) == (wanted, wanted)
    matrix.passed(server_side("upgrade"), "Java HttpClient", "Upgrade: h2c, requests and uploads")


def test_h2load_with_prior_knowledge_beside_upgrades(servers: dict[str, Target]) -> None:
    target = servers["upgrade"]
    command = [require_program("curl"), "-sS", "--max-time", "25", "--http2", target.url]
    with started(command) as other:
        assert h2load(target, "/", "-n200", "-m10", "-c2")["succeeded"] == 200
        out, _ = other.finish()
    assert json_texts(out)[0]["agreed_by"] == "upgrade"


# --- clients -------------------------------------------------------------------------------------


def client_run(
    way: str, authority: Path | None, *arguments: str, status: int = 0
) -> tuple[bytes, str]:
    """Run one of the clients; return its output and its error output."""
    options = ["--authority", str(authority)] if authority else []
    command = python_command("-m", f"examples.negotiation.{way}_client", *options, *arguments)
    done = run_for_bytes(command)
    assert done.returncode == status, done.stderr.decode()
    return done.stdout, done.stderr.decode()


NEGOTIATED = {
    "tls": r"negotiated HTTP/2 with ALPN, over TLSv1\.[23]\n",
    "prior_knowledge": r"using HTTP/2 with prior knowledge, without negotiation\n",
    "upgrade": r"upgraded to HTTP/2 \(status 101\)\n",
}
PEERS = [
    *[("tls", peer) for peer in SERVERS],
    *[("prior_knowledge", peer) for peer in SERVERS],
    *[("upgrade", peer) for peer in ("h2o", "hypercorn")],
]


@pytest.mark.parametrize(("way", "peer"), PEERS)
def test_clients(
    way: str, peer: str, site: Site, certificates: Certificate, matrix: Matrix
) -> None:
    with SERVERS[peer](site, certificates if way == "tls" else None) as target:
        small, big = f"{target.url}/hello.txt", f"{target.url}/big.bin"
        out, err = client_run(way, target.authority, "-v", small, small, big)
        assert re.fullmatch(NEGOTIATED[way], err)
        assert out == site.hello * 2 + site.big
        # The first response is the large one: in an upgrade that is stream 1.
        assert client_run(way, target.authority, big, small) == (site.big + site.hello, "")
        _, err = client_run(way, target.authority, f"{target.url}/none", small, status=1)
        assert err == f"error: {target.url}/none: status 404\n"
    for case in ("GET, one after the other", "download of 20 MB", "404"):
        matrix.passed(client_side(way), peer, case)


def test_a_server_that_leaves_after_the_upgrade(site: Site, matrix: Matrix) -> None:
    # Apache 2.4 sends GOAWAY as soon as it has nothing to send on an upgraded connection. Content
    # that is larger than the client's first window never arrives (nghttp has the same problem);
    # the other requests need separate connections.
    with SERVERS["Apache httpd"](site, None) as target:
        urls = [f"{target.url}/hello.txt?{number}" for number in range(3)]
        out, err = client_run("upgrade", None, "-v", *urls)
        assert re.fullmatch(f"({NEGOTIATED['upgrade']}){{1,3}}", err)
        assert out == site.hello * 3
        _, err = client_run("upgrade", None, f"{target.url}/none", status=1)
        assert err == f"error: {target.url}/none: status 404\n"
    for case in ("GET, one after the other", "404"):
        matrix.passed(client_side("upgrade"), "Apache httpd", case)


def test_a_server_that_refuses_the_upgrade(site: Site, matrix: Matrix) -> None:
    port = free_port()
    older = f"server {{ listen 127.0.0.1:{port}; root {site.folder}; keepalive_timeout 0; }}"
    with nginx(site, None, extra=older):
        wait_for_port(port)
        url = f"http://127.0.0.1:{port}"
        urls = (f"{url}/hello.txt", f"{url}/big.bin", f"{url}/hello.txt")
        out, err = client_run("upgrade", None, "-v", *urls)
        assert err == "continuing in HTTP/1.1, not upgraded (status 200)\n" * 3
        assert out == site.hello + site.big + site.hello
        _, err = client_run("upgrade", None, f"{url}/none", status=1)
        assert err == f"error: {url}/none: status 404\n"
    matrix.passed(client_side("upgrade"), "nginx", "refused upgrade, on in HTTP/1.1")


def test_a_server_that_refuses_the_upgrade_in_python(site: Site) -> None:
    # It answers in HTTP/1.0.
    command = [sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1", "0"]
    with serving([*command, "--directory", str(site.folder)]) as server:
        url = f"http://127.0.0.1:{server.port}/hello.txt"
        assert client_run("upgrade", None, url, url) == (site.hello * 2, "")


def test_a_tls_server_without_http2(site: Site, certificates: Certificate, matrix: Matrix) -> None:
    port = free_port()
    files = f"ssl_certificate {certificates.chain}; ssl_certificate_key {certificates.key};"
    older = f"server {{ listen 127.0.0.1:{port} ssl; root {site.folder}; {files} }}"
    with nginx(site, None, extra=older):
        wait_for_port(port)
        url = f"https://localhost:{port}/hello.txt"
        out, err = client_run("tls", certificates.authority, url, status=1)
    assert out == b""
    problem = "the server selected http/1.1 with ALPN, but this client only speaks HTTP/2"
    assert err == f"error: {problem}\n"
    matrix.passed(client_side("tls"), "nginx", "server without HTTP/2 is refused")


def test_a_certificate_that_nobody_signed(servers: dict[str, Target]) -> None:
    out, err = client_run("tls", None, servers["tls"].url, status=1)
    assert out == b""
    assert "CERTIFICATE_VERIFY_FAILED" in err
    with tempfile.TemporaryDirectory() as folder:
        missing = Path(folder, "none.pem")
        _, err = client_run("tls", missing, servers["tls"].url, status=2)
    assert "--authority" in err


@pytest.mark.parametrize("way", OFFERS)
def test_nobody_listens(way: str) -> None:
    scheme = "https" if way == "tls" else "http"
    out, err = client_run(way, None, f"{scheme}://127.0.0.1:{free_port()}/", status=1)
    assert (out, len(err.splitlines())) == (b"", 1)
    assert "refused" in err
    _, err = client_run(way, None, f"{'http' if way == 'tls' else 'https'}://x/", status=1)
    assert err.endswith(f"not of the form {scheme}://server[:port]/...\n")


# --- our programs with each other ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("client", "server", "agreed_by"),
    [
        ("tls", "tls", "ALPN"),
        ("prior_knowledge", "prior_knowledge", "prior knowledge"),
        ("prior_knowledge", "upgrade", "prior knowledge"),
        ("upgrade", "upgrade", "upgrade"),
    ],
)
def test_ours_with_ours(
    client: str, server: str, agreed_by: str, servers: dict[str, Target]
) -> None:
    target = servers[server]
    urls = [f"{target.url}{path}" for path in ("", "/two?x=%20", "/three")]
    out, err = client_run(client, target.authority, "-v", *urls)
    assert re.fullmatch(NEGOTIATED[client], err)
    told = json_texts(out.decode())
    assert [t["target"] for t in told] == ["/", "/two?x=%20", "/three"]
    assert {t["agreed_by"] for t in told} == {agreed_by}


@pytest.mark.parametrize(
    ("client", "server"), [("upgrade", "prior_knowledge"), ("upgrade", "tls"), ("tls", "upgrade")]
)
def test_ours_that_do_not_fit(client: str, server: str, servers: dict[str, Target]) -> None:
    scheme = "https:" if client == "tls" else "http:"
    url = re.sub("^https?:", scheme, servers[server].url)
    out, err = client_run(client, None, url, status=1)
    assert (out, len(err.splitlines())) == (b"", 1)
    assert err.startswith("error: ")
