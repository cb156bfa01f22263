"""The differences from h2 4.4.1 that are meant, each as a predicate over a difference.

Two kinds. ``PASSING`` entries cover some of the parts that differ in a step; what they cover is
looked past and the comparison goes on. ``ENDING`` entries explain why two runs part for good;
the comparison of that program stops there. What no entry explains is a failure. Numbers refer to
the list "Where we go further than 4.4.1 on purpose"; 0 stands for what is not on it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

from . import frames
from .compare import Difference, error_type, view

Json = Any

#: Refusals after which 4.4.1 is as it was before the call.
HARMLESS = (
    "NoSuchStreamError",
    "StreamClosedError",
    "StreamIDTooLowError",
    "TooManyStreamsError",
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

KNOWN_SETTINGS = (1, 2, 3, 4, 5, 6, 8)


@dataclass(frozen=True)
class Passing:
    """A deviation that changes one thing and nothing after it."""

    number: int
    name: str
    text: str
    covers: Callable[[Difference, str], bool]


@dataclass(frozen=True)
class Ending:
    """A deviation after which the two runs cannot be compared."""

    number: int
    name: str
    text: str
    explains: Callable[[Difference], bool]


def look_past(difference: Difference) -> tuple[Difference | None, set[str]]:
    """What is left of a difference after the passing entries, and which of them it met."""
    met = set()
    left = []
    for part in difference.parts:
        entry = next((entry for entry in PASSING if entry.covers(difference, part)), None)
        if entry is None:
            left.append(part)
        else:
            met.add(entry.name)
    return (replace(difference, parts=tuple(left)) if left else None), met


def ending(difference: Difference) -> Ending | None:
    """The entry that explains why the runs part, if there is one."""
    return next((entry for entry in ENDING if entry.explains(difference)), None)


# Passing.


def _clear_exception(d: Difference, part: str) -> bool:
    """Both refuse a call, 4.4.1 by accident or with numbers that the caller never named."""
    published, ours = d.errors()
    if part != "raised" or d.p["do"] != "call" or published is None or ours is None:
        return False
    if d.step["method"] == "push_stream" and d.p["call"][1]["promised_stream_id"] % 2:
        return True
    if published in ACCIDENTS or ours == "RFC1122Error" or published in d.o["raised"]["family"]:
        return True
    stream_id = d.p["call"][1].get("stream_id")
    if stream_id is None:
        return bool(d.step["method"] == "advertise_alternative_service")
    return bool(stream_id <= 0)


def _closed_stream(d: Difference, part: str) -> bool:
    return part == "raised" and d.errors() == ("StreamIDTooLowError", "StreamClosedError")


def _announced_state(d: Difference, part: str) -> bool:
    """The frame size that was announced is allowed; no window counts before it is acknowledged."""
    if not d.program.get("settings"):
        return False
    if part.endswith(".frame_sizes"):
        return True
    return part.endswith(".streams") and not _acknowledged(d, part.partition(".")[0])


def _acknowledged(d: Difference, side: str) -> bool:
    """Whether the first SETTINGS frame of ``side`` was acknowledged by then."""
    seen = [entry for entry in d.published[: d.index + 1] if _receiver(entry) == side]
    return any(_has_event(entry, "SettingsAcknowledged") for entry in seen)


def _idle(d: Difference, part: str) -> bool:
    """ALTSVC opens no stream."""
    opened = ("CLIENT_OPEN", "SERVER_OPEN")
    if not part.endswith(".state") or view(d.p, part) not in opened:
        return False
    side = part.partition(".")[0]
    # A server that received one is CLIENT_OPEN in 4.4.1 ever after.
    return view(d.o, part) == "IDLE" or (side == "server" and view(d.o, part) == "SERVER_OPEN")


def _unknown_settings(d: Difference, part: str) -> bool:
    if not part.endswith("_settings"):
        return False
    published, ours = (
        [pair for pair in view(e, part) if pair[0] in KNOWN_SETTINGS] for e in (d.p, d.o)
    )
    return published == ours


def _discarded(d: Difference, part: str) -> bool:
    """4.4.1 answers each frame on a stream that was reset with another RST_STREAM."""
    side = _receiver(d.p)
    if part != "out" or side is None:
        return False
    reset = _reset_by([*d.before(), d.o], side)
    rest = list(d.o["out"][side])
    for item in d.p["out"][side]:
        if rest and item == rest[0]:
            rest.pop(0)
        elif not (item[0] == "RST_STREAM" and item[3] == 5 and item[2] in reset):
            return False
    return not rest


def _reset_by(entries: Iterable[Json], side: str) -> set[int]:
    """Streams on which ``side`` sent RST_STREAM."""
    sent = (item for entry in entries for item in entry.get("out", {}).get(side, ()))
    return {item[2] for item in sent if item[0] == "RST_STREAM"}


def _last_stream(d: Difference, part: str) -> bool:
    """A request that was refused as malformed is not counted as processed."""
    if part != "out" or "raised" not in d.p or "raised" not in d.o:
        return False
    return _without_last(d.p) == _without_last(d.o)


def _without_last(entry: Json) -> Json:
    return [
        [*item[:3], item[3][1:]] if item[0] == "GOAWAY" else item
        for side in ("client", "server")
        for item in entry["out"][side]
    ]


def _cookie(d: Difference, part: str) -> bool:
    """A single cookie field keeps its indexing policy."""
    return part == "events" and _event_matters(d, without_cookie_marks)


def _unknown_changes(d: Difference, part: str) -> bool:
    """A setting that is not stored has no value from before."""
    return part == "events" and _event_matters(d, _without_unknown_settings)


def _alternative(d: Difference, part: str) -> bool:
    """An alternative service for no origin is no event; one after the response is."""
    return part == "events" and _event_matters(d, _without_alternatives)


Simplify = Callable[[list[Json]], list[Json]]


def _event_matters(d: Difference, simplify: Simplify) -> bool:
    """Whether the events differ in this one respect, among others that are meant."""
    published, ours = (entry.get("events") or [] for entry in (d.p, d.o))
    if simplify(published) == published and simplify(ours) == ours:
        return False
    return meant_alike(published, ours)


def meant_alike(published: list[Json], ours: list[Json]) -> bool:
    """Whether events are equal but for what is meant to differ."""
    for simplify in (without_cookie_marks, _without_unknown_settings, _without_alternatives):
        published, ours = simplify(published), simplify(ours)
    return published == ours


def without_cookie_marks(events: list[Json]) -> list[Json]:
    """No mark for never indexed on a cookie."""
    out = []
    for event in events:
        fields = event.get("headers", ())
        unmarked = [
            [n, v, mark.replace("N", "") if n == "cookie" else mark] for n, v, mark in fields
        ]
        out.append({**event, "headers": unmarked} if fields else event)
    return out


def _without_unknown_settings(events: list[Json]) -> list[Json]:
    return [
        {**event, "changed_settings": [c for c in event["changed_settings"] if c[1] != "int"]}
        if "changed_settings" in event
        else event
        for event in events
    ]


def _without_alternatives(events: list[Json]) -> list[Json]:
    return [event for event in events if event["event"] != "AlternativeServiceAvailable"]


# Ending.


def _after_goaway(d: Difference) -> bool:
    """A GOAWAY was sent or received in an earlier step, or is received in this one."""
    if any(sent[0] == "GOAWAY" for entry in d.before() for sent in _sent(entry)):
        return True
    if any(_has_event(entry, "ConnectionTerminated") for entry in [*d.before(), d.p, d.o]):
        return True
    return d.step.get("method") == "close_connection" and d.only("state")


def _sent(entry: Json) -> list[Json]:
    return [item for side in entry.get("out", {}).values() for item in side]


def _has_event(entry: Json, name: str) -> bool:
    return any(event["event"] == name for event in entry.get("events", ()))


def _receiver(entry: Json) -> str | None:
    """The side that was given frames."""
    if entry["do"] == "call":
        return None
    if entry["do"] == "inject":
        return str(entry["side"])
    return "client" if entry["side"] == "server" else "server"


def _after_refusal(d: Difference) -> bool:
    """4.4.1 refused a call before and was left damaged, or is damaged by this refusal."""
    refused = [e for e in d.before() if e["do"] == "call" and "raised" in e]
    if any(_harmful(entry) for entry in refused):
        return True
    damaged = all("." in part for part in d.parts)
    return damaged and d.p["do"] == "call" and "raised" in d.p and "raised" in d.o


def _harmful(entry: Json) -> bool:
    if entry["call"][0] == "send_data" and error_type(entry) == "FlowControlError":
        return False
    return error_type(entry) not in HARMLESS


def _wrong_role(d: Difference) -> bool:
    """A server that received ALTSVC acts as a client from then on in 4.4.1."""
    message = d.p.get("raised", {}).get("message", "")
    return d.p["side"] == "server" and message.endswith("in state ConnectionState.CLIENT_OPEN")


def _accident(d: Difference) -> bool:
    """4.4.1 fails from within where nothing is wrong."""
    published, ours = d.errors()
    return published in ACCIDENTS and ours is None


def _announced(d: Difference) -> bool:
    """4.4.1 announces the sizes of a Settings object that was assigned, and does not allow them."""
    published, ours = d.errors()
    if published == ours:
        return False
    return published == "FrameTooLargeError" or (
        published == "ProtocolError" and "table size" in d.p["raised"]["message"]
    )


def _pushed_informational(d: Difference) -> bool:
    """An informational response on a promised stream, which 4.4.1 does not know."""
    return d.errors() == ("ProtocolError", None) and (
        "INFORMATIONAL_HEADERS in state" in d.p["raised"]["message"]
    )


def _reserved(d: Difference) -> bool:
    """A frame that may not be on a stream in a reserved state, sent or received (section 5.1)."""
    if not _refused(d):
        return False
    sent = [item for entry in d.before() for item in entry.get("out", {}).get("server", ())]
    promised = {item[3][0][1] for item in sent if item[0] == "PUSH_PROMISE"}
    begun = {item[2] for item in sent if item[0] == "HEADERS"}
    return bool(promised.intersection(_streams(d)) - begun)


def _streams(d: Difference) -> list[int]:
    """The streams that a call or injected frames are about."""
    if "on" in d.p:
        return list(d.p["on"])
    return [d.p["call"][1].get("stream_id")] if "call" in d.p else []


def _tunnel(d: Difference) -> bool:
    """On the stream of a CONNECT request nothing but DATA follows (section 8.5)."""
    sent = [item for entry in d.before() for item in _sent(entry) if item[0] == "HEADERS"]
    connect = {item[2] for item in sent if [":method", "CONNECT", ""] in item[3]}
    if connect.intersection(_streams(d)):
        return _refused(d) or _has_event(d.o, "StreamReset")
    return d.p["do"] == "pump" and bool(connect) and _has_event(d.o, "StreamReset")


def _no_octets(d: Difference) -> bool:
    """An empty DATA frame needs no window, not even one that is negative."""
    if d.errors() != ("FlowControlError", None):
        return False
    return any(event.get("flow_controlled_length") == 0 for event in d.o["events"])


def _only_servers(d: Difference) -> bool:
    return d.step.get("method") == "advertise_alternative_service" and (
        d.p["side"] == "client" and _refused(d)
    )


def _no_stream(d: Difference) -> bool:
    """A stream identifier that is not one."""
    return d.errors() == (None, "ValueError") and _streams(d)[0] < 0


def _idle_stream(d: Difference) -> bool:
    """RST_STREAM on an idle stream (section 6.4)."""
    if d.errors() != (None, "NoSuchStreamError"):
        return False
    known = [e["state"][_receiver(d.p)]["streams"] for e in d.before() if "state" in e]
    return str(d.o["raised"]["stream_id"]) not in known[-1]


def _response_first(d: Difference) -> bool:
    """A server opens no stream with a request, and begins a response with its header section."""
    if d.p["do"] != "call" or d.p["side"] != "server" or not _refused(d):
        return False
    stream_id = d.p["call"][1].get("stream_id")
    if d.p["call"][0] == "send_headers":
        return any(name == ":method" for name, _ in _fields(d))
    sent = [item for entry in d.before() for item in entry.get("out", {}).get("server", ())]
    final = [item for item in sent if item[:1] == ["HEADERS"] and not item[3][0][1].startswith("1")]
    return d.p["call"][0] in ("send_data", "end_stream") and all(
        item[2] != stream_id for item in final
    )


def _zero_increment(d: Difference) -> bool:
    """WINDOW_UPDATE of zero on a stream is an error of that stream."""
    if d.p["do"] != "inject" or d.errors() != ("ProtocolError", None):
        return False
    zero = [spec for spec in d.step["frames"] if spec.get("payload") == ["00000000"]]
    return any(spec["kind"] == frames.WINDOW_UPDATE and spec["stream"] != 0 for spec in zero)


def _body_length(d: Difference) -> bool:
    return d.errors() in ((None, "InvalidBodyLengthError"), ("InvalidBodyLengthError", None))


def _refused(d: Difference) -> bool:
    """Only this package objects, with a ProtocolError."""
    return d.errors() == (None, "ProtocolError")


def _refused_push(d: Difference) -> bool:
    """4.4.1 takes the response on a promised stream that it refused for a request."""
    if d.errors() != ("ProtocolError", None) or ":method" not in d.p["raised"]["message"]:
        return False
    side = str(_receiver(d.p))
    sent = [item for entry in [*d.before(), d.p] for item in entry.get("out", {}).get(side, ())]
    return any(item[0] == "RST_STREAM" and item[2] % 2 == 0 for item in sent)


def _outbound(d: Difference) -> bool:
    return (
        d.p["do"] == "call" and _refused(d) and any(_bad_field(d, *field) for field in _fields(d))
    )


def _bad_field(d: Difference, name: str, value: str) -> bool:
    config = d.program["config"][d.p["side"]]
    if config.get("normalize_outbound_headers", True):
        name, value = name.strip().lower(), value.strip()
    odd_name = not name or any(c <= " " or c >= "\x7f" or c.isupper() for c in name)
    odd_value = any(c in "\0\r\n" for c in value) or value != value.strip(" \t")
    if name == "content-length" and not (value.isascii() and value.isdigit()):
        return True
    return odd_name or ":" in name[1:] or odd_value


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
    return [(field[0], field[1]) for block in blocks for field in block if len(field) > 1]


def _pseudo_values(d: Difference) -> bool:
    """A pseudo-header field has a value that 4.4.1 does not look at."""
    return _refused(d) and any(_bad_pseudo(name.strip(), value) for name, value in _fields(d))


def _bad_pseudo(name: str, value: str) -> bool:
    if name == ":status":
        return not (len(value) == 3 and value.isdigit() and "100" <= value <= "599")
    if name == ":authority" and "@" in value:
        return True
    return name in (":method", ":path", ":scheme", ":authority") and (not value or " " in value)


def _protocol(d: Difference) -> bool:
    return _refused(d) and ":protocol" in [name for name, _ in _fields(d)]


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


def _unsolicited_ack(d: Difference) -> bool:
    return _refused(d) and _has_event(d.p, "SettingsAcknowledged")


def _first_frame(d: Difference) -> bool:
    """The connection took something else for the first frame."""
    side = _receiver(d.p)
    seen = [entry for entry in d.before() if _receiver(entry) == side]
    settled = any(_has_event(entry, "RemoteSettingsChanged") for entry in seen)
    return not settled and side is not None and _refused(d)


def _bad_preface(d: Difference) -> bool:
    return d.only("out", "state") and "preamble" in d.p.get("raised", {}).get("message", "")


def _error_code(d: Difference) -> bool:
    """Both fail, with another code."""
    published, ours = d.errors()
    if d.p["do"] == "call" or published is None or ours is None:
        return False
    if published in ("UnicodeDecodeError", "TooManyStreamsError"):
        # Of two faults in one frame, 4.4.1 names the limit.
        return True
    if published in d.o["raised"]["family"] or ours in d.p["raised"]["family"]:
        return True
    return published == ours and d.p["raised"]["error_code"] != d.o["raised"]["error_code"]


PASSING = (
    Passing(3, "exception", "a refused call raises a clear exception", _clear_exception),
    Passing(9, "unknown", "unknown settings are not stored", _unknown_settings),
    Passing(9, "unknown-change", "unknown settings have no earlier value", _unknown_changes),
    Passing(13, "closed", "closed streams are known as closed", _closed_stream),
    Passing(0, "announced-state", "settings count as they were announced", _announced_state),
    Passing(0, "cookie", "a single cookie keeps its indexing policy", _cookie),
    Passing(0, "last-stream", "GOAWAY does not count a refused request", _last_stream),
    Passing(0, "alternative", "ALTSVC counts at any time, with an origin", _alternative),
    Passing(0, "idle", "ALTSVC leaves the connection idle", _idle),
    Passing(0, "discarded", "frames on a stream that was reset are discarded", _discarded),
)
ENDING = (
    Ending(1, "goaway", "streams go on after GOAWAY", _after_goaway),
    Ending(3, "refusal", "a refused call changes nothing", _after_refusal),
    Ending(3, "accident", "no failure from within", _accident),
    Ending(0, "role", "a server stays a server", _wrong_role),
    Ending(0, "announced", "settings count as they were announced", _announced),
    Ending(0, "pushed-1xx", "a pushed response may be informational", _pushed_informational),
    Ending(0, "tunnel", "in a tunnel there is only DATA", _tunnel),
    Ending(0, "no-octets", "an empty frame needs no window", _no_octets),
    Ending(0, "only-servers", "alternative services are announced by servers", _only_servers),
    Ending(3, "no-stream", "a negative stream identifier is refused", _no_stream),
    Ending(0, "refused-push", "a refused promise stays refused", _refused_push),
    Ending(0, "reserved", "reserved streams take few frames", _reserved),
    Ending(0, "idle-stream", "RST_STREAM on an idle stream is an error", _idle_stream),
    Ending(0, "response-first", "a response begins with its header section", _response_first),
    Ending(10, "increment", "a zero increment on a stream is its error", _zero_increment),
    Ending(6, "body", "content-length is checked wherever a body ends", _body_length),
    Ending(7, "outbound", "outbound fields keep the inbound rules", _outbound),
    Ending(8, "length", "a frame's length is checked on its header", _frame_length),
    Ending(9, "in-flight", "an ACK is for one SETTINGS frame", _settings_in_flight),
    Ending(9, "unsolicited", "an unsolicited SETTINGS ACK is an error", _unsolicited_ack),
    Ending(9, "first-frame", "the first frame must be SETTINGS", _first_frame),
    Ending(11, "pseudo", "values of pseudo-header fields are checked", _pseudo_values),
    Ending(12, "protocol", ":protocol only where it was announced", _protocol),
    Ending(10, "preface", "a bad preface is answered with GOAWAY", _bad_preface),
    Ending(10, "code", "error codes are exact", _error_code),
)
