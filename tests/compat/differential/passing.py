"""Deviations in one place that change nothing after it, so the comparison continues."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from . import frames
from .clues import acknowledged, receiver, reset_by
from .compare import Difference, view

Json = Any

#: Internal exceptions that 4.4.1 raises for nonsensical calls.
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
    """A deviation in one place that changes nothing after it."""

    number: int
    name: str
    text: str
    covers: Callable[[Difference, str], bool]


def _clear_exception(d: Difference, part: str) -> bool:
    """Both reject a call, 4.4.1 by accident or with numbers that the caller did not pass."""
    published, ours = d.errors()
    if part != "raised" or d.p["do"] != "call" or published is None or ours is None:
        return False
    if published in ("FlowControlError", "TooManyStreamsError") and ours == "ProtocolError":
        return True  # two reasons to reject: 4.4.1 reports the limit
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
    """Announced frame sizes are allowed; windows only apply once acknowledged."""
    if not d.program.get("settings"):
        return False
    if part.endswith(".frame_sizes"):
        return True
    return part.endswith(".streams") and not acknowledged(d, part.partition(".")[0])


def _closed_windows(d: Difference, part: str) -> bool:
    """4.4.1 keeps windows of a closed stream only until it opens or counts streams."""
    if not part.endswith(".streams"):
        return False
    published, ours = view(d.p, part), view(d.o, part)
    closed = ["StreamClosedError"] * 2
    return all(published.get(sid) in (windows, closed) for sid, windows in ours.items())


def _handed_back(d: Difference, part: str) -> bool:
    """Rejected DATA counts as acknowledged, even if the connection ends."""
    side = receiver(d.p)
    if part != "out" or side is None or "raised" not in d.p or "raised" not in d.o:
        return False
    rest = [item for item in d.o["out"][side] if item[:3] != ["WINDOW_UPDATE", 0, 0]]
    return bool(rest == d.p["out"][side])


def _idle(d: Difference, part: str) -> bool:
    """ALTSVC opens no stream."""
    opened = ("CLIENT_OPEN", "SERVER_OPEN")
    if not part.endswith(".state") or view(d.p, part) not in opened:
        return False
    side = part.partition(".")[0]
    # A server that received one stays in CLIENT_OPEN in 4.4.1.
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
    side = receiver(d.p)
    if part != "out" or side is None:
        return False
    reset = reset_by([*d.before(), d.o], side)
    rest = list(d.o["out"][side])
    for item in d.p["out"][side]:
        if rest and item == rest[0]:
            rest.pop(0)
        elif not (item[0] == "RST_STREAM" and item[3] == 5 and item[2] in reset):
            return False
    return not rest


def _last_stream(d: Difference, part: str) -> bool:
    """A request that was rejected as malformed does not count as processed."""
    if part != "out" or "raised" not in d.p or "raised" not in d.o:
        return False
    return bool(_without_last(d.p) == _without_last(d.o))


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
    """A setting that is not stored has no previous value."""
    return part == "events" and _event_matters(d, _without_unknown_settings)


def _alternative(d: Difference, part: str) -> bool:
    """An alternative service without an origin is not an event; one after the response is."""
    return part == "events" and _event_matters(d, _without_alternatives)


def _extension_frames(d: Difference, part: str) -> bool:
    """ORIGIN and PRIORITY_UPDATE have their own events, unless they are ignored."""
    return part == "events" and _event_matters(d, _without_extension_frames)


Simplify = Callable[[list[Json]], list[Json]]


def _event_matters(d: Difference, simplify: Simplify) -> bool:
    """Whether the events differ in this respect, and otherwise only in intended ones."""
    published, ours = (entry.get("events") or [] for entry in (d.p, d.o))
    if simplify(published) == published and simplify(ours) == ours:
        return False
    return meant_alike(published, ours)


def meant_alike(published: list[Json], ours: list[Json]) -> bool:
    """Whether events are equal except for intended differences."""
    for simplify in SIMPLIFIED:
        published, ours = simplify(published), simplify(ours)
    return published == ours


def without_cookie_marks(events: list[Json]) -> list[Json]:
    """A cookie is not marked as never indexed."""
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
        {**event, "changed_settings": [c for c in event["changed_settings"] if _is_known(c)]}
        if "changed_settings" in event
        else event
        for event in events
    ]


def _is_known(change: Json) -> bool:
    """Whether both packages know a setting: 4.4.1 does not know NO_RFC7540_PRIORITIES."""
    return change[0] in KNOWN_SETTINGS


def _without_extension_frames(events: list[Json]) -> list[Json]:
    return [event for event in events if not _is_extension_frame(event)]


def _is_extension_frame(event: Json) -> bool:
    if event["event"] == "UnknownFrameReceived":
        return event["frame"][0] in (frames.ORIGIN, frames.PRIORITY_UPDATE)
    return event["event"] in ("OriginReceived", "PriorityUpdateReceived")


def _without_alternatives(events: list[Json]) -> list[Json]:
    return [event for event in events if event["event"] != "AlternativeServiceAvailable"]


SIMPLIFIED: tuple[Simplify, ...] = (
    without_cookie_marks,
    _without_unknown_settings,
    _without_alternatives,
    _without_extension_frames,
)

PASSING = (
    Passing(3, "exception", "a refused call raises a clear exception", _clear_exception),
    Passing(9, "unknown", "unknown settings are not stored", _unknown_settings),
    Passing(9, "unknown-change", "unknown settings have no earlier value", _unknown_changes),
    Passing(13, "closed", "closed streams are known as closed", _closed_stream),
    Passing(0, "closed-windows", "windows of closed streams have a size", _closed_windows),
    Passing(0, "handed-back", "the window of refused DATA is given back", _handed_back),
    Passing(0, "announced-state", "settings count as they were announced", _announced_state),
    Passing(0, "cookie", "a single cookie keeps its indexing policy", _cookie),
    Passing(0, "last-stream", "GOAWAY does not count a refused request", _last_stream),
    Passing(0, "alternative", "ALTSVC counts at any time, with an origin", _alternative),
    Passing(0, "extension-frames", "ORIGIN and PRIORITY_UPDATE are known", _extension_frames),
    Passing(0, "idle", "ALTSVC leaves the connection idle", _idle),
    Passing(0, "discarded", "frames on a stream that was reset are discarded", _discarded),
)
