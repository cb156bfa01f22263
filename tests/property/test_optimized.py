"""The package does not depend on assertions, which `python -O` removes."""

from __future__ import annotations

import sys

from support.processes import run

PROGRAM = """
import sys
if __debug__:
    sys.exit("assertions are on")

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.exceptions import ProtocolError

client, server = H2Connection(), H2Connection(H2Configuration(client_side=False))
client.initiate_connection()
server.initiate_connection()
request = [(":method", "GET"), (":scheme", "https"), (":authority", "a.b"), (":path", "/")]
client.send_headers(1, request, end_stream=True)
print([type(event).__name__ for event in server.receive_data(client.data_to_send())])
server.send_headers(1, [(":status", "200")], end_stream=True)
print([type(event).__name__ for event in client.receive_data(server.data_to_send())])
try:
    client.send_headers(3, request[1:])
except ProtocolError as error:
    print(error.rule)
try:
    server.receive_data(b"\\0\\0\\1\\0\\0\\0\\0\\0\\7x")
except ProtocolError as error:
    print(error.rule, server.data_to_send().hex())
"""


def test_an_exchange_under_minus_o() -> None:
    # The package that this process has imported.
    path = f"import sys; sys.path[:] = {sys.path!r}\n"
    done = run([sys.executable, "-O", "-W", "error", "-c", path + PROGRAM])
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "['RemoteSettingsChanged', 'RequestReceived', 'StreamEnded']",
        "['RemoteSettingsChanged', 'SettingsAcknowledged', 'ResponseReceived', 'StreamEnded']",
        "pseudo-missing",
        "stream-idle 0000080700000000000000000100000001",
    ]
