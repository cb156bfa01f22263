"""URLs on the command line, and their parts in a request."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final
from urllib.parse import quote, unquote_to_bytes, urljoin, urlsplit

from h2._cli.failure import Failure, Status

_PORTS: Final = {"https": 443, "http": 80}
_UNWANTED: Final = re.compile(r"[\x00-\x20\x7f\\]")
_HOST: Final = re.compile(r"[A-Za-z0-9._~!$&'()*+,;=-]+")
_SAFE: Final = "!#$%&'()*+,/:;=?@[]~"


@dataclass(frozen=True)
class Url:
    """Where a request goes."""

    scheme: str
    host: str  # for name resolution
    port: int
    authority: str  # host, and port if it is not the default, for `:authority`
    path: str  # with the query, for `:path`
    authorization: str | None  # Basic credentials, if the URL has a user

    @property
    def origin(self) -> tuple[str, str, int]:
        """The server of a connection: scheme, host and port."""
        return self.scheme, self.host, self.port

    def __str__(self) -> str:
        return f"{self.scheme}://{self.authority}{self.path}"

    def join(self, location: bytes) -> str:
        """Return the URL that a `location` field refers to."""
        try:
            return urljoin(str(self), quote(location, _SAFE))
        except ValueError as error:
            text = f"The response redirects to an invalid URL: {error}"
            raise Failure(Status.URL, text) from None

    def file_name(self) -> str:
        """Return the last part of the path, as a name for a file in this folder."""
        name = self.path.partition("?")[0].rpartition("/")[2]
        if name in {"", ".", ".."} or PurePath(name).name != name:
            raise Failure(Status.WRITE, f"{self} has no file name for --remote-name; use --output")
        return name


def parse(text: str) -> Url:
    """Parse a URL.

    The fragment is dropped, and characters outside ASCII are percent-encoded. Dot segments stay,
    so that one can find out what servers do with them.
    """
    if "://" not in text:
        raise Failure(Status.URL, f"URL has no scheme; try https://{text}")
    if _UNWANTED.search(text):
        raise Failure(Status.URL, "URL contains a space, a control character or a backslash")
    try:
        parts = urlsplit(text)
        port = parts.port
        host = _ascii_host(parts.hostname or "")
    except ValueError as error:
        raise Failure(Status.URL, f"Invalid URL: {error}") from None
    if parts.scheme not in _PORTS:
        raise Failure(Status.SCHEME, f"Protocol {parts.scheme!r} is not supported")
    usual = _PORTS[parts.scheme]
    port = usual if port is None else port
    name = f"[{host.partition('%')[0]}]" if ":" in host else host
    path = quote(parts.path or "/", _SAFE) + ("?" + quote(parts.query, _SAFE)) * bool(parts.query)
    return Url(
        scheme=parts.scheme,
        host=host,
        port=port,
        authority=name if port == usual else f"{name}:{port}",
        path=path,
        authorization=_credentials(parts.username, parts.password),
    )


def _ascii_host(host: str) -> str:
    """Return a host name in DNS form; raises ValueError if it is invalid."""
    if ":" in host:
        return host.replace("%25", "%")  # an IPv6 address, possibly with a zone (RFC 6874)
    if not host.isascii():
        host = host.encode("idna").decode("ascii")
    if not _HOST.fullmatch(host):
        raise ValueError("not a valid host")
    return host


def _credentials(user: str | None, password: str | None) -> str | None:
    if user is None:
        return None
    raw = unquote_to_bytes(user) + b":" + unquote_to_bytes(password or "")
    return "Basic " + base64.b64encode(raw).decode("ascii")
