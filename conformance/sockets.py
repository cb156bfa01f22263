"""Endpoints that are reached over TCP or TLS."""

from __future__ import annotations

import contextlib
import select
import shlex
import socket
import ssl
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from conformance.case import Case
from conformance.peer import Link, NotPossibleError, Role, Target

_READ = 65_536


class UnusableError(Exception):
    """The command line requests something impossible."""


class SocketLink:
    """A connection over a socket."""

    instant = False
    crash = ""

    def __init__(
        self, sock: socket.socket, seconds: float, process: subprocess.Popen[bytes] | None = None
    ) -> None:
        self._sock = sock
        self._process = process
        self._sock.settimeout(seconds)
        with contextlib.suppress(OSError):
            self._sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def send(self, octets: bytes) -> None:
        """Send all octets."""
        self._sock.sendall(octets)

    def receive(self, seconds: float) -> bytes | None:
        """Return what arrives within this time."""
        try:
            if not self._has_octets() and not select.select([self._sock], [], [], seconds)[0]:
                return b""
            self._sock.setblocking(False)
            return self._sock.recv(_READ) or None
        except (BlockingIOError, ssl.SSLWantReadError):
            return b""
        except OSError:
            return None
        finally:
            with contextlib.suppress(OSError):
                self._sock.setblocking(True)

    def _has_octets(self) -> bool:
        """Whether TLS has taken octets from the socket that have not been read yet."""
        return isinstance(self._sock, ssl.SSLSocket) and self._sock.pending() > 0

    def close(self) -> None:
        """Disconnect; a client that was started for the case is stopped."""
        self._sock.close()
        end(self._process)


def end(process: subprocess.Popen[bytes] | None) -> None:
    """Stop a program that was started for a case."""
    if process is not None:
        process.kill()
        process.wait()


@dataclass(frozen=True)
class Server:
    """A server under test."""

    url: str
    post: str | None
    seconds: float

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UnusableError(f"{self.url} is no URL of a server (http://host:port/path)")

    @property
    def target(self) -> Target:
        """The paths and the authority to request."""
        parts = urlsplit(self.url)
        path = parts.path or "/"
        return Target(
            parts.scheme.encode(),
            parts.netloc.encode(),
            path.encode(),
            (self.post or path).encode(),
        )

    def open(self, case: Case, role: Role) -> Link:
        """Connect; TLS offers h2 with ALPN, and accepts any certificate."""
        parts = urlsplit(self.url)
        host = str(parts.hostname)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        sock = socket.create_connection((host, port), timeout=self.seconds)
        if parts.scheme == "http":
            return SocketLink(sock, self.seconds)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        context.set_alpn_protocols(["h2"])
        try:
            secure = context.wrap_socket(sock, server_hostname=host)
        except OSError:
            sock.close()
            raise
        if secure.selected_alpn_protocol() != "h2":
            secure.close()
            raise NotPossibleError("the server does not pick h2 by ALPN")
        return SocketLink(secure, self.seconds)


@dataclass
class Clients:
    """Waits for a client under test, once for each case."""

    listener: socket.socket
    context: ssl.SSLContext | None
    command: str | None
    seconds: float
    patience: float  # how long to wait for a client
    _output: int = field(default=subprocess.DEVNULL)

    @property
    def url(self) -> str:
        """The URL for the client."""
        host, port = self.listener.getsockname()[:2]
        scheme = "https" if self.context else "http"
        return f"{scheme}://{'localhost' if self.context else host}:{port}/"

    def open(self, case: Case, role: Role) -> Link:
        """Start the client, or wait for one, and accept its connection."""
        process = None
        if self.command:
            self._hang_up_on_others()
            words = [word.replace("{url}", self.url) for word in shlex.split(self.command)]
            process = subprocess.Popen(
                words, stdin=subprocess.DEVNULL, stdout=self._output, stderr=self._output
            )
        else:
            print(f"{case.name(role)}: waiting for a client at {self.url}", file=sys.stderr)
        try:
            return SocketLink(self._accept(), self.seconds, process)
        except BaseException:
            end(process)
            raise

    def _hang_up_on_others(self) -> None:
        """Close connections of the previous case's client, which has tried again."""
        self.listener.settimeout(0)
        with contextlib.suppress(OSError):
            while True:
                self.listener.accept()[0].close()

    def _accept(self) -> socket.socket:
        self.listener.settimeout(self.patience)
        sock, _ = self.listener.accept()
        if self.context is None:
            return sock
        sock.settimeout(self.seconds)
        try:
            secure = self.context.wrap_socket(sock, server_side=True)
        except OSError:
            sock.close()
            raise
        if secure.selected_alpn_protocol() != "h2":
            secure.close()
            raise NotPossibleError("the client does not offer h2 by ALPN")
        return secure


def server_context(certificate: str | None, key: str | None) -> ssl.SSLContext:
    """The context of a server with this certificate, or one that openssl makes for this run."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_alpn_protocols(["h2"])
    if certificate:
        context.load_cert_chain(certificate, key)
        return context
    with tempfile.TemporaryDirectory() as folder:
        chain, secret = Path(folder, "certificate.pem"), Path(folder, "key.pem")
        names = "subjectAltName=DNS:localhost,IP:127.0.0.1"
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1"]
        command += ["-subj", "/CN=localhost", "-addext", names]
        command += ["-keyout", str(secret), "-out", str(chain)]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError) as error:
            raise UnusableError(f"openssl made no certificate: {error}") from None
        context.load_cert_chain(chain, secret)
    return context
