"""Runs programs of steps on a client and a server connection and records what happens.

Started as ``python -m differential.driver`` under the interpreter whose ``h2`` is to be run. Reads
one program per line and writes one trace per line, both as JSON. Nothing is compared here.
"""

from __future__ import annotations

import copy
import json
import sys
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from hpack import HeaderTuple, NeverIndexedHeaderTuple

import h2
import h2.config
import h2.connection
import h2.events
import h2.settings

from . import frames
from .shadow import Shadow

Json = Any
SIDES = ("client", "server")
BUFFERS: dict[str, Callable[[bytes], Any]] = {
    "bytes": bytes,
    "bytearray": bytearray,
    "memoryview": memoryview,
}
ERROR_ATTRIBUTES = (
    "error_code",
    "stream_id",
    "max_stream_id",
    "expected_length",
    "actual_length",
    "rule",
)


class NothingToDoError(Exception):
    """The step is impossible, for example because there is no stream of the required kind."""


class End:
    """One connection, the frames in flight to its peer, and the trace of both."""

    def __init__(self, side: str, program: Json) -> None:
        client = side == "client"
        config = h2.config.H2Configuration(
            client_side=client, **program.get("config", {}).get(side, {})
        )
        kind: Any = h2.connection.H2Connection
        if "attributes" in program:
            kind = type("Connection", (kind,), program["attributes"])
        self.conn = kind(config=config)
        initial = program.get("settings", {}).get(side)
        if initial is not None:
            values = {h2.settings.SettingCodes(int(key)): value for key, value in initial.items()}
            self.conn.local_settings = h2.settings.Settings(client=client, initial_values=values)
        self.shadow = Shadow(client)
        self.reader = frames.Reader()
        self.wire: deque[bytes] = deque()
        self.read_size: int | None = program.get("read")
        self.returned: Any = None
        self.resets: set[bytes] = set()

    def drain(self, *, keep_acks: bool) -> list[frames.Canonical]:
        """Move what was sent to the wire, and return it parsed."""
        pieces = iter(lambda: self.conn.data_to_send(self.read_size), b"")
        data = b"".join(pieces)
        for unit in frames.split(data):
            if (keep_acks or not _is_ack(unit)) and not self._repeated_reset(unit):
                self.wire.append(unit)
        return self.reader.read(data)

    def _repeated_reset(self, unit: bytes) -> bool:
        """Whether this is RST_STREAM again for a stream.

        How often a stream is reset may differ; what is in flight must not, since steps count it.
        """
        if unit[3] != frames.RST_STREAM or unit.startswith(frames.PREFACE):
            return False
        again = unit[5:9] in self.resets
        self.resets.add(unit[5:9])
        return again

    def state(self) -> Json:
        """The values of the public attributes."""
        conn = self.conn
        return {
            "state": conn.state_machine.state.name,
            "open": [conn.open_inbound_streams, conn.open_outbound_streams],
            "windows": [conn.inbound_flow_control_window, conn.outbound_flow_control_window],
            "frame_sizes": [conn.max_inbound_frame_size, conn.max_outbound_frame_size],
            "next": _outcome(conn.get_next_available_stream_id),
            "local_settings": _settings(conn.local_settings),
            "remote_settings": _settings(conn.remote_settings),
            "streams": {
                str(sid): [
                    _outcome(conn.local_flow_control_window, sid),
                    _outcome(conn.remote_flow_control_window, sid),
                ]
                for sid in sorted(self.shadow.streams)
            },
        }


class Session:
    """One program."""

    def __init__(self, program: Json) -> None:
        self.program = program
        self.ends = {side: End(side, program) for side in program.get("sides", SIDES)}

    def run(self) -> list[Json]:
        """The trace, one entry per step."""
        return [self._step(step) for step in self.program["steps"]]

    def _step(self, step: Json) -> Json:
        before = copy.deepcopy(self.ends) if self.program.get("undo") else self.ends
        entry: Json = {"do": step["do"], "side": step["side"]}
        action: Callable[[Json, Json], None] = getattr(self, "_" + step["do"])
        try:
            action(step, entry)
        except NothingToDoError:
            entry["skipped"] = True
            return entry
        if self.program.get("undo") and "raised" in entry:
            self.ends = before
            return entry
        keep = step["do"] != "inject"
        entry["out"] = {side: end.drain(keep_acks=keep) for side, end in self.ends.items()}
        if self.program.get("look", True):
            entry["state"] = {side: end.state() for side, end in self.ends.items()}
        return entry

    def _call(self, step: Json, entry: Json) -> None:
        end = self.ends[step["side"]]
        args: dict[str, Any] = {}
        for name, value in step["args"].items():
            args[name] = self._resolve(end, value, args)
        entry["call"] = [step["method"], {name: _shown(value) for name, value in args.items()}]
        try:
            end.returned = getattr(end.conn, step["method"])(**args)
        except Exception as exc:
            entry["raised"] = _exception(exc)
        else:
            entry["returned"] = _plain(end.returned)
            end.shadow.called(step["method"], args)

    def _pump(self, step: Json, entry: Json) -> None:
        """Deliver what one side has sent: all of it or this many units, whole or in pieces."""
        source, target = self.ends[step["side"]], self.ends[_other(step["side"])]
        count = step.get("units") or len(source.wire)
        units = [source.wire.popleft() for _ in range(min(count, len(source.wire)))]
        if not units:
            raise NothingToDoError
        entry["units"] = len(units)
        self._feed(target, units, step.get("chunk"), entry)

    def _inject(self, step: Json, entry: Json) -> None:
        """Inject frames that the peer never sent."""
        end = self.ends[step["side"]]
        units = [self._build(end, spec) for spec in step["frames"]]
        entry["injected"] = [frames.show(unit) for unit in units]
        entry["on"] = [int.from_bytes(unit[5:9], "big") for unit in units]
        self._feed(end, units, step.get("chunk"), entry)

    def _build(self, end: End, spec: Json) -> bytes:
        if "raw" in spec:
            return bytes.fromhex(spec["raw"])
        payload = b"".join(
            bytes.fromhex(part) if isinstance(part, str) else frames.literal_block(part)
            for part in spec["payload"]
        )
        stream = self._resolve(end, spec["stream"], {})
        return frames.frame(spec["kind"], spec["flags"], stream, payload)

    def _feed(self, end: End, units: list[bytes], chunk: int | None, entry: Json) -> None:
        pieces: Iterable[bytes] = [b"".join(units)]
        if self.program.get("feed") == "units":
            pieces = units
        elif chunk:
            data = b"".join(units)
            pieces = [data[at : at + chunk] for at in range(0, len(data), chunk)]
        events: list[Any] = []
        buffer = BUFFERS[self.program.get("buffer", "bytes")]
        try:
            for piece in pieces:
                events += end.conn.receive_data(buffer(piece))
        except Exception as exc:
            entry["raised"] = _exception(exc)
            entry["carried"] = [_plain(event) for event in getattr(exc, "events", ())]
        for event in events:
            end.shadow.received(event)
        entry["events"] = [_plain(event) for event in events]

    def _resolve(self, end: End, value: Json, args: dict[str, Any]) -> Any:
        if isinstance(value, dict):
            ((key, operand),) = value.items()
            return getattr(self, "_make_" + key)(end, operand, args)
        return value

    def _make_pick(self, end: End, operand: Json, args: dict[str, Any]) -> int:
        sid = end.shadow.pick(*operand)
        if sid is None:
            raise NothingToDoError
        return sid

    def _make_next(self, end: End, operand: Json, args: dict[str, Any]) -> int:
        try:
            return int(end.conn.get_next_available_stream_id()) + 2 * int(operand)
        except Exception:
            raise NothingToDoError from None

    def _make_bytes(self, end: End, operand: Json, args: dict[str, Any]) -> bytes:
        return bytes.fromhex(operand)

    def _make_fill(self, end: End, operand: int, args: dict[str, Any]) -> bytes:
        return (b"0123456789abcdef" * (operand // 16 + 1))[:operand]

    def _make_view(self, end: End, operand: Json, args: dict[str, Any]) -> memoryview:
        return memoryview(self._make_fill(end, operand, args))

    def _make_returned(self, end: End, operand: Json, args: dict[str, Any]) -> Any:
        return self.ends[operand].returned

    def _make_window(self, end: End, operand: Json, args: dict[str, Any]) -> bytes:
        """The number of octets that window and frame size allow, plus ``operand``."""
        try:
            room = end.conn.local_flow_control_window(args["stream_id"])
        except Exception:
            raise NothingToDoError from None
        room = min(room, end.conn.max_outbound_frame_size) + operand
        return self._make_fill(end, max(room, 0), args)

    def _make_unacknowledged(self, end: End, operand: Json, args: dict[str, Any]) -> int:
        view = end.shadow.streams[args["stream_id"]]
        return int(view.unacknowledged * operand[0]) + int(operand[1])

    def _make_settings(self, end: End, operand: Json, args: dict[str, Any]) -> dict[int, int]:
        return {int(key): value for key, value in operand.items()}

    def _make_headers(self, end: End, operand: Json, args: dict[str, Any]) -> list[Any]:
        return [_field(*item) for item in operand]


def _field(name: str, value: str, mark: str = "") -> Any:
    """One header field as an application passes it: text, octets, or a type of hpack."""
    if not mark:
        return (name, value)
    octets = (name.encode("latin-1"), value.encode("latin-1"))
    if mark == "b":
        return octets
    return (NeverIndexedHeaderTuple if mark == "N" else HeaderTuple)(*octets)


def _other(side: str) -> str:
    return SIDES[side == "client"]


def _is_ack(unit: bytes) -> bool:
    return unit[3] in (frames.SETTINGS, frames.PING) and bool(unit[4] & frames.ACK)


def _outcome(call: Callable[..., Any], *args: Any) -> Json:
    try:
        return _plain(call(*args))
    except Exception as exc:
        return type(exc).__name__


def _settings(settings: Any) -> Json:
    # 4.4.1 also names settings that have only pending values.
    return sorted([int(key), settings[key]] for key in settings if key in settings)


def _exception(exc: Exception) -> Json:
    out = {"type": type(exc).__name__, "family": [c.__name__ for c in type(exc).__mro__[1:-2]]}
    for name in ERROR_ATTRIBUTES:
        if hasattr(exc, name):
            out[name] = _plain(getattr(exc, name))
    return {**out, "message": str(exc)[:200]}


def _shown(value: Any) -> Json:
    return frames.fields(value) if isinstance(value, list) else _plain(value)


def _plain(value: Any) -> Json:
    """Any value that may appear in an event, as JSON."""
    if value is None or isinstance(value, (str, bool, float)):
        return value
    if isinstance(value, int):
        return int(value) if type(value) is int else [type(value).__name__, int(value)]
    if isinstance(value, (bytes, bytearray, memoryview)):
        return frames.show(bytes(value))
    if isinstance(value, h2.settings.ChangedSetting):
        return [_plain(value.original_value), _plain(value.new_value)]
    if isinstance(value, dict):
        return sorted([int(key), type(key).__name__, _plain(item)] for key, item in value.items())
    if isinstance(value, h2.events.Event):
        return {
            "event": type(value).__name__,
            **{name: _plain(item) for name, item in _public(value)},
        }
    if hasattr(value, "flag_byte"):
        return [value.type, value.stream_id, value.flag_byte, frames.show(value.body)]
    if isinstance(value, list):
        return frames.fields(value)
    return repr(type(value))


def _public(event: Any) -> list[tuple[str, Any]]:
    names = set(vars(event)) | set(getattr(event, "__dataclass_fields__", ()))
    return sorted((name, getattr(event, name)) for name in names if not name.startswith("_"))


def main() -> None:
    """One trace per program; the first line says which h2 this is."""
    print(json.dumps({"version": h2.__version__}), flush=True)
    for line in sys.stdin:
        print(json.dumps(Session(json.loads(line)).run()), flush=True)


if __name__ == "__main__":
    main()
