"""Mistakes with a buffering connection, limits, priorities, and a recording; see wrong.py."""

from __future__ import annotations

from h2.buffered import BufferedH2Connection, Keepalive
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import StreamWritable
from h2.limits import AbuseLimits, Rate
from h2.priorities import Priority
from h2.recorder import Recorder, to_json, waterfall


def options() -> None:
    """Options that do not exist, or of wrong types."""
    BufferedH2Connection(None, True)  # [call-arg]
    BufferedH2Connection(recieve_buffering=True)  # [call-arg]
    BufferedH2Connection(stream_window="64k")  # [arg-type]
    BufferedH2Connection(keepalive=30.0)  # [arg-type]
    BufferedH2Connection(clock=0.0)  # [arg-type]
    Keepalive("30", 10)  # [arg-type]


def calls(conn: BufferedH2Connection) -> None:
    """Arguments of wrong types, and results used as another type."""
    conn.send_data(1, "text")  # [arg-type]
    conn.set_priority(1, urgency="high")  # [arg-type]
    conn.set_priority(1, 3, "yes")  # [arg-type]
    conn.read_data(b"1")  # [arg-type]
    text: str = conn.read_data(1)  # [assignment]
    when: float = conn.get_timer()  # [assignment]
    conn.handle_timer()  # [call-arg]
    conn.is_writable()  # [call-arg]
    for event in conn.events():
        print(event.stream_id)  # [attr-defined]
    print(text, when, conn.get_priority(1).weight)  # [attr-defined]


def only_there(conn: H2Connection) -> None:
    """The API that only a buffering connection has."""
    conn.graceful_shutdown()  # [attr-defined]
    StreamWritable(1)  # [call-arg]


def limits() -> None:
    """Limits are numbers and rates."""
    AbuseLimits(resets_received=100)  # [arg-type]
    AbuseLimits(settings_entries=Rate(1, 1))  # [arg-type]
    AbuseLimits(reset_received=Rate(1, 1))  # [call-arg]
    AbuseLimits(Rate(1, 1))  # [call-arg]
    AbuseLimits.off().settings_entries = 3  # [misc]
    H2Configuration(limits=Rate(1, 1))  # [arg-type]
    Rate("1", 1)  # [arg-type]


def priorities(priority: Priority) -> None:
    """Priorities are parsed from fields and cannot be changed."""
    Priority.parse(3)  # [arg-type]
    Priority(urgency="1")  # [arg-type]
    priority.urgency = 3  # [misc]
    print(priority.merge(None))  # [arg-type]


def recordings(recorder: Recorder) -> None:
    """Recorders become text, and text becomes a page."""
    Recorder(limit="all")  # [arg-type]
    Recorder("mine", 100)  # [call-arg]
    to_json([recorder])  # [arg-type]
    waterfall(recorder)  # [arg-type]
    recorder.save("file")  # [attr-defined]
