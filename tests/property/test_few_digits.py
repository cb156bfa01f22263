"""Numbers of a peer are parsed under any limit that Python may have for the digits of int()."""

from __future__ import annotations

import os
import subprocess
import sys

from support.processes import ROOT, TIMEOUT

PROGRAM = """
from h2.exceptions import ProtocolError
from support import wire


def tried(call, conn, *arguments):
    try:
        call(conn, *arguments)
    except ProtocolError as error:
        assert len(str(error)) < 200
        return error.rule
    return "accepted"


def received(conn, octets):
    conn.clear_outbound_data_buffer()
    wire.feed(conn, octets)
    sent = wire.parse(conn.data_to_send())
    return "reset" if [frame for frame in sent if frame.type == wire.Type.RST_STREAM] else "taken"


def push(conn, fields):
    wire.feed(conn, wire.headers(1, wire.REQUEST))
    conn.push_stream(1, 2, fields)


for digits in (b"9" * 700, b"0" * 700 + b"5", b"0" * 500 + b"5"):
    length = (b"content-length", digits)
    for validate in (True, False):
        server = wire.server(validate_inbound_headers=validate)
        client = wire.client(validate_inbound_headers=validate)
        client.send_headers(1, wire.REQUEST)
        print(
            received(server, wire.headers(1, [*wire.POST, length, length])),
            received(client, wire.push_promise(1, 2, [*wire.REQUEST, length])),
            tried(wire.client().send_headers, 1, [*wire.POST, length, length]),
            tried(push, wire.server(), [*wire.REQUEST, length]),
        )
"""


def test_content_lengths_where_python_takes_few_digits() -> None:
    # The package that this process has imported.
    path = f"import sys; sys.path[:] = {sys.path!r}\n"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", path + PROGRAM],
        cwd=ROOT,
        env={**os.environ, "PYTHONINTMAXSTRDIGITS": "640"},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert done.stderr == ""
    refused = "content-length-too-large"
    assert done.stdout.splitlines() == [
        *[f"reset reset {refused} {refused}"] * 4,
        *["taken reset accepted push-not-safe"] * 2,
    ]
