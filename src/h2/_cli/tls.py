"""TLS for both commands. Only imported where TLS is spoken: not every Python has it."""

from __future__ import annotations

import contextlib
import datetime
import importlib
import ipaddress
import socket
import ssl
import tempfile
from pathlib import Path
from typing import Any

import h2.connection
from h2._cli.channel import Channel
from h2._cli.deadline import Deadline
from h2._cli.failure import Failure, Status
from h2._cli.frame_log import FrameLog
from h2._cli.text import reason


class SecureChannel(Channel):
    """A channel on a socket with TLS; the handshake is made where that has not happened yet."""

    sock: ssl.SSLSocket

    def __init__(
        self, sock: ssl.SSLSocket, conn: h2.connection.H2Connection, log: FrameLog | None
    ) -> None:
        super().__init__(sock, conn, log)
        self._shaken = sock.version() is not None

    def end(self) -> None:
        """Say that nothing more will be sent, in TLS and below it."""
        with contextlib.suppress(OSError):  # what the other end says to it does not matter
            self.sock.unwrap()
        super().end()

    def _recv(self, amount: int) -> bytes | None:
        try:
            self._shake_hands()
            return super()._recv(amount)
        except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None

    def _send(self, data: bytearray) -> int:
        try:
            self._shake_hands()
            return super()._send(data)
        except ssl.SSLWantReadError:
            return 0
        except ssl.SSLWantWriteError:
            self.blocked = True
            return 0

    def _shake_hands(self) -> None:
        """Go on with the handshake until it is done; raises OSError if it cannot be."""
        if self._shaken:
            return
        self.sock.do_handshake()
        if self.sock.selected_alpn_protocol() != "h2":
            raise ConnectionError("ALPN did not pick h2")
        self._shaken = True


def client_context(authority: str | None, insecure: bool) -> ssl.SSLContext:
    """TLS for a client; it offers nothing but HTTP/2."""
    try:
        context = ssl.create_default_context(cafile=authority)
    except OSError as error:
        text = f"Could not read the authority's certificate in {authority}: {reason(error)}"
        raise Failure(Status.AUTHORITY_FILE, text) from None
    if insecure:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["h2"])
    return context


def connect(
    sock: socket.socket, context: ssl.SSLContext, host: str, limit: Deadline
) -> ssl.SSLSocket:
    """Shake hands with a server; the socket has a time-out."""
    try:
        return context.wrap_socket(sock, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        text = f"SSL certificate problem: {error.verify_message}; --insecure would go on"
        raise Failure(Status.CERTIFICATE, text) from None
    except OSError as error:
        limit.left()  # raises if that is what is wrong
        raise Failure(Status.TLS, f"TLS handshake failed: {reason(error)}") from None


def server_context() -> ssl.SSLContext:
    """TLS for a server as RFC 9113 section 9.2 wants it, still without a certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
    context.set_alpn_protocols(["h2"])
    return context


def accept(sock: socket.socket, context: ssl.SSLContext) -> ssl.SSLSocket:
    """Begin TLS with a client; the handshake is still to be made."""
    return context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)


def load_certificate(context: ssl.SSLContext, chain: str, key: str | None) -> None:
    """Use the certificate in these files."""
    try:
        context.load_cert_chain(chain, key, password="")
    except (OSError, ValueError) as error:
        text = f"Could not use the certificate {chain}: {reason(error)}"
        raise Failure(Status.CERTIFICATE_FILE, text) from None


def make_certificate(context: ssl.SSLContext, host: str) -> None:
    """Use a certificate made now, signed with its own key, for this host and this machine."""
    try:
        x509: Any = importlib.import_module("cryptography.x509")
        hashes: Any = importlib.import_module("cryptography.hazmat.primitives.hashes")
        ec: Any = importlib.import_module("cryptography.hazmat.primitives.asymmetric.ec")
        forms: Any = importlib.import_module("cryptography.hazmat.primitives.serialization")
    except ImportError:
        text = "--tls needs the package cryptography to make a certificate; or give --cert"
        raise Failure(Status.USAGE, text) from None
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "python -m h2 serve")])
    now = datetime.datetime.now(datetime.timezone.utc)
    names = [_general_name(x509, name) for name in {"localhost", "127.0.0.1", "::1", host}]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=7))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(key, hashes.SHA256())
    )
    pem = forms.Encoding.PEM
    plain = key.private_bytes(pem, forms.PrivateFormat.PKCS8, forms.NoEncryption())
    with tempfile.TemporaryDirectory() as folder:  # nobody else may look in
        file = Path(folder, "server.pem")
        file.write_bytes(plain + certificate.public_bytes(pem))
        context.load_cert_chain(file)


def _general_name(x509: Any, name: str) -> Any:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
