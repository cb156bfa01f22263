"""Questions about a difference and the trace before it, for the predicates of the deviations."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .compare import Difference

Json = Any


def sent_by_both(entry: Json) -> list[Json]:
    return [item for side in entry.get("out", {}).values() for item in side]


def has_event(entry: Json, name: str) -> bool:
    return any(event["event"] == name for event in entry.get("events", ()))


def receiver(entry: Json) -> str | None:
    """The side that received the frames."""
    if entry["do"] == "call":
        return None
    if entry["do"] == "inject":
        return str(entry["side"])
    return "client" if entry["side"] == "server" else "server"


def acknowledged(d: Difference, side: str) -> bool:
    """Whether the first SETTINGS frame of ``side`` had been acknowledged by then."""
    seen = [entry for entry in d.published[: d.index + 1] if receiver(entry) == side]
    return any(has_event(entry, "SettingsAcknowledged") for entry in seen)


def reset_by(entries: Iterable[Json], side: str) -> set[int]:
    """Streams on which ``side`` sent RST_STREAM."""
    sent = (item for entry in entries for item in entry.get("out", {}).get(side, ()))
    return {item[2] for item in sent if item[0] == "RST_STREAM"}


def ended_by_peer(entries: Iterable[Json], side: str) -> set[int]:
    """Streams on which ``side`` has received END_STREAM."""
    seen = (
        event for entry in entries if receiver(entry) == side for event in entry.get("events", ())
    )
    return {event["stream_id"] for event in seen if event["event"] == "StreamEnded"}


def streams(d: Difference) -> list[int]:
    """The streams that a call or injected frames refer to."""
    if "on" in d.p:
        return list(d.p["on"])
    return [d.p["call"][1].get("stream_id")] if "call" in d.p else []


def fields(d: Difference) -> list[tuple[str, str]]:
    """The header fields that the step may concern."""
    if d.p["do"] == "call":
        args = d.p["call"][1]
        blocks = [args.get("headers") or args.get("request_headers") or []]
    elif d.p["do"] == "inject":
        parts = [part for spec in d.step["frames"] for part in spec.get("payload", ())]
        blocks = [part for part in parts if isinstance(part, list)]
    else:
        sent = [item for entry in d.before() for item in entry.get("out", {}).get(d.p["side"], ())]
        blocks = [item[3] for item in sent if item[0] in ("HEADERS", "PUSH_PROMISE")]
    return [(field[0], field[1]) for block in blocks for field in block if len(field) > 1]


def refused(d: Difference) -> bool:
    """Only this package fails, with a ProtocolError."""
    return d.errors() == (None, "ProtocolError")


def resets(d: Difference) -> bool:
    """Only this package resets a stream, whatever errors 4.4.1 reports."""
    side = receiver(d.p)
    return side is not None and bool(reset_by([d.o], side) - reset_by([d.p], side))


def objects(d: Difference) -> bool:
    """Only this package fails: it rejects a call, or resets the stream of a message."""
    return resets(d) or (d.p["do"] == "call" and refused(d))
