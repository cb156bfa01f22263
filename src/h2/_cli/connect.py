"""From a URL to a connection: name, socket, TLS, connection preface."""

from __future__ import annotations

import argparse
import contextlib
import socket
import time
from typing import Final

import h2.config
import h2.connection
from h2._cli.channel import Channel
from h2._cli.deadline import Deadline
from h2._cli.failure import Failure, Status
from h2._cli.frame_log import FrameLog
from h2._cli.resolve import Found, addresses
from h2._cli.text import reason
from h2._cli.transfer import Times
from h2._cli.url import Url
from h2.recorder import Recorder
from h2.settings import SettingCodes, Settings

_FIRST_WINDOW: Final = 65535


def connect(
    options: argparse.Namespace,
    url: Url,
    deadline: Deadline,
    log: FrameLog | None,
    stack: contextlib.ExitStack,
    times: Times,
    recorder: Recorder | None,
) -> Channel:
    """Return a channel to the server, with the connection preface pending."""
    limit = deadline.within(options.connect_timeout, "Connection")
    conn = h2.connection.H2Connection(h2.config.H2Configuration(strict=True, logger=recorder))
    conn.local_settings = Settings(
        initial_values={
            SettingCodes.ENABLE_PUSH: 0,
            SettingCodes.INITIAL_WINDOW_SIZE: options.window,
            SettingCodes.MAX_HEADER_LIST_SIZE: 256 * 1024,
        }
    )
    conn.initiate_connection()
    if options.connection_window > _FIRST_WINDOW:
        conn.increment_flow_control_window(options.connection_window - _FIRST_WINDOW)
    if url.scheme == "http":
        sock = stack.enter_context(_open_socket(options, url, limit, log, times))
        return Channel(sock, conn, log)
    from h2._cli import tls

    context = tls.client_context(options.cacert, options.insecure)
    if options.cert:
        tls.load_certificate(context, options.cert, options.key)
    sock = stack.enter_context(_open_socket(options, url, limit, log, times))
    sock.settimeout(limit.left())
    secure = stack.enter_context(tls.connect(sock, context, url.host.partition("%")[0], limit))
    times.secured = time.monotonic() - times.began
    picked = secure.selected_alpn_protocol()
    if log is not None:
        for line in tls.describe(secure):
            log.note(line)
    if picked != "h2" and not options.prior_knowledge:
        text = f"The server does not offer HTTP/2 (ALPN selected {picked or 'nothing'}); "
        raise Failure(Status.TLS, text + "use --prior-knowledge to try it anyway")
    return tls.SecureChannel(secure, conn, log)


def _open_socket(
    options: argparse.Namespace, url: Url, limit: Deadline, log: FrameLog | None, times: Times
) -> socket.socket:
    """Connect to the first address of the host that answers."""
    found = addresses(url, options.resolve)
    times.resolved = time.monotonic() - times.began
    problem = "it has no address"
    for place in found:
        try:
            sock = _open_address(place, limit)
        except OSError as error:
            limit.left()
            problem = reason(error)
        else:
            times.connected = time.monotonic() - times.began
            host, port = str(place.address[0]), place.address[1]
            times.address = host, url.port
            if log is not None:
                log.note(f"connected to {host} port {port}")
            return sock
    text = f"Failed to connect to {url.host} port {url.port}: {problem}"
    raise Failure(Status.CONNECT, text)


def _open_address(place: Found, limit: Deadline) -> socket.socket:
    sock = socket.socket(place.family, place.kind, place.protocol)
    try:
        sock.settimeout(limit.left())
        sock.connect(place.address)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    except BaseException:
        sock.close()
        raise
    return sock
