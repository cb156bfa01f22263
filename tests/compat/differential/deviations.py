"""The differences from h2 4.4.1 that are meant, each as a predicate over a difference.

A deviation explains a difference and says how to go on: stop comparing this program there, or
look past this step. What no entry explains is a failure. Numbers refer to the list "Where we go
further than 4.4.1 on purpose".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from .compare import Difference, error_type

Json = Any

STOP, GO_ON = "stop", "go on"

#: Refusals after which 4.4.1 is as it was before the call.
HARMLESS = (
    "NoSuchStreamError",
    "StreamClosedError",
    "StreamIDTooLowError",
    "TooManyStreamsError",
    "FlowControlError",
    "FrameTooLargeError",
    "ValueError",
    "KeyError",
)


#: What falls out of the inside of 4.4.1 when a call makes no sense.
ACCIDENTS = (
    "AttributeError",
    "AssertionError",
    "IndexError",
    "KeyError",
    "InvalidDataError",
    "InvalidFrameError",
    "error",
)


@dataclass(frozen=True)
class Deviation:
    """One deliberate difference."""

    number: int
    name: str
    text: str
    explains: Callable[[Difference], bool]
    then: str = STOP


def of(difference: Difference) -> Deviation | None:
    """The entry that explains a difference, if there is one."""
    for entry in DEVIATIONS:
        if entry.explains(difference):
            return entry
    return None


def _after_goaway(d: Difference) -> bool:
    """A GOAWAY was sent or received in an earlier step, or is received in this one."""
    if any(sent[0] == "GOAWAY" for entry in d.before() for sent in _sent(entry)):
        return True
    if any(_has_event(entry, "ConnectionTerminated") for entry in [*d.before(), d.p, d.o]):
        return True
    return d.step.get("method") == "close_connection" and d.parts == ("state",)


def _sent(entry: Json) -> list[Json]:
    return [item for side in entry.get("out", {}).values() for item in side]


def _has_event(entry: Json, name: str) -> bool:
    return any(event["event"] == name for event in entry.get("events", ()))


def _after_refusal(d: Difference) -> bool:
    """4.4.1 refused a call before and was left damaged, or is damaged by this refusal."""
    refused = [e for e in d.before() if e["do"] == "call" and "raised" in e]
    if any(error_type(entry) not in HARMLESS for entry in refused):
        return True
    return d.parts == ("state",) and d.p["do"] == "call" and "raised" in d.p


def _clear_exception(d: Difference) -> bool:
    """Both refuse a call, and 4.4.1 does it by accident."""
    published, ours = d.errors()
    return d.p["do"] == "call" and published in ACCIDENTS and ours is not None


def _body_length(d: Difference) -> bool:
    return "InvalidBodyLengthError" in d.errors() and d.p["do"] != "call"


def _outbound_characters(d: Difference) -> bool:
    published, ours = d.errors()
    if d.p["do"] != "call" or published is not None or ours != "ProtocolError":
        return False
    args = d.p["call"][1]
    headers = args.get("headers") or args.get("request_headers") or []
    return any(_bad_field(name, value) for name, value, _ in headers)


def _bad_field(name: str, value: str) -> bool:
    name = name.strip()
    odd_name = not name or any(c <= " " or c >= "\x7f" for c in name) or ":" in name[1:]
    return odd_name or any(c in "\0\r\n" for c in value)


def _frame_length(d: Difference) -> bool:
    return d.errors() == (None, "FrameTooLargeError")


def _settings_in_flight(d: Difference) -> bool:
    """An acknowledgement came for one of two or more SETTINGS frames."""
    return any(_unmatched(d, side) for side in ("client", "server"))


def _unmatched(d: Difference, side: str) -> bool:
    waiting = 0
    for entry in d.published[: d.index + 1]:
        if _has_event(entry, "SettingsAcknowledged") and _receiver(entry) == side:
            if waiting >= 2:
                return True
            waiting -= 1
        for item in entry.get("out", {}).get(side, ()):
            waiting += item[0] == "SETTINGS" and not item[1]
    return False


def _receiver(entry: Json) -> str:
    if entry["do"] == "inject":
        return str(entry["side"])
    return "client" if entry["side"] == "server" else "server"


def _unsolicited_ack(d: Difference) -> bool:
    return d.errors() == (None, "ProtocolError") and _has_event(d.p, "SettingsAcknowledged")


def _first_frame(d: Difference) -> bool:
    """The connection took something else for the first frame."""
    side = _receiver(d.p)
    seen = [e for e in d.before() if _receiver(e) == side and e["do"] != "call"]
    settled = any(_has_event(entry, "RemoteSettingsChanged") for entry in seen)
    return not settled and d.p["do"] != "call" and d.errors()[1] == "ProtocolError"


def _unknown_settings(d: Difference) -> bool:
    """Only settings with unknown identifiers are in one and not in the other."""
    if d.parts != ("state",):
        return False
    for side, values in d.p["state"].items():
        ours = d.o["state"][side]
        for name, value in values.items():
            if name in ("remote_settings", "local_settings"):
                if _known(value) != _known(ours[name]):
                    return False
            elif value != ours[name]:
                return False
    return True


def _known(settings: Json) -> Json:
    return [pair for pair in settings if pair[0] in (1, 2, 3, 4, 5, 6, 8)]


def _fields(d: Difference) -> list[tuple[str, str]]:
    """The header fields that the step may have been about."""
    if d.p["do"] == "call":
        args = d.p["call"][1]
        blocks = [args.get("headers") or args.get("request_headers") or []]
    elif d.p["do"] == "inject":
        parts = [part for spec in d.step["frames"] for part in spec.get("payload", ())]
        blocks = [part for part in parts if isinstance(part, list)]
    else:
        sent = [item for entry in d.before() for item in entry.get("out", {}).get(d.p["side"], ())]
        blocks = [item[3] for item in sent if item[0] in ("HEADERS", "PUSH_PROMISE")]
    return [(field[0].strip(), field[1]) for block in blocks for field in block if len(field) > 1]


def _pseudo_values(d: Difference) -> bool:
    """A pseudo-header field has a value that 4.4.1 does not look at."""
    published, ours = d.errors()
    return published is None and ours == "ProtocolError" and any(map(_bad_pseudo, _fields(d)))


def _bad_pseudo(field: tuple[str, str]) -> bool:
    name, value = field
    if name == ":status":
        return not (len(value) == 3 and value.isdigit() and "100" <= value <= "599")
    if name == ":authority" and ("@" in value or not value):
        return True
    return name in (":method", ":path", ":scheme", ":authority") and (not value or " " in value)


def _protocol(d: Difference) -> bool:
    published, ours = d.errors()
    names = [name for name, _ in _fields(d)]
    return published is None and ours == "ProtocolError" and ":protocol" in names


def _error_code(d: Difference) -> bool:
    """Both fail, with another code."""
    published, ours = d.errors()
    return d.p["do"] != "call" and published is not None and ours is not None


DEVIATIONS = (
    Deviation(1, "goaway", "streams go on after GOAWAY", _after_goaway),
    Deviation(3, "refusal", "a refused call changes nothing", _after_refusal),
    Deviation(3, "exception", "a refused call raises a clear exception", _clear_exception, GO_ON),
    Deviation(6, "body", "content-length is checked wherever a body ends", _body_length),
    Deviation(7, "outbound", "outbound fields keep the inbound rules", _outbound_characters),
    Deviation(8, "length", "a frame's length is checked on its header", _frame_length),
    Deviation(9, "in-flight", "an ACK is for one SETTINGS frame", _settings_in_flight),
    Deviation(9, "unsolicited", "an unsolicited SETTINGS ACK is an error", _unsolicited_ack),
    Deviation(9, "first-frame", "the first frame must be SETTINGS", _first_frame),
    Deviation(9, "unknown", "unknown settings are not stored", _unknown_settings, GO_ON),
    Deviation(11, "pseudo", "values of pseudo-header fields are checked", _pseudo_values),
    Deviation(12, "protocol", ":protocol only where it was announced", _protocol),
    Deviation(10, "code", "error codes are exact", _error_code),
)
