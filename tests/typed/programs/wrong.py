"""Mistakes that type checkers find. Each such line has the code of the error in mypy."""

from __future__ import annotations

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, DataReceived, Event, RequestReceived
from h2.exceptions import ProtocolError


def arguments(conn: H2Connection) -> None:
    """Arguments of wrong types."""
    conn.receive_data("text")  # [arg-type]
    conn.send_data(1, "text")  # [arg-type]
    conn.send_data("1", b"")  # [arg-type]
    conn.send_data(1, [1, 2])  # [arg-type]
    conn.ping("12345678")  # [arg-type]
    conn.ping(bytearray(8))  # [arg-type]
    conn.send_headers(1, [("one", 1)])  # [list-item]
    conn.send_headers(1, [("one",)])  # [list-item]
    conn.send_headers(1, {"name": "value"})  # [dict-item]
    conn.advertise_alternative_service("h2", b"origin")  # [arg-type]


def options() -> None:
    """Options that do not exist, or of wrong types."""
    H2Configuration(strict=1)  # [arg-type]
    H2Configuration(True, None, True, True, False, True, True, None, True)  # [call-arg]
    H2Configuration(header_encoding=b"utf-8")  # [arg-type]
    config = H2Configuration()
    config.validate_inbound_header = False  # [attr-defined]
    config.client_side = "yes"  # [assignment]
    config.header_encoding = 8  # [assignment]


def fields(event: RequestReceived) -> None:
    """Fields are pairs."""
    for name, value, more in event.headers:  # [misc]
        print(name, value, more)
    event.headers[0].nothing()  # [attr-defined]
    event.headers.decode()  # [attr-defined]


def events(error: ProtocolError, conn: H2Connection) -> None:
    """The attributes an event has and does not have."""
    for carried in error.events:
        print(carried.stream_id)  # [attr-defined]
    for event in conn.receive_data(b""):
        print(event.stream_id)  # [attr-defined]
    error.events = [b"data"]  # [list-item]
    DataReceived(stream_id=1, date=b"")  # [call-arg]
    DataReceived(1)  # [call-arg]
    RequestReceived(headers=[])  # [call-arg]
    terminated = ConnectionTerminated(unprocessed_stream_ids="1")  # [arg-type]
    terminated.last_stream_id.append(1)  # [attr-defined]
    wanted: list[int] = conn.receive_data(b"")  # [assignment]
    print(wanted, Event().name)  # [attr-defined]


def names(conn: H2Connection) -> None:
    """Names that a module does not have."""
    import h2.connection
    import h2.events

    print(h2.events.Nothing, h2.connection.Nothing)  # [attr-defined]
    print(conn.stream)  # [attr-defined]
