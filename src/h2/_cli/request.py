"""The request that the command line describes: header section, content, trailers."""

from __future__ import annotations

import argparse
import base64
import getpass
import io
from typing import Final

import h2
from h2._cli import coding
from h2._cli.content import Source, open_source
from h2._cli.failure import Failure, Status
from h2._cli.url import Url
from h2._cli.url import parse as parse_url

Fields = list[tuple[bytes, bytes]]

_FORM: Final = "application/x-www-form-urlencoded"
#: Fields that are only for the server that the user has named.
_CREDENTIALS: Final = {"authorization", "cookie"}
_OF_CONTENT: Final = {"content-length", "content-type"}
REDIRECTS: Final = {301, 302, 303, 307, 308}


class Request:
    """A request, which redirects change.

    :param options: the command line
    :param url: the URL to begin with
    :param number: how many URLs come before it on the command line
    """

    def __init__(self, options: argparse.Namespace, url: Url, number: int = 0) -> None:
        self.url = url
        self.method = options.request or _method(options)
        self._options = options
        self._number = number
        self._first = url
        self.has_content = True

    def content(self) -> Source | None:
        """Open the content of the request, if it has any."""
        return content(self._options) if self.has_content else None

    def fields(self, source: Source | None) -> Fields:
        """Return the header section."""
        options = self._options
        trusted = self.url.origin == self._first.origin
        usual = _usual(options, self.url, source, trusted)
        if options.urgency is not None or options.incremental:
            urgencies = options.urgency or [3]
            urgency = urgencies[min(self._number, len(urgencies) - 1)]
            usual["priority"] = f"u={urgency}" + ", i" * options.incremental
        authority = self.url.authority
        added = []
        for text in options.header:
            name, value = split(text)
            if name in _OF_CONTENT and not self.has_content:
                continue
            usual.pop(name, None)
            if name == "host":
                authority = (value if trusted else None) or authority
            elif value is not None and (trusted or name not in _CREDENTIALS):
                added.append((name, value))
        pseudo = [
            (":method", self.method),
            (":scheme", self.url.scheme),
            (":authority", authority),
            (":path", self.url.path),
        ]
        return [
            (_octets(name), _octets(value)) for name, value in [*pseudo, *usual.items(), *added]
        ]

    def trailers(self) -> Fields:
        """Return the trailer section, empty if there is none."""
        if not self.has_content:
            return []
        pairs = map(split, self._options.trailer)
        return [(_octets(name), _octets(value or "")) for name, value in pairs]

    def redirect(self, status: int, location: str) -> None:
        """Follow a redirect (RFC 9110 section 15.4), as curl does."""
        self.url = parse_url(location)
        if status == 303 or (status in {301, 302} and self.method == "POST"):
            self.has_content = False
            if self._options.request is None and self.method != "HEAD":
                self.method = "GET"


def content(options: argparse.Namespace) -> Source | None:
    """Open the content that the command line specifies for a request."""
    data = options.data
    file = options.upload_file if options.upload is None else options.upload
    if data is None and file is None:
        return Source(io.BytesIO(), "no content") if options.trailer else None
    if options.head:
        raise Failure(Status.USAGE, "--head cannot be combined with content")
    if file is not None:
        return open_source(file)
    if not any(part.startswith("@") for part in data):
        return Source(io.BytesIO(_octets("&".join(data))), "--data")
    if len(data) > 1:
        raise Failure(Status.USAGE, "--data @FILE cannot be combined with other content")
    return open_source(data[0][1:])


def fields(options: argparse.Namespace, url: Url, source: Source | None) -> Fields:
    """Return the header section of the first request."""
    return Request(options, url).fields(source)


def check(options: argparse.Namespace) -> None:
    """Raise Failure if content that can only be sent once is for several URLs."""
    from_data = "@-" in (options.data or [])
    if len(options.urls) > 1 and (from_data or "-" in {options.upload, options.upload_file}):
        raise Failure(Status.USAGE, "Standard input can be sent to one URL only")


def ask_for_password(options: argparse.Namespace) -> None:
    """Prompt for the password if `--user` is only a name, as curl does."""
    if options.user is not None and ":" not in options.user:
        password = getpass.getpass(f"Password for {options.user}: ")
        options.user = f"{options.user}:{password}"


def _method(options: argparse.Namespace) -> str:
    if options.head:
        return "HEAD"
    if options.upload_file is not None:
        return "PUT"
    return "GET" if options.data is None and options.upload is None else "POST"


def _usual(
    options: argparse.Namespace, url: Url, source: Source | None, trusted: bool
) -> dict[str, str]:
    """Return the fields that are sent by default."""
    agent = options.user_agent
    usual = {"user-agent": f"python-h2/{h2.__version__}" if agent is None else agent}
    if agent == "":
        del usual["user-agent"]
    usual["accept"] = "*/*"
    if url.authorization is not None:
        usual["authorization"] = url.authorization
    if options.user is not None and trusted:
        raw = base64.b64encode(_octets(options.user))
        usual["authorization"] = "Basic " + raw.decode("ascii")
    if options.range is not None:
        usual["range"] = f"bytes={options.range}"
    if options.compressed:
        usual["accept-encoding"] = coding.supported()
    if source is not None:
        if options.data is not None:
            usual["content-type"] = _FORM
        if source.length is not None and not options.trailer:
            usual["content-length"] = str(source.length)
    return usual


def split(text: str) -> tuple[str, str | None]:
    """Parse a `--header`; the value is None if the field is to be omitted."""
    name, colon, value = text.partition(":")
    if colon:
        return name.strip().lower(), value.strip() or None
    if text.endswith(";"):
        return text[:-1].strip().lower(), ""
    raise Failure(Status.USAGE, f"--header {text!r} is not 'NAME: VALUE'")


def _octets(text: str) -> bytes:
    """Return an argument as the bytes that the user entered."""
    return text.encode("utf-8", "surrogateescape")
