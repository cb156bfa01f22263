"""RFC 9113 section 6.5: SETTINGS."""

from __future__ import annotations

from conformance import wire
from conformance.build import raw, window
from conformance.case import CLIENT, SERVER, Situation, case
from conformance.expect import Check, connection, either, goes_on
from conformance.peer import Peer
from conformance.wire import MAX_WINDOW, Code, Setting, Type, settings

PROTOCOL = connection(Code.PROTOCOL_ERROR)
FLOW = connection(Code.FLOW_CONTROL_ERROR)


def _acknowledged(number: int) -> Check:
    """Expect this many acknowledgments before that of the PING after them."""

    def check(peer: Peer) -> str:
        kinds = [item.type for item in peer.seen.frames if item.has(wire.ACK)]
        kinds = [kind for kind in kinds if kind in (Type.SETTINGS, Type.PING)]
        expected = [Type.SETTINGS] * number + [Type.PING]
        return "" if kinds == expected else f"{kinds.count(Type.SETTINGS)} acknowledgments"

    return check


#: "the value of a SETTINGS parameter is the last value that is seen by a receiver" (section 6.5):
#: by default the package ignores earlier ones.
LAST_COUNTS = goes_on()
TAKEN = goes_on("one acknowledgment", check=_acknowledged(1))
WRONG: list[tuple[str, int, int, Code]] = [
    ("enable-push-2", Setting.ENABLE_PUSH, 2, Code.PROTOCOL_ERROR),
    ("enable-push-most", Setting.ENABLE_PUSH, 2**32 - 1, Code.PROTOCOL_ERROR),
    ("window-2-31", Setting.INITIAL_WINDOW_SIZE, MAX_WINDOW + 1, Code.FLOW_CONTROL_ERROR),
    ("window-most", Setting.INITIAL_WINDOW_SIZE, 2**32 - 1, Code.FLOW_CONTROL_ERROR),
    ("frame-size-0", Setting.MAX_FRAME_SIZE, 0, Code.PROTOCOL_ERROR),
    ("frame-size-16383", Setting.MAX_FRAME_SIZE, 16_383, Code.PROTOCOL_ERROR),
    ("frame-size-2-24", Setting.MAX_FRAME_SIZE, 2**24, Code.PROTOCOL_ERROR),
    ("frame-size-most", Setting.MAX_FRAME_SIZE, 2**32 - 1, Code.PROTOCOL_ERROR),
]
for name, key, value, code in WRONG:
    words = f"SETTINGS_{Setting(key).name} = {value:,}"
    case(f"settings-{name}", "6.5.2", words, [settings((key, value))], connection(code))
case(
    "settings-enable-push-server",
    "6.5.2",
    "SETTINGS_ENABLE_PUSH = 1 from a server",
    [settings((Setting.ENABLE_PUSH, 1))],
    PROTOCOL,
    roles=CLIENT,
)
case(
    "settings-wrong-behind-right",
    "6.5.3",
    "An invalid value after two valid ones",
    [
        settings(
            (Setting.HEADER_TABLE_SIZE, 100),
            (Setting.INITIAL_WINDOW_SIZE, 100),
            (Setting.MAX_FRAME_SIZE, 1),
        )
    ],
    PROTOCOL,
)
case(
    "settings-wrong-then-right",
    "6.5.3",
    "An invalid value, then a valid one for the same setting",
    [settings((Setting.INITIAL_WINDOW_SIZE, MAX_WINDOW + 1), (Setting.INITIAL_WINDOW_SIZE, 100))],
    FLOW,
    by_default=LAST_COUNTS,
)

RIGHT: list[tuple[str, str, int, int]] = [
    ("table-0", "6.5.2", Setting.HEADER_TABLE_SIZE, 0),
    ("table-most", "6.5.2", Setting.HEADER_TABLE_SIZE, 2**32 - 1),
    ("enable-push-0", "6.5.2", Setting.ENABLE_PUSH, 0),
    ("streams-0", "6.5.2", Setting.MAX_CONCURRENT_STREAMS, 0),
    ("streams-most", "6.5.2", Setting.MAX_CONCURRENT_STREAMS, 2**32 - 1),
    ("window-0", "6.5.2", Setting.INITIAL_WINDOW_SIZE, 0),
    ("window-2-31-1", "6.5.2", Setting.INITIAL_WINDOW_SIZE, MAX_WINDOW),
    ("frame-size-least", "6.5.2", Setting.MAX_FRAME_SIZE, 16_384),
    ("frame-size-2-24-1", "6.5.2", Setting.MAX_FRAME_SIZE, 2**24 - 1),
    ("list-size-most", "6.5.2", Setting.MAX_HEADER_LIST_SIZE, 2**32 - 1),
    ("unknown-0", "6.5.2", 0, 1),
    ("unknown-240", "6.5.2", 0xF0, 2**32 - 1),
    ("unknown-65535", "6.5.2", 0xFFFF, 2**32 - 1),
]
for name, section, key, value in RIGHT:
    shown = f"SETTINGS_{Setting(key).name}" if key in list(Setting) else f"Unknown setting {key}"
    case(f"settings-{name}", section, f"{shown} = {value:,}", [settings((key, value))], TAKEN)
case(
    "settings-enable-push-client",
    "6.5.2",
    "SETTINGS_ENABLE_PUSH = 1 from a client",
    [settings((Setting.ENABLE_PUSH, 1))],
    TAKEN,
    roles=SERVER,
)
case("settings-empty", "6.5", "SETTINGS without a payload", [settings()], TAKEN)
case(
    "settings-all-at-once",
    "6.5",
    "SETTINGS with a value for each defined setting of both roles",
    [
        settings(
            (Setting.HEADER_TABLE_SIZE, 8192),
            (Setting.ENABLE_PUSH, 0),
            (Setting.MAX_CONCURRENT_STREAMS, 50),
            (Setting.INITIAL_WINDOW_SIZE, 100_000),
            (Setting.MAX_FRAME_SIZE, 20_000),
            (Setting.MAX_HEADER_LIST_SIZE, 100_000),
        )
    ],
    TAKEN,
)
case(
    "settings-repeated-value",
    "6.5",
    "SETTINGS with ten values for one setting",
    [settings(*[(Setting.INITIAL_WINDOW_SIZE, 1000 * n) for n in range(10)])],
    TAKEN,
)
case(
    "settings-three-frames",
    "6.5.3",
    "Three SETTINGS frames",
    [settings(), settings((Setting.INITIAL_WINDOW_SIZE, 10)), settings()],
    goes_on("three acknowledgments", check=_acknowledged(3)),
)
case(
    "settings-stream",
    "6.5",
    "SETTINGS on a stream",
    [raw(Type.SETTINGS)],
    PROTOCOL,
    at=Situation.OPEN,
)
case(
    "settings-acknowledgment-on-stream",
    "6.5",
    "An acknowledgment of SETTINGS on a stream",
    [raw(Type.SETTINGS, b"", wire.ACK)],
    PROTOCOL,
    at=Situation.OPEN,
)
case(
    "settings-acknowledgment-unsolicited",
    "6.5.3",
    "Two acknowledgments of SETTINGS that were not sent",
    [settings(ack=True), settings(ack=True)],
    # No sentence of the RFC specifies the error; section 5.1 says what to do "in the absence of
    # more specific rules".
    either(PROTOCOL, goes_on()),
)
case(
    "settings-window-overflow",
    "6.9.2",
    "WINDOW_UPDATE of 2,147,483,647, then SETTINGS_INITIAL_WINDOW_SIZE = 70,000 instead of 0",
    # More than the 65,535 octets that the server may have sent in the meantime.
    [window(MAX_WINDOW), settings((Setting.INITIAL_WINDOW_SIZE, 70_000))],
    FLOW,
    at=Situation.ENDED,
    roles=SERVER,
)
