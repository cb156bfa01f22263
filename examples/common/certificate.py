"""A certificate for servers on this machine, made when a server first starts.

A server's certificate comes from an authority of its own, which signs this one certificate and is
then forgotten. Clients that are given the authority's certificate trust the server:

    curl --cacert examples/certificates/authority.pem https://localhost:8443/

For a server that others use, take a real certificate; the examples need the paths of its two files.
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
    """Return the certificate in this folder, after making it if there is none yet."""
    paths = Certificate(folder / "authority.pem", folder / "server.pem", folder / "server.key")
    if not paths.key.exists():
        make(folder)
    return paths


def make(folder: Path) -> None:
    """Make a certificate in this folder; where two programs do so at once, one of them wins."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    authority = trustme.CA()
    server = authority.issue_cert(*NAMES)
    with tempfile.TemporaryDirectory(dir=folder.parent) as temporary:  # nobody else may look in
        draft = Path(temporary, "draft")
        draft.mkdir(mode=0o700)
        authority.cert_pem.write_to_path(draft / "authority.pem")
        for number, pem in enumerate(server.cert_chain_pems):
            pem.write_to_path(draft / "server.pem", append=number > 0)
        server.private_key_pem.write_to_path(draft / "server.key")
        (draft / "server.key").chmod(0o600)
        try:
            os.rename(draft, folder)  # takes the place of a folder only if that is empty
        except OSError:
            if not (folder / "server.key").exists():
                raise


def server_context(folder: Path = FOLDER, protocols: tuple[str, ...] = ("h2",)) -> ssl.SSLContext:
    """TLS for a server as RFC 9113 section 9.2 wants it; ALPN picks one of the protocols.

    A client that offers none of them still gets its handshake: look at
    `selected_alpn_protocol()` before you speak HTTP/2.
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
    """TLS for a client; it trusts this authority, or those that the system trusts."""
    context = ssl.create_default_context(cafile=authority)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(list(protocols))
    return context
