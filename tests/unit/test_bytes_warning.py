"""The package never compares bytes with text: `python -bb` makes that an error."""

from __future__ import annotations

import subprocess
import sys

import pytest

from support.processes import ROOT

EXCHANGE = """
import io
from hpack import HeaderTuple, NeverIndexedHeaderTuple
from h2 import utilities
from h2.config import H2Configuration, OutputLogger
from h2.connection import H2Connection
from h2.exceptions import H2Error

TEXT = [(":method", "GET"), (":path", "/"), (":scheme", "https"), (":authority", "a.example"),
        ("Cookie", "a=b; c=d"), ("authorization", "x"), ("te", "trailers"), ("x", "y" * 40)]
OCTETS = [(name.encode(), value.encode()) for name, value in TEXT]
MIXED = [(name.encode(), value) for name, value in TEXT]
FORMS = [
    TEXT, OCTETS, MIXED, [(name, value.encode()) for name, value in TEXT],
    [HeaderTuple(*field) for field in TEXT], [HeaderTuple(*field) for field in OCTETS],
    [NeverIndexedHeaderTuple(*field) for field in MIXED],
]
for encoding in (None, "utf-8"):
    for split in (False, True):
        options = {"header_encoding": encoding, "split_outbound_cookies": split}
        logger = OutputLogger(io.StringIO(), trace_level=True)
        client = H2Connection(H2Configuration(logger=logger, **options))
        server = H2Connection(H2Configuration(client_side=False, logger=logger, **options))
        client.initiate_connection()
        server.initiate_connection()
        stream_id = 1
        for form in (*FORMS, *reversed(FORMS)):
            client.send_headers(stream_id, form)
            client.send_data(stream_id, b"content")
            client.send_headers(stream_id, [("Trailer", b"x"), (b"last", "y")], end_stream=True)
            events = server.receive_data(client.data_to_send())
            server.send_headers(stream_id, [(":status", "200"), (b"a", b"b")])
            server.send_headers(stream_id, [("t", "u")], end_stream=True)
            events += client.receive_data(server.data_to_send())
            print(*events, sep="\\n")
            for event in events:
                assert event == event and event != form
            stream_id += 2
        twice = [(":method", b"GET"), (b":method", "GET")]
        for wrong in ([("a", "b")], [(b"A\\n", b"b")], twice, [1]):
            try:
                client.send_headers(stream_id, wrong)
            except (H2Error, TypeError, ValueError) as error:
                print(repr(error), error)
        print(client, server, client.config, client.local_settings, client.encoder, client.decoder)
    for form in FORMS:
        utilities.extract_method_header(form)
        utilities.authority_from_headers(form)
        utilities.is_informational_response(form)
        octets = utilities.utf8_encode_headers(form)
        assert list(utilities.normalize_inbound_headers(form, None))
        assert list(utilities.normalize_outbound_headers(octets, None, True))
try:
    server.receive_data(b"HTTP/1.1 400 Bad Request\\r\\n\\r\\n")
except H2Error as error:
    print(error, error.events)
"""


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-bb", "-W", "error::BytesWarning", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=ROOT)


def test_an_exchange() -> None:
    done = run("-c", EXCHANGE)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("arguments", [["--help"], ["decode", "--hex", "505249202a"]])
def test_the_command_line(arguments: list[str]) -> None:
    done = run("-m", "h2", *arguments)
    assert "Warning" not in done.stderr
    assert "Traceback" not in done.stderr
