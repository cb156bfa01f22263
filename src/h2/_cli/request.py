"""What the command line says about a request: its header section and its content."""

from __future__ import annotations

import argparse
import io
from typing import Final

import h2
from h2._cli.content import Source, open_source
from h2._cli.failure import Failure, Status
from h2._cli.url import Url

Fields = list[tuple[bytes, bytes]]

_FORM: Final = "application/x-www-form-urlencoded"


def content(options: argparse.Namespace) -> Source | None:
    """Open the content of the request, if it has any."""
    data = options.data
    file = options.upload_file if options.upload is None else options.upload
    if data is None and file is None:
        return None
    if options.head:
        raise Failure(Status.USAGE, "--head goes without content")
    if file is not None:
        return open_source(file)
    if not any(part.startswith("@") for part in data):
        return Source(io.BytesIO(_octets("&".join(data))), "--data")
    if len(data) > 1:
        raise Failure(Status.USAGE, "--data @FILE cannot be joined with other content")
    return open_source(data[0][1:])


def fields(options: argparse.Namespace, url: Url, source: Source | None) -> Fields:
    """Return the header section of the request."""
    usual = _usual(options, url, source)
    authority = url.authority
    added = []
    for text in options.header:
        name, value = _split(text)
        usual.pop(name, None)
        if name == "host":
            authority = value or authority
        elif value is not None:
            added.append((name, value))
    pseudo = [
        (":method", options.request or _method(options)),
        (":scheme", url.scheme),
        (":authority", authority),
        (":path", url.path),
    ]
    return [(_octets(name), _octets(value)) for name, value in [*pseudo, *usual.items(), *added]]


def _method(options: argparse.Namespace) -> str:
    if options.head:
        return "HEAD"
    if options.upload_file is not None:
        return "PUT"
    return "GET" if options.data is None and options.upload is None else "POST"


def _usual(options: argparse.Namespace, url: Url, source: Source | None) -> dict[str, str]:
    """Return the fields that are sent unless the user says otherwise."""
    usual = {"user-agent": f"python-h2/{h2.__version__}", "accept": "*/*"}
    if url.authorization is not None:
        usual["authorization"] = url.authorization
    if options.data is not None:
        usual["content-type"] = _FORM
    if source is not None and source.length is not None:
        usual["content-length"] = str(source.length)
    return usual


def _split(text: str) -> tuple[str, str | None]:
    """Take a --header apart; there is no value where the field is to be left out."""
    name, colon, value = text.partition(":")
    if colon:
        return name.strip().lower(), value.strip() or None
    if text.endswith(";"):
        return text[:-1].strip().lower(), ""
    raise Failure(Status.USAGE, f"--header {text!r} is not 'NAME: VALUE'")


def _octets(text: str) -> bytes:
    """Return an argument as the bytes that the user typed."""
    return text.encode("utf-8", "surrogateescape")
