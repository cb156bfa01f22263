"""Seeded programs for the driver: random walks, mostly valid, with faults mixed in.

A program is plain JSON (see ``driver``). Its profile determines the kinds of faults it may contain;
a seed always yields the same program.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from . import faults, vocabulary
from .vocabulary import call, inject, pick

Json = Any
PROFILES = ("valid", "valid", "settings", "calls", "frames", "headers")

#: Steps after the handshake.
LENGTH = (10, 40)


class Walk:
    """Generates one program."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.profile = PROFILES[seed % len(PROFILES)]
        self.steps: list[Json] = []
        self.program: Json = {"seed": seed, "profile": self.profile, "steps": self.steps}

    def write(self) -> Json:
        """The program."""
        self._configure()
        self._handshake()
        moves, weights = zip(*MOVES, strict=True)
        length = self.random.randint(*LENGTH)
        # Most faults end the connection, so they come late.
        calm = 0 if self.profile in ("calls", "settings") else length * 2 // 3
        for number in range(length):
            if number >= calm and self.random.random() < FAULT_RATE[self.profile]:
                self.steps.extend(self._fault())
            else:
                move = self.random.choices(moves, weights)[0]
                if move is not update_settings or self.profile not in ("frames", "headers"):
                    self.steps.extend(move(self.random))
        for side in ("client", "server"):
            self.steps.append({"do": "pump", "side": side})
        if self.random.random() < 0.3:
            self.steps.extend(closing(self.random))
        return self.program

    def _fault(self) -> list[Json]:
        maker = {
            "calls": faults.bad_call,
            "frames": faults.odd_frame,
            "headers": faults.odd_headers,
            "settings": faults.settings_step,
        }[self.profile]
        return maker(self.random)

    def _configure(self) -> None:
        chance = self.random.random
        config: Json = {"client": {}, "server": {}}
        for side in config.values():
            if chance() < 0.2:
                side["header_encoding"] = self.random.choice(["utf-8", "latin-1", False])
            if chance() < 0.15:
                side["split_outbound_cookies"] = True
            if chance() < 0.15:
                side["normalize_inbound_headers"] = False
            if self.profile == "headers" and chance() < 0.3:
                side[self.random.choice(vocabulary.SWITCHES)] = False
        self.program["config"] = config
        if chance() < 0.2:
            self.program["buffer"] = self.random.choice(["bytearray", "memoryview"])
        if chance() < 0.1:
            self.program["read"] = self.random.choice([1, 10, 1000])
        rate = 0.8 if self.profile == "settings" else 0.3
        self.program["settings"] = {
            side: vocabulary.initial_settings(self.random, side)
            for side in config
            if chance() < rate
        }
        if self.profile in ("frames", "headers"):
            # A table size below the default requires the peer to start its next field block with
            # an update (RFC 7541 section 4.2), and injected blocks have none.
            for settings in self.program["settings"].values():
                settings.pop(str(vocabulary.HEADER_TABLE_SIZE), None)

    def _handshake(self) -> None:
        """Both sides start; in one program out of five, their prefaces cross."""
        if self.random.random() < 0.07:
            header = {"settings_header": {"returned": "client"}}
            self.steps.append(call("client", "initiate_upgrade_connection"))
            self.steps.append(call("server", "initiate_upgrade_connection", header))
        else:
            self.steps.append(call("client", "initiate_connection"))
            self.steps.append(call("server", "initiate_connection"))
        if self.profile == "frames" and self.random.random() < 0.1:
            side = self.random.choice(["client", "server"])
            self.steps.append(inject(side, *faults.harmless(self.random)))
        if self.random.random() < 0.2:
            return
        for side in ("client", "server", "client"):
            self.steps.append({"do": "pump", "side": side})


def program(seed: int) -> Json:
    """The program of one seed."""
    return Walk(seed).write()


def open_stream(random: Random) -> list[Json]:
    """The client sends a request, on the next stream or on a later one."""
    args: Json = {
        "stream_id": {"next": random.choice([0, 0, 0, 0, 0, 1, 3])},
        "headers": {"headers": vocabulary.request(random)},
    }
    if random.random() < 0.4:
        args["end_stream"] = True
    if random.random() < 0.15:
        args |= vocabulary.priority(random, "priority_")
    return [call("client", "send_headers", args)]


def respond(random: Random) -> list[Json]:
    """The server sends an informational or a final response."""
    headers = vocabulary.response(random)
    args: Json = {"stream_id": pick(random, "respondable"), "headers": {"headers": headers}}
    if not headers[0][1].startswith("1") and random.random() < 0.25:
        args["end_stream"] = True
    return [call("server", "send_headers", args)]


def send_data(random: Random) -> list[Json]:
    """DATA of any size that fits, from either side."""
    side = random.choice(["client", "server", "server"])
    body: Json = random.choice(
        [{"fill": 0}, {"fill": random.randrange(200)}, {"view": 5000}, {"window": 0}, {"window": 0}]
    )
    args: Json = {"stream_id": pick(random, "sendable"), "data": body}
    if random.random() < 0.2:
        args["end_stream"] = True
    if random.random() < 0.15 and "fill" in body and body["fill"] < 200:
        args["pad_length"] = random.choice([0, 1, 20, 255])
    return [call(side, "send_data", args)]


def finish(random: Random) -> list[Json]:
    """END_STREAM by itself or on trailers."""
    side = random.choice(["client", "server"])
    args: Json = {"stream_id": pick(random, "sendable")}
    if random.random() < 0.5:
        return [call(side, "end_stream", args)]
    args |= {"headers": {"headers": vocabulary.trailers(random)}, "end_stream": True}
    return [call(side, "send_headers", args)]


def reset(random: Random) -> list[Json]:
    """RST_STREAM on a stream that is open."""
    side = random.choice(["client", "server"])
    args: Json = {"stream_id": pick(random, "open")}
    if random.random() < 0.7:
        args["error_code"] = random.choice([0, 1, 7, 8, 99])
    return [call(side, "reset_stream", args)]


def push(random: Random) -> list[Json]:
    """The server promises a stream."""
    args = {
        "stream_id": pick(random, "pushable"),
        "promised_stream_id": {"next": random.choice([0, 0, 0, 1])},
        "request_headers": {"headers": vocabulary.request(random, push=True)},
    }
    return [call("server", "push_stream", args)]


def acknowledge(random: Random) -> list[Json]:
    """Acknowledge received octets: all, some, or more than there were."""
    side = random.choice(["client", "server"])
    amount = random.choice([[1, 0], [1, 0], [1, 0], [0.5, 0], [0.1, 1], [0, 0], [1, 10]])
    args = {
        "stream_id": pick(random, "unacknowledged"),
        "acknowledged_size": {"unacknowledged": amount},
    }
    return [call(side, "acknowledge_received_data", args)]


def small_call(random: Random) -> list[Json]:
    """PING, PRIORITY, WINDOW_UPDATE, ALTSVC."""
    side = random.choice(["client", "server"])
    kind = random.randrange(5)
    if kind == 0:
        return [call(side, "ping", {"opaque_data": {"bytes": random.randbytes(8).hex()}})]
    if kind == 1:
        args = {"stream_id": pick(random, random.choice(["open", "any", "idle"]))}
        return [call("client", "prioritize", args | vocabulary.priority(random, ""))]
    if kind == 2:
        return [call("server", "advertise_alternative_service", vocabulary.alternative(random))]
    args = {"increment": random.choice([1, 100, 5000, 65_535, 1_000_000])}
    if kind == 3:
        args["stream_id"] = pick(random, "open")
    return [call(side, "increment_flow_control_window", args)]


def update_settings(random: Random) -> list[Json]:
    """A SETTINGS frame, usually acknowledged immediately."""
    side = random.choice(["client", "server"])
    new = vocabulary.changed_settings(random, side)
    steps = [call(side, "update_settings", {"new_settings": {"settings": new}})]
    if random.random() < 0.8:
        steps += [{"do": "pump", "side": side}, {"do": "pump", "side": other(side)}]
    return steps


def pump(random: Random) -> list[Json]:
    """Deliver what one side has sent."""
    step: Json = {"do": "pump", "side": random.choice(["client", "server"])}
    if random.random() < 0.3:
        step["units"] = random.choice([1, 1, 2, 3])
    if random.random() < 0.2:
        step["chunk"] = random.choice([1, 5, 9, 100])
    return [step]


def exchange(random: Random) -> list[Json]:
    """Deliver everything in flight, in both directions."""
    return [{"do": "pump", "side": side} for side in ("client", "server")]


def closing(random: Random) -> list[Json]:
    """GOAWAY, and frames after it."""
    side = random.choice(["client", "server"])
    args: Json = random.choice([{}, {"error_code": 2}, {"error_code": 99, "last_stream_id": 1}])
    if random.random() < 0.3:
        args = args | {"additional_data": {"bytes": b"bye".hex()}}
    steps = [call(side, "close_connection", args), {"do": "pump", "side": side}]
    for _ in range(3):
        steps += random.choice([send_data, finish, open_stream, respond, pump])(random)
    return steps


def conversation(random: Random) -> list[Json]:
    """A request, its response and some of the bodies, delivered."""
    steps = [*open_stream(random), *exchange(random), *respond(random)]
    for _ in range(random.randrange(4)):
        steps += [*send_data(random), *exchange(random), *acknowledge(random)]
    return steps


def injected(random: Random) -> list[Json]:
    """Frames that any connection must accept."""
    return [inject(random.choice(["client", "server"]), *faults.harmless(random))]


def other(side: str) -> str:
    """The peer."""
    return "client" if side == "server" else "server"


MOVES: list[tuple[Callable[[Random], list[Json]], int]] = [
    (conversation, 10),
    (open_stream, 8),
    (respond, 10),
    (send_data, 16),
    (finish, 8),
    (reset, 4),
    (push, 3),
    (acknowledge, 8),
    (small_call, 8),
    (update_settings, 2),
    (pump, 12),
    (exchange, 16),
    (injected, 2),
]
FAULT_RATE = {"valid": 0.0, "settings": 0.1, "calls": 0.15, "frames": 0.2, "headers": 0.3}
