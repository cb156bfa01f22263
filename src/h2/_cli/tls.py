"""TLS for both commands. Only imported if needed: not every Python has it."""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import importlib
import ipaddress
import re
import socket
import ssl
import tempfile
from pathlib import Path
from typing import Any, Final

import h2.connection
from h2._cli import http1
from h2._cli.channel import Channel, NotHttp2
from h2._cli.deadline import Deadline
from h2._cli.failure import Failure, Status
from h2._cli.frame_log import FrameLog
from h2._cli.text import printable, reason

_NO_TLS: Final = "The server does not speak TLS on this port; try http://"
#: What OpenSSL reports about a server, and what it means.
_SERVERS: Final = {
    "NO APPLICATION PROTOCOL": "The server does not offer HTTP/2 (it rejected ALPN h2)",
    "WRONG VERSION NUMBER": _NO_TLS,
    "RECORD LAYER FAILURE": _NO_TLS,
    "HTTP REQUEST": _NO_TLS,
    "CERTIFICATE REQUIRED": "The server requires a client certificate (--cert)",
}


#: What it reports about a client.
_CLIENTS: Final = {
    "UNKNOWN CA": "the client does not trust the certificate",
    "CERTIFICATE UNKNOWN": "the client does not trust the certificate",
    "BAD CERTIFICATE": "the client does not trust the certificate",
    "UNSUPPORTED PROTOCOL": "the client does not support TLS 1.2 or later",
    "NO SHARED CIPHER": "the client offers no acceptable cipher",
    "EOF": "the client disconnected",
}
_HANDSHAKE: Final = 22  # the type of the first record (RFC 8446 section 5.1)


class SecureChannel(Channel):
    """A channel on a socket with TLS; performs the handshake if that has not happened yet."""

    sock: ssl.SSLSocket

    def __init__(
        self, sock: ssl.SSLSocket, conn: h2.connection.H2Connection, log: FrameLog | None
    ) -> None:
        super().__init__(sock, conn, log)
        self._shaken = sock.version() is not None
        self._heard = (
            self._shaken
        )  # whether the other end has sent data, and so accepted the handshake
        self._looked = self._shaken  # whether the first octets are known to be TLS
        self._raw = False  # whether TLS has failed, and the socket is read without it

    def end(self) -> None:
        """Signal that nothing more will be sent, in TLS and below it."""
        with contextlib.suppress(OSError):  # the answer of the other end does not matter
            self.sock.unwrap()
        super().end()

    def _recv(self, amount: int) -> bytes | None:
        try:
            if self._raw:
                return socket.socket.recv(self.sock, amount)
            if not self._shaken and not self._shake_hands():
                return b""
            data = super()._recv(amount)
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return None
        except (ssl.SSLError, ConnectionError) as error:
            if self._heard or isinstance(error, NotHttp2):
                raise
            # With TLS 1.3 a client may reject the certificate after the server has finished.
            self._raw = True
            why = _cause(error, _CLIENTS) or _plain(error)
            raise NotHttp2(f"TLS failed: {why}") from None
        self._heard = True
        return data

    def _send(self, data: bytearray) -> int:
        try:
            if self._raw:
                return socket.socket.send(self.sock, data)
            return super()._send(data)
        except ssl.SSLWantReadError:
            return 0
        except (BlockingIOError, ssl.SSLWantWriteError):
            self.blocked = True
            return 0

    def explain(self, error: OSError) -> str | None:
        """Return what a server's alert means, which may arrive after the handshake."""
        return _cause(error, _SERVERS)

    def _shake_hands(self) -> bool:
        """Continue the handshake until it is complete; raises OSError if it fails.

        Returns False if the client has disconnected.
        """
        if not self._looked and not self._look_ahead():
            return False
        self.sock.do_handshake()
        self._shaken = True
        if self.sock.selected_alpn_protocol() != "h2":
            raise NotHttp2("does not offer HTTP/2 with ALPN", http1.ANSWER_OVER_TLS)
        return True

    def _look_ahead(self) -> bool:
        """Find out whether the first octets are TLS, without consuming them."""
        octets = socket.socket.recv(self.sock, 200, socket.MSG_PEEK)
        self._looked = True
        if octets and octets[0] != _HANDSHAKE:
            self._raw = True
            answer = http1.ANSWER_TO_PLAINTEXT if http1.is_http1(octets) else b""
            raise NotHttp2(f"speaks plaintext on the TLS port: {http1.first_line(octets)}", answer)
        return bool(octets)


def _cause(error: OSError, meanings: dict[str, str]) -> str | None:
    """Return what an OpenSSL error means, if that is known.

    Older versions of Python do not have its code, so this searches the text.
    """
    said = f"{getattr(error, 'reason', '')} {error}".upper().replace("_", " ")
    return next((text for part, text in meanings.items() if part in said), None)


def _plain(error: OSError) -> str:
    """Return what is wrong, without the places in OpenSSL and Python."""
    return re.sub(r"^\[[^]]*\] | \(_ssl\.c:\d+\)$", "", reason(error))


def client_context(authority: str | None, insecure: bool) -> ssl.SSLContext:
    """TLS for a client; it only offers HTTP/2."""
    try:
        context = ssl.create_default_context(cafile=authority)
    except OSError as error:
        text = f"Could not read the CA certificate {authority}: {reason(error)}"
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
    """Perform the handshake with a server; the socket has a timeout."""
    try:
        return context.wrap_socket(sock, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        text = f"SSL certificate problem: {error.verify_message}; --insecure ignores it"
        raise Failure(Status.CERTIFICATE, text) from None
    except OSError as error:
        limit.left()  # raises if the error was a timeout
        text = _cause(error, _SERVERS) or f"TLS handshake failed: {_plain(error)}"
        raise Failure(Status.TLS, text) from None


def describe(sock: ssl.SSLSocket) -> list[str]:
    """Return lines about an established connection: protocol and certificate."""
    cipher = (sock.cipher() or ("?",))[0]
    lines = [
        f"{sock.version()}, {cipher}, ALPN {sock.selected_alpn_protocol() or 'selected nothing'}"
    ]
    raw = sock.getpeercert(binary_form=True) or b""
    about: Any = sock.getpeercert()
    if about:  # otherwise it was not verified, and Python does not parse it
        names = ", ".join(f"{kind}:{name}" for kind, name in about.get("subjectAltName", ()))
        lines += [
            f"certificate for {_name(about['subject'])} ({names})",
            f"issued by {_name(about['issuer'])}",
            f"valid from {about['notBefore']} to {about['notAfter']}, verified",
        ]
    else:
        lines += _unverified(raw)
    lines.append(f"SHA-256 fingerprint {hashlib.sha256(raw).hexdigest()}")
    return [printable(line) for line in lines]


def _unverified(raw: bytes) -> list[str]:
    """Return lines about a certificate that was not verified, if cryptography can read it."""
    try:
        x509: Any = importlib.import_module("cryptography.x509")
    except ImportError:
        return ["certificate not verified"]
    found = x509.load_der_x509_certificate(raw)
    return [
        f"certificate for {found.subject.rfc4514_string()}, NOT VERIFIED",
        f"issued by {found.issuer.rfc4514_string()}",
        f"valid from {found.not_valid_before_utc} to {found.not_valid_after_utc}",
    ]


def _name(parts: Any) -> str:
    """Return a distinguished name as text."""
    return ", ".join(f"{kind}={value}" for part in parts for kind, value in part)


def server_context() -> ssl.SSLContext:
    """TLS for a server as RFC 9113 section 9.2 requires, without a certificate yet."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_RENEGOTIATION | ssl.OP_NO_COMPRESSION
    context.set_ciphers("ECDHE+AESGCM:ECDHE+CHACHA20")
    context.set_alpn_protocols(["h2"])
    return context


def accept(sock: socket.socket, context: ssl.SSLContext) -> ssl.SSLSocket:
    """Begin TLS with a client, without the handshake."""
    return context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)


def load_certificate(context: ssl.SSLContext, chain: str, key: str | None) -> None:
    """Use the certificate in these files."""
    try:
        context.load_cert_chain(chain, key, password="")
    except (OSError, ValueError) as error:
        text = f"Could not use the certificate {chain}: {reason(error)}"
        raise Failure(Status.CERTIFICATE_FILE, text) from None


def make_certificate(context: ssl.SSLContext, host: str) -> None:
    """Generate and use a self-signed certificate for this host and this machine."""
    try:
        x509: Any = importlib.import_module("cryptography.x509")
        hashes: Any = importlib.import_module("cryptography.hazmat.primitives.hashes")
        ec: Any = importlib.import_module("cryptography.hazmat.primitives.asymmetric.ec")
        forms: Any = importlib.import_module("cryptography.hazmat.primitives.serialization")
    except ImportError:
        text = "--tls needs the cryptography package to generate a certificate; or use --cert"
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
    with tempfile.TemporaryDirectory() as folder:  # others cannot read it
        file = Path(folder, "server.pem")
        file.write_bytes(plain + certificate.public_bytes(pem))
        context.load_cert_chain(file)


def _general_name(x509: Any, name: str) -> Any:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)
