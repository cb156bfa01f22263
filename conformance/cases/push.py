"""RFC 9113 sections 6.6 and 8.4: PUSH_PROMISE and pushed responses."""

from __future__ import annotations

from conformance import hpack
from conformance.build import (
    continuation,
    data,
    message,
    priority,
    promise,
    raw,
    reset,
    window,
)
from conformance.case import CLIENT, SERVER, Item, Need, Situation, case
from conformance.expect import Expectation, client_leaves, connection, either, goes_on, stream
from conformance.hpack import Field
from conformance.peer import On
from conformance.wire import Code, Flag, Type, u32

OPEN, FRESH, PROMISED = Situation.OPEN, Situation.FRESH, Situation.PROMISED
PROTOCOL = connection(Code.PROTOCOL_ERROR)
FINE = goes_on()

for name, words, item in (
    ("open", "PUSH_PROMISE from a client", promise()),
    ("zero", "PUSH_PROMISE from a client on stream 0", promise(on=0)),
    ("idle", "PUSH_PROMISE from a client on an idle stream", promise(on=On.IDLE)),
):
    case(f"push-by-client-{name}", "8.4", words, [item], PROTOCOL, at=OPEN, roles=SERVER)


def _push(
    name: str,
    section: str,
    words: str,
    send: list[Item],
    expect: Expectation,
    at: Situation = OPEN,
    by_default: Expectation | None = None,
) -> None:
    case(
        f"push-{name}",
        section,
        words,
        send,
        expect,
        at=at,
        roles=CLIENT,
        by_default=by_default,
        needs=Need.PUSH,
    )


# Promises ----------------------------------------------------------------------------------------

_push("promise", "6.6", "PUSH_PROMISE", [promise()], FINE)
_push("promise-padded", "6.6", "PUSH_PROMISE with padding", [promise(pad=20)], FINE)
_push(
    "promise-reserved",
    "6.6",
    "PUSH_PROMISE with the reserved bit",
    [promise(reserved=1 << 31)],
    FINE,
)
_push("promise-flags", "4.1", "PUSH_PROMISE with unused flags", [promise(flags=0xF3)], FINE)
_push("promise-head", "8.4.1", "PUSH_PROMISE with a HEAD request", [promise(method=b"HEAD")], FINE)
_push(
    "promise-continued",
    "6.6",
    "PUSH_PROMISE and CONTINUATION",
    [promise(end_headers=False), continuation(hpack.block([(b"x-name", b"value")]))],
    FINE,
)
_push(
    "promise-skips",
    "5.1.1",
    "PUSH_PROMISE for stream 100, then for stream 102",
    [promise(100), promise(102)],
    FINE,
)
_push("promise-zero", "6.6", "PUSH_PROMISE on stream 0", [promise(on=0)], PROTOCOL)
_push("promise-idle", "6.6", "PUSH_PROMISE on an idle stream", [promise(on=On.IDLE)], PROTOCOL)
_push("promised-odd", "5.1.1", "PUSH_PROMISE for an odd stream", [promise(On.IDLE)], PROTOCOL)
_push("promised-zero", "5.1.1", "PUSH_PROMISE for stream 0", [promise(0)], PROTOCOL)
_push(
    "promised-lower",
    "5.1.1",
    "PUSH_PROMISE for stream 4, then for stream 2",
    [promise(4), promise(2)],
    PROTOCOL,
)
_push(
    "promised-twice", "5.1.1", "PUSH_PROMISE for stream 2 twice", [promise(2), promise(2)], PROTOCOL
)
_push(
    "promise-on-promised",
    "6.6",
    "PUSH_PROMISE on a promised stream",
    [promise(4, on=On.PROMISED)],
    PROTOCOL,
    PROMISED,
)
_push(
    "promise-on-pushed",
    "8.4.1",
    "PUSH_PROMISE on the stream of a pushed response",
    [message(on=On.PROMISED), promise(4, on=On.PROMISED)],
    PROTOCOL,
    PROMISED,
)
_push(
    "promise-on-closed",
    "6.6",
    "PUSH_PROMISE after the end of the response",
    [promise()],
    either(PROTOCOL, client_leaves()),
    Situation.CLOSED,
)
_push(
    "promise-on-refused",
    "6.6",
    "PUSH_PROMISE on a stream that the client has reset",
    [promise()],
    FINE,
    Situation.REFUSED,
)
for pad in (5, 255):
    _push(
        f"promise-padding-{pad}",
        "6.6",
        f"PUSH_PROMISE of 5 octets with a pad length of {pad}",
        [raw(Type.PUSH_PROMISE, bytes([pad]) + u32(2), Flag.PADDED | Flag.END_HEADERS)],
        PROTOCOL,
    )
_push(
    "promise-cut-by-data",
    "6.6",
    "DATA between PUSH_PROMISE and CONTINUATION",
    [promise(end_headers=False), data(b"abc")],
    PROTOCOL,
)
_push(
    "promise-cut-by-other",
    "6.6",
    "CONTINUATION on the promised stream",
    [promise(end_headers=False), continuation(on=On.PROMISED)],
    PROTOCOL,
)
_push(
    "promise-not-decoded",
    "4.3",
    "PUSH_PROMISE with a field block that cannot be decoded",
    [promise(block=b"\x80")],
    connection(Code.COMPRESSION_ERROR),
)
case(
    "push-disabled",
    "6.6",
    "PUSH_PROMISE to a client that has disabled push",
    [promise()],
    PROTOCOL,
    at=OPEN,
    roles=CLIENT,
    needs=Need.NO_PUSH,
)

# Promised requests -------------------------------------------------------------------------------

REJECTED = stream(Code.PROTOCOL_ERROR, on=On.PROMISED)
for field in (b":method", b":scheme", b":path"):
    _push(
        f"request-no-{field[1:].decode()}",
        "8.4.1",
        f"A promised request without {field.decode()}",
        [promise(change={field: None})],
        REJECTED,
    )
for method in (b"POST", b"PUT", b"DELETE"):
    _push(
        f"request-{method.decode().lower()}",
        "8.4.1",
        f"A promised {method.decode()}",
        [promise(change={b":method": method})],
        REJECTED,
    )
REQUESTS: list[tuple[str, str, Field]] = [
    ("uppercase", "with an uppercase field name", (b"X-Name", b"value")),
    ("connection", "with a connection field", (b"connection", b"close")),
    ("line-feed", "with LF in a value", (b"x-name", b"a\nb")),
    ("status", "with :status", (b":status", b"200")),
    ("unknown", "with an unknown pseudo-header field", (b":unknown", b"x")),
]
for name, words, extra in REQUESTS:
    _push(
        f"request-{name}",
        "8.4.1",
        f"A promised request {words}",
        [promise(On.PROMISED, extra)],
        REJECTED,
    )

# Reserved streams --------------------------------------------------------------------------------

_push(
    "reserved-data",
    "5.1",
    "DATA on a reserved stream",
    [data(b"abc", on=On.PROMISED)],
    PROTOCOL,
    PROMISED,
    stream(Code.PROTOCOL_ERROR, on=On.PROMISED),
)
_push(
    "reserved-window-update",
    "5.1",
    "WINDOW_UPDATE on a reserved stream",
    [window(1, on=On.PROMISED)],
    PROTOCOL,
    PROMISED,
    FINE,
)
_push(
    "reserved-reset",
    "5.1",
    "RST_STREAM on a reserved stream",
    [reset(on=On.PROMISED)],
    FINE,
    PROMISED,
)
_push(
    "reserved-priority",
    "5.1",
    "PRIORITY on a reserved stream",
    [priority(on=On.PROMISED)],
    FINE,
    PROMISED,
)

# Pushed responses --------------------------------------------------------------------------------

_push(
    "response",
    "8.4.2",
    "A pushed response with content",
    [
        message(on=On.PROMISED),
        data(b"abc", on=On.PROMISED),
        data(b"abc", end=True, on=On.PROMISED),
        message(),
    ],
    FINE,
    PROMISED,
)
_push(
    "response-after-main",
    "8.4.2",
    "A pushed response after the first part of the requested one",
    [message(), data(b"abc"), message(on=On.PROMISED, end=True), data(b"abc")],
    FINE,
    PROMISED,
)
_push(
    "response-no-status",
    "8.3.2",
    "A pushed response without :status",
    [message((b"x-name", b"value"), on=On.PROMISED, change={b":status": None})],
    REJECTED,
    PROMISED,
)
_push(
    "response-uppercase",
    "8.2.1",
    "A pushed response with an uppercase field name",
    [message((b"X-Name", b"value"), on=On.PROMISED)],
    REJECTED,
    PROMISED,
)
