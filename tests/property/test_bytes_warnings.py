"""Text and octets are never compared: `python -bb` makes that an error."""

from __future__ import annotations

import subprocess
import sys

import pytest

from h2._core import outbound_fields
from h2.connection import H2Connection
from support import wire
from support.builds import pure_build
from support.processes import ROOT, TIMEOUT

# As text, octets and mixtures, so that equal octets occur wherever fields are stored.
PROGRAM = """
from hpack import Decoder, HeaderTuple, NeverIndexedHeaderTuple
from h2.config import H2Configuration
from h2.connection import H2Connection

REQUEST = [(":method", "GET"), (":scheme", "https"), (":authority", "a.example"), (":path", "/")]
FORMS = [
    lambda name, value: (name, value),
    lambda name, value: (name.encode(), value.encode()),
    lambda name, value: (name.title(), value),
    lambda name, value: (name.title().encode(), value.encode()),
    lambda name, value: (name.title(), value.encode()),
    lambda name, value: [name.encode(), value],
    lambda name, value: HeaderTuple(name, value),
    lambda name, value: HeaderTuple(name.encode(), value.encode()),
    lambda name, value: NeverIndexedHeaderTuple(name, value),
]
client = H2Connection(H2Configuration(split_outbound_cookies=True))
server = H2Connection(H2Configuration(client_side=False))
client.initiate_connection()
server.initiate_connection()
fields = [*REQUEST, ("x", "1"), ("cookie", "a=b; c=d"), ("accept", "*/*")]
expected = [*REQUEST, ("x", "1"), ("accept", "*/*"), ("cookie", "a=b; c=d")]
seen = 0
for _ in range(3):
    for form in FORMS:
        for _ in range(3):
            stream_id = client.get_next_available_stream_id()
            client.send_headers(stream_id, [form(*field) for field in fields], end_stream=True)
            for event in server.receive_data(client.data_to_send()):
                if hasattr(event, "headers"):
                    assert event.headers == [(n.encode(), v.encode()) for n, v in expected]
                    seen += 1
            response = [form(":status", "200"), form("server", "x")]
            server.send_headers(stream_id, response, end_stream=True)
            client.receive_data(server.data_to_send())
print(seen)
client.encoder.encode({":a": "b", b"c": b"d"})
"""


def test_sending_under_minus_bb() -> None:
    # The package that this process has imported.
    path = f"import sys; sys.path[:] = {sys.path!r}\n"
    done = subprocess.run(
        [sys.executable, "-bb", "-W", "error", "-c", path + PROGRAM],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )
    assert (done.stderr, done.stdout) == ("", "81\n")


@pure_build
def test_look_ups_that_are_left_out_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where it must not compare, the connection behaves in the same way, only slower."""
    conns = [wire.client(), wire.client()]
    text = [(name.decode(), value.decode()) for name, value in wire.REQUEST]
    sent: list[list[bytes]] = [[], []]
    for conn, octets in zip(conns, sent, strict=True):
        for fields in (text, list(wire.REQUEST), [*text, ("X", "1")], [*text, (b"X", b"1")]) * 3:
            conn.send_headers(conn.get_next_available_stream_id(), fields)
            octets.append(conn.data_to_send())
        monkeypatch.setattr(outbound_fields, "MAY_COMPARE", False)
        monkeypatch.setattr(outbound_fields, "_PLAIN_TYPES", ())
    assert sent[0] == sent[1]
    assert not remembered(conns[1])
    assert remembered(conns[0])


def remembered(conn: H2Connection) -> object:
    planner = conn._core.planner
    return planner._blocks or planner._normalized
