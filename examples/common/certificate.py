"""A certificate for servers on this machine, generated when a server first starts.

The server's certificate comes from a new authority, which signs only this certificate and is then
discarded. Clients that have the authority's certificate trust the server:

    curl --cacert examples/certificates/authority.pem https://localhost:8443/

For a public server, use a real certificate; the examples need the paths of its two files.
"""

from __future__ import annotations

import os
import ssl
import tempfile
from pathlib import Path
from typing import NamedTuple

import trustme

FOLDER = Path(__file__).resolve().parent.parent / "certificates"
NAMES = ("localhost", "127.0.0.1", "::1")


class Certificate(NamedTuple):
    """The files of a certificate, all of them PEM."""

    authority: Path  # what clients trust
    chain: Path  # what the server shows
    key: Path  # what only the server reads


def certificate(folder: Path = FOLDER) -> Certificate:
    """Return the certificate in this folder, which is created if it does not exist."""
    paths = Certificate(folder / "authority.pem", folder / "server.pem", folder / "server.key")
    if not paths.key.exists():
        make(folder)
    return paths


def make(folder: Path) -> None:
    """Create a certificate in this folder; if two programs do so at once, one of them wins."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    authority = trustme.CA()
    server = authority.issue_cert(*NAMES)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:  # others cannot read it
        draft = Path(temporary, "draft")
        draft.mkdir(mode=0o700)
        authority.cert_pem.write_to_path(draft / "authority.pem")
        for number, pem in enumerate(server.cert_chain_pems):
            pem.write_to_path(draft / "server.pem", append=number > 0)
        server.private_key_pem.write_to_path(draft / "server.key")
        (draft / "server.key").chmod(0o600)
        try:
            os.rename(draft, folder)  # replaces a folder only if that is empty
        except OSError:
            if not (folder / "server.key").exists():
                raise


def server_context(folder: Path = FOLDER, protocols: tuple[str, ...] = ("h2",)) -> ssl.SSLContext:
    """TLS for a server as RFC 9113 section 9.2 requires; ALPN selects one of the protocols.

    The handshake also succeeds for a client that offers none of them: check
    `selected_alpn_protocol()` before using HTTP/2.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
    context.set_alpn_protocols(list(protocols))
    files = certificate(folder)
    context.load_cert_chain(files.chain, files.key)
    return context


def client_context(
    authority: Path | None = None, protocols: tuple[str, ...] = ("h2",)
) -> ssl.SSLContext:
    """TLS for a client; it trusts this authority, or those of the system."""
    context = ssl.create_default_context(cafile=authority)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(list(protocols))
    return context
