"""Deviations that end a comparison, because the two runs cannot be compared afterwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import frames
from .clues import (
    ended_by_peer,
    fields,
    has_event,
    objects,
    receiver,
    refused,
    resets,
    sent_by_both,
    streams,
)
from .compare import Difference, error_type
from .passing import ACCIDENTS

Json = Any

#: Rejections that leave 4.4.1 unchanged.
HARMLESS = (
    "NoSuchStreamError",
    "StreamClosedError",
    "StreamIDTooLowError",
    "TooManyStreamsError",
    "FrameTooLargeError",
    "ValueError",
    "KeyError",
)


@dataclass(frozen=True)
class Ending:
    """A deviation after which the two runs cannot be compared any more."""

    number: int
    name: str
    text: str
    explains: Callable[[Difference], bool]


def _after_goaway(d: Difference) -> bool:
    """A GOAWAY was sent or received in an earlier step, or is received in this one."""
    if any(sent[0] == "GOAWAY" for entry in d.before() for sent in sent_by_both(entry)):
        return True
    if any(has_event(entry, "ConnectionTerminated") for entry in [*d.before(), d.p, d.o]):
        return True
    return d.step.get("method") == "close_connection" and d.only("state")


def _after_refusal(d: Difference) -> bool:
    """4.4.1 is in an inconsistent state after refusing this or an earlier call."""
    calls = [e for e in d.before() if e["do"] == "call" and "raised" in e]
    if any(_harmful(entry) for entry in calls):
        return True
    damaged = all("." in part for part in d.parts)
    return damaged and d.p["do"] == "call" and "raised" in d.p and "raised" in d.o


def _harmful(entry: Json) -> bool:
    method = entry["call"][0]
    if method == "send_data" and error_type(entry) == "FlowControlError":
        return False
    if method == "acknowledge_received_data" and error_type(entry) == "NoSuchStreamError":
        return True  # the connection's window is credited before the stream is looked up
    return error_type(entry) not in HARMLESS


def _wrong_role(d: Difference) -> bool:
    """A server that received ALTSVC acts as a client from then on in 4.4.1."""
    message = str(d.p.get("raised", {}).get("message", ""))
    return d.step["side"] == "server" and message.endswith("in state ConnectionState.CLIENT_OPEN")


def _accident(d: Difference) -> bool:
    """4.4.1 raises an internal error for valid input."""
    published, ours = d.errors()
    return published in ACCIDENTS and ours is None


def _announced(d: Difference) -> bool:
    """4.4.1 announces the sizes in an assigned Settings object but does not accept them."""
    published, ours = d.errors()
    if published == ours:
        return False
    return published == "FrameTooLargeError" or (
        published == "ProtocolError" and "table size" in d.p["raised"]["message"]
    )


def _pushed_informational(d: Difference) -> bool:
    """An informational response on a promised stream, which 4.4.1 does not support."""
    return d.errors() == ("ProtocolError", None) and (
        "INFORMATIONAL_HEADERS in state" in d.p["raised"]["message"]
    )


def _reserved(d: Difference) -> bool:
    """A frame, sent or received, that is not allowed on a reserved stream (section 5.1).

    If both reset the stream, the codes differ.
    """
    if not refused(d) and not d.only("events", "out"):
        return False
    sent = [item for entry in d.before() for item in entry.get("out", {}).get("server", ())]
    promised = {item[3][0][1] for item in sent if item[0] == "PUSH_PROMISE"}
    begun = {item[2] for item in sent if item[0] == "HEADERS"}
    return bool(promised.intersection(streams(d)) - begun)


def _unsafe_push(d: Difference) -> bool:
    """A promised request must be safe and cacheable (section 8.4)."""
    methods = [value for name, value in fields(d) if name == ":method"]
    return (
        refused(d) and d.step.get("method") == "push_stream" and methods not in (["GET"], ["HEAD"])
    )


def _stray_continuation(d: Difference) -> bool:
    """CONTINUATION without an open field block is a connection error (section 6.10)."""
    kinds = [spec.get("kind") for spec in d.step.get("frames", ())]
    return refused(d) and kinds[-1:] == [frames.CONTINUATION]


def _reopened(d: Difference) -> bool:
    """A window exhausted by DATA is reopened immediately by octets acknowledged earlier."""
    published, ours = sent_by_both(d.p), sent_by_both(d.o)
    more = [item for item in ours if item not in published]
    return (
        d.only("out", "streams", "windows")
        and (has_event(d.o, "DataReceived") or d.step.get("method") == "acknowledge_received_data")
        and {item[0] for item in more} == {"WINDOW_UPDATE"}
    )


def _ended_windows(d: Difference) -> bool:
    """4.4.1 sends WINDOW_UPDATE on a stream that the peer has ended."""
    if d.p["do"] != "call" or not d.only("out", "streams"):
        return False
    side = d.p["side"]
    ended = ended_by_peer(d.before(), side)
    kept = [i for i in d.p["out"][side] if i[0] != "WINDOW_UPDATE" or i[2] not in ended]
    return bool(kept == d.o["out"][side])


def _tunnel(d: Difference) -> bool:
    """On the stream of a CONNECT request, only DATA may follow (section 8.5)."""
    sent = [item for entry in d.before() for item in sent_by_both(entry) if item[0] == "HEADERS"]
    connect = {item[2] for item in sent if [":method", "CONNECT", ""] in item[3]}
    if connect.intersection(streams(d)):
        return refused(d) or has_event(d.o, "StreamReset")
    return d.p["do"] == "pump" and bool(connect) and has_event(d.o, "StreamReset")


def _no_octets(d: Difference) -> bool:
    """An empty DATA frame needs no window, so it may be sent while a window is negative."""
    if d.errors() != ("FlowControlError", None):
        return False
    return any(event.get("flow_controlled_length") == 0 for event in d.o["events"])


def _only_servers(d: Difference) -> bool:
    return d.step.get("method") == "advertise_alternative_service" and (
        d.p["side"] == "client" and refused(d)
    )


def _no_stream(d: Difference) -> bool:
    """An invalid stream identifier."""
    return d.errors() == (None, "ValueError") and streams(d)[0] < 0


def _response_first(d: Difference) -> bool:
    """A server must not open a stream with a request, and must begin a response with HEADERS."""
    if d.p["do"] != "call" or d.p["side"] != "server" or not refused(d):
        return False
    stream_id = d.p["call"][1].get("stream_id")
    if d.p["call"][0] == "send_headers":
        return any(name == ":method" for name, _ in fields(d))
    sent = [item for entry in d.before() for item in entry.get("out", {}).get("server", ())]
    final = [item for item in sent if item[:1] == ["HEADERS"] and not item[3][0][1].startswith("1")]
    return d.p["call"][0] in ("send_data", "end_stream") and all(
        item[2] != stream_id for item in final
    )


def _zero_increment(d: Difference) -> bool:
    """An increment of 0 on a stream is a stream error."""
    if d.p["do"] != "inject" or d.errors() != ("ProtocolError", None):
        return False
    zero = [spec for spec in d.step["frames"] if spec.get("payload") == ["00000000"]]
    return any(spec["kind"] == frames.WINDOW_UPDATE and spec["stream"] != 0 for spec in zero)


def _body_length(d: Difference) -> bool:
    """Content that is too short, or not allowed in a response to CONNECT or HEAD."""
    if d.errors() in ((None, "InvalidBodyLengthError"), ("InvalidBodyLengthError", None)):
        return True  # the first: 4.4.1 forgets that a request was HEAD when its trailers are sent
    return resets(d) and "content-length" in [name for name, _ in fields(d)]


def _text(d: Difference) -> bool:
    """Octets that cannot be decoded with ``header_encoding``."""
    return d.errors()[0] == "UnicodeDecodeError"


def _length_forbidden(d: Difference) -> bool:
    """content-length with a status that does not allow it."""
    shown = dict(fields(d))
    status, length = shown.get(":status", ""), shown.get("content-length", "")
    return objects(d) and bool(length) and (status[:1] == "1" or (status, length) == ("204", "5"))


def _refused_push(d: Difference) -> bool:
    """4.4.1 treats the response on a promised stream that it refused as a request."""
    if d.errors() != ("ProtocolError", None) or ":method" not in d.p["raised"]["message"]:
        return False
    side = str(receiver(d.p))
    sent = [item for entry in [*d.before(), d.p] for item in entry.get("out", {}).get(side, ())]
    return any(item[0] == "RST_STREAM" and item[2] % 2 == 0 for item in sent)


def _not_acknowledged(d: Difference) -> bool:
    """A stream above an unacknowledged limit is only refused."""
    side = receiver(d.p)
    return (
        d.errors() == ("TooManyStreamsError", None)
        and side is not None
        and any(item[0] == "RST_STREAM" and item[3] == 7 for item in d.o["out"][side])
    )


def _not_promised(d: Difference) -> bool:
    """A server opens a stream without a promise; 4.4.1 treats that as a request."""
    return d.p["do"] == "inject" and d.p["side"] == "client" and resets(d) and _opens(d)


def _opens(d: Difference) -> bool:
    kinds = [spec["kind"] for spec in d.step["frames"] if "kind" in spec]
    return frames.HEADERS in kinds and frames.PUSH_PROMISE not in kinds


def _server_altsvc(d: Difference) -> bool:
    """A server ignores ALTSVC, even if it is malformed."""
    if d.p["do"] != "inject" or d.p["side"] != "server":
        return False
    kinds = [spec["kind"] for spec in d.step["frames"] if "kind" in spec]
    return d.errors() == ("FrameDataMissingError", None) and frames.ALTSVC in kinds


def _outbound(d: Difference) -> bool:
    return d.p["do"] == "call" and refused(d) and any(_bad_field(d, *field) for field in fields(d))


def _bad_field(d: Difference, name: str, value: str) -> bool:
    config = d.program["config"][d.p["side"]]
    if config.get("normalize_outbound_headers", True):
        name, value = name.strip().lower(), value.strip()
    odd_name = not name or any(c <= " " or c >= "\x7f" or c.isupper() for c in name)
    odd_value = any(c in "\0\r\n" for c in value) or value != value.strip(" \t")
    if name == "content-length" and not (value.isascii() and value.isdigit()):
        return True
    return odd_name or ":" in name[1:] or odd_value


def _pseudo_values(d: Difference) -> bool:
    """A pseudo-header field has a value that 4.4.1 does not check."""
    return objects(d) and any(_bad_pseudo(name.strip(), value) for name, value in fields(d))


def _bad_pseudo(name: str, value: str) -> bool:
    if name == ":status":
        return not (len(value) == 3 and value.isdigit() and "100" <= value <= "599")
    if name == ":authority" and "@" in value:
        return True
    if name == ":path" and not value.startswith("/"):
        return True
    return name in (":method", ":path", ":scheme", ":authority") and (not value or " " in value)


def _protocol(d: Difference) -> bool:
    return objects(d) and ":protocol" in [name for name, _ in fields(d)]


def _settings_in_flight(d: Difference) -> bool:
    """An acknowledgment arrived for one of several SETTINGS frames."""
    return any(_unmatched(d, side) for side in ("client", "server"))


def _unmatched(d: Difference, side: str) -> bool:
    waiting = 0
    for entry in d.published[: d.index + 1]:
        if has_event(entry, "SettingsAcknowledged") and receiver(entry) == side:
            if waiting >= 2:
                return True
            waiting -= 1
        for item in entry.get("out", {}).get(side, ()):
            waiting += item[0] == "SETTINGS" and not item[1]
    return False


def _bad_preface(d: Difference) -> bool:
    return d.only("out", "state") and "preamble" in d.p.get("raised", {}).get("message", "")


def _error_code(d: Difference) -> bool:
    """Both fail, with different error codes."""
    published, ours = d.errors()
    if d.p["do"] == "call" or published is None or ours is None:
        return False
    if published == "TooManyStreamsError":
        # Of two faults in one frame, 4.4.1 reports the exceeded limit.
        return True
    if published in d.o["raised"]["family"] or ours in d.p["raised"]["family"]:
        return True
    return published == ours and d.p["raised"]["error_code"] != d.o["raised"]["error_code"]


ENDING = (
    Ending(1, "goaway", "streams go on after GOAWAY", _after_goaway),
    Ending(3, "refusal", "a refused call changes nothing", _after_refusal),
    Ending(3, "accident", "no failure from within", _accident),
    Ending(0, "role", "a server stays a server", _wrong_role),
    Ending(0, "announced", "settings count as they were announced", _announced),
    Ending(0, "pushed-1xx", "a pushed response may be informational", _pushed_informational),
    Ending(0, "reopened", "a window that is used up opens as far as there is room", _reopened),
    Ending(0, "ended-windows", "no window opens after END_STREAM", _ended_windows),
    Ending(0, "tunnel", "in a tunnel there is only DATA", _tunnel),
    Ending(0, "unsafe-push", "a promised request is GET or HEAD", _unsafe_push),
    Ending(0, "continuation", "a stray CONTINUATION is an error", _stray_continuation),
    Ending(0, "no-octets", "an empty frame needs no window", _no_octets),
    Ending(0, "only-servers", "alternative services are announced by servers", _only_servers),
    Ending(3, "no-stream", "a negative stream identifier is refused", _no_stream),
    Ending(0, "refused-push", "a refused promise stays refused", _refused_push),
    Ending(0, "not-acknowledged", "a limit holds when it is acknowledged", _not_acknowledged),
    Ending(0, "not-promised", "a server opens no stream without a promise", _not_promised),
    Ending(0, "server-altsvc", "a server ignores ALTSVC", _server_altsvc),
    Ending(0, "reserved", "reserved streams take few frames", _reserved),
    Ending(0, "response-first", "a response begins with its header section", _response_first),
    Ending(10, "increment", "a zero increment on a stream is its error", _zero_increment),
    Ending(0, "text", "every octet can be part of a text", _text),
    Ending(0, "no-length", "content-length does not go with 1xx and 204", _length_forbidden),
    Ending(6, "body", "content-length is checked wherever a body ends", _body_length),
    Ending(7, "outbound", "outbound fields keep the inbound rules", _outbound),
    Ending(9, "in-flight", "an ACK is for one SETTINGS frame", _settings_in_flight),
    Ending(11, "pseudo", "values of pseudo-header fields are checked", _pseudo_values),
    Ending(12, "protocol", ":protocol only where it was announced", _protocol),
    Ending(10, "preface", "a bad preface is answered with GOAWAY", _bad_preface),
    Ending(10, "code", "error codes are exact", _error_code),
)
