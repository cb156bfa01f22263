"""Addresses for names: from `--resolve`, or from the system."""

from __future__ import annotations

import argparse
import socket
from typing import NamedTuple

from h2._cli.failure import Failure, Status
from h2._cli.option_parser import port as parse_port
from h2._cli.url import Url


class Override(NamedTuple):
    """Addresses to use for a host and a port; the host `*` matches any."""

    host: str
    port: int
    addresses: list[str]


class Found(NamedTuple):
    """An address to connect to."""

    family: int
    kind: int
    protocol: int
    address: tuple[object, ...]


def override(text: str) -> Override:
    """Parse a `--resolve`."""
    host, colon, rest = text.partition(":")
    if host.startswith("["):  # an IPv6 address, which has colons itself
        host, colon, rest = text[1:].partition("]:")
    port, second, addresses = rest.partition(":")
    found = [address.strip("[]") for address in addresses.split(",") if address.strip("[]")]
    if not (host and colon and second and found):
        raise argparse.ArgumentTypeError(f"not HOST:PORT:ADDRESS: {text!r}")
    return Override(host.lower(), parse_port(port), found)


def addresses(url: Url, overrides: list[Override]) -> list[Found]:
    """Return the addresses of a server, in the order in which to try them."""
    names = [url.host]
    for given in overrides:
        if given.port == url.port and given.host in {url.host, "*"}:
            names = given.addresses
    found = []
    for name in names:
        try:
            entries = socket.getaddrinfo(name, url.port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise Failure(Status.RESOLVE, f"Could not resolve host: {name}") from None
        found += [
            Found(family, kind, protocol, address) for family, kind, protocol, _, address in entries
        ]
    return found
