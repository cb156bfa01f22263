"""`python -m h2 get`: one request, on a connection of its own."""

from __future__ import annotations

import argparse
import contextlib
import socket
import sys
from typing import Final

import h2.config
import h2.connection
from h2._cli import request
from h2._cli.channel import Channel
from h2._cli.content import Sink
from h2._cli.deadline import Deadline
from h2._cli.exchange import Exchange
from h2._cli.failure import Failure, Status
from h2._cli.frame_log import FrameLog
from h2._cli.text import reason
from h2._cli.url import Url
from h2._cli.url import parse as parse_url
from h2.settings import SettingCodes, Settings

#: How much the server may send ahead of what we have dealt with, in octets.
_WINDOW: Final = 1024 * 1024
_FIRST_WINDOW: Final = 65535

_SETTINGS: Final[dict[SettingCodes, int]] = {
    SettingCodes.ENABLE_PUSH: 0,
    SettingCodes.INITIAL_WINDOW_SIZE: _WINDOW,
    SettingCodes.MAX_HEADER_LIST_SIZE: 256 * 1024,
}


def run(options: argparse.Namespace) -> int:
    """Do what the command line says; returns the exit status."""
    deadline = Deadline(options.max_time, "Operation")
    url = parse_url(options.url)
    log = FrameLog(sys.stderr) if options.verbose else None
    with contextlib.ExitStack() as stack:
        source = request.content(options)
        if source is not None:
            stack.callback(source.close)
        fields = request.fields(options, url, source)
        sink = Sink(options.output)
        stack.callback(sink.close)
        channel = _connect(options, url, deadline, log, stack)
        exchange = Exchange(
            channel,
            deadline,
            sink,
            source,
            include=options.include or options.head,
            fail=options.fail,
            progress=log is None and not options.silent and sys.stderr.isatty(),
        )
        exchange.run(fields)
    return 0


def _connect(
    options: argparse.Namespace,
    url: Url,
    deadline: Deadline,
    log: FrameLog | None,
    stack: contextlib.ExitStack,
) -> Channel:
    """Return a channel to the server, with the connection preface waiting to be sent."""
    limit = deadline.within(options.connect_timeout, "Connection")
    conn = h2.connection.H2Connection(h2.config.H2Configuration(strict=True))
    conn.local_settings = Settings(initial_values=_SETTINGS)
    conn.initiate_connection()
    conn.increment_flow_control_window(_WINDOW - _FIRST_WINDOW)
    if url.scheme == "http":
        sock = stack.enter_context(_open_socket(url, limit, log))
        return Channel(sock, conn, log)
    from h2._cli import tls

    context = tls.client_context(options.cacert, options.insecure)
    sock = stack.enter_context(_open_socket(url, limit, log))
    sock.settimeout(limit.left())
    secure = stack.enter_context(tls.connect(sock, context, url.host.partition("%")[0], limit))
    picked = secure.selected_alpn_protocol()
    _note(log, f"{secure.version()}, {(secure.cipher() or ('?',))[0]}, ALPN {picked}")
    if picked != "h2" and not options.prior_knowledge:
        text = "The server did not pick h2 by ALPN; --prior-knowledge speaks HTTP/2 all the same"
        raise Failure(Status.TLS, text)
    return tls.SecureChannel(secure, conn, log)


def _note(log: FrameLog | None, text: str) -> None:
    if log is not None:
        log.note(text)


def _open_socket(url: Url, limit: Deadline, log: FrameLog | None) -> socket.socket:
    """Connect to the first address of the host that answers."""
    try:
        found = socket.getaddrinfo(url.host, url.port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise Failure(Status.RESOLVE, f"Could not resolve host: {url.host}") from None
    problem = "it has no address"
    for family, kind, protocol, _, address in found:
        try:
            sock = _open_address(family, kind, protocol, address, limit)
        except OSError as error:
            limit.left()
            problem = reason(error)
        else:
            host, port = map(str, address[:2])
            _note(log, f"connected to {host} port {port}")
            return sock
    text = f"Failed to connect to {url.host} port {url.port}: {problem}"
    raise Failure(Status.CONNECT, text)


def _open_address(
    family: int, kind: int, protocol: int, address: tuple[object, ...], limit: Deadline
) -> socket.socket:
    sock = socket.socket(family, kind, protocol)
    try:
        sock.settimeout(limit.left())
        sock.connect(address)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        sock.close()
        raise
    return sock
