"""RFC 9113 section 8.3: pseudo-header fields."""

from __future__ import annotations

from conformance.build import Made, message, message_fields
from conformance.case import CLIENT, SERVER, Situation, case
from conformance.expect import either, goes_on, malformed
from conformance.hpack import Field
from conformance.peer import On, Peer

FRESH = Situation.FRESH
ANSWERED = goes_on(answered=On.CURRENT)
SHOULD = either(malformed(), ANSWERED)

# Both roles --------------------------------------------------------------------------------------

for name, words, field in (
    ("unknown", "An unknown pseudo-header field", (b":unknown", b"x")),
    ("empty-name", "A pseudo-header field with an empty name", (b":", b"x")),
    ("uppercase", "A pseudo-header field in uppercase", (b":METHOD", b"GET")),
):
    case(f"pseudo-{name}", "8.3", words, [message(first=(field,))], malformed(), at=FRESH)
case(
    "pseudo-unknown-last",
    "8.3",
    "An unknown pseudo-header field after the others",
    [message((b":unknown", b"x"))],
    malformed(),
    at=FRESH,
)
case(
    "pseudo-none",
    "8.3",
    "A message without pseudo-header fields",
    [
        message(
            (b"x-name", b"value"),
            change=dict.fromkeys((b":method", b":scheme", b":authority", b":path", b":status")),
        )
    ],
    malformed(),
    at=FRESH,
)
case(
    "pseudo-after-regular",
    "8.3",
    "All pseudo-header fields after a regular field",
    [message(first=((b"x-name", b"value"),))],
    malformed(),
    at=FRESH,
)

# Requests ----------------------------------------------------------------------------------------


def _twice(name: bytes) -> Made:
    def make(peer: Peer) -> bytes:
        value = dict(message_fields(peer))[name]
        return message(first=((name, value),))(peer)

    return make


def _last(name: bytes) -> Made:
    """The field after a regular one."""

    def make(peer: Peer) -> bytes:
        value = dict(message_fields(peer))[name]
        return message((b"x-name", b"value"), (name, value), change={name: None})(peer)

    return make


for field_name in (b":method", b":scheme", b":path"):
    text = field_name[1:].decode()
    case(
        f"request-no-{text}",
        "8.3.1",
        f"A request without :{text}",
        [message(change={field_name: None})],
        malformed(),
        at=FRESH,
        roles=SERVER,
    )
    case(
        f"request-empty-{text}",
        "8.3.1",
        f"A request with an empty :{text}",
        [message(change={field_name: b""})],
        malformed(),
        at=FRESH,
        roles=SERVER,
    )
for field_name in (b":method", b":scheme", b":path", b":authority"):
    text = field_name[1:].decode()
    case(
        f"request-two-{text}",
        "8.3",
        f"A request with two :{text}",
        [_twice(field_name)],
        malformed(),
        at=FRESH,
        roles=SERVER,
    )
    case(
        f"request-late-{text}",
        "8.3",
        f"A request with :{text} after a regular field",
        [_last(field_name)],
        malformed(),
        at=FRESH,
        roles=SERVER,
    )
case(
    "request-status",
    "8.3",
    "A request with :status",
    [message(first=((b":status", b"200"),))],
    malformed(),
    at=FRESH,
    roles=SERVER,
)
case(
    "request-method-space",
    "8.3.1",
    "A request with the method GE T",
    [message(change={b":method": b"GE T"})],
    malformed(),
    at=FRESH,
    roles=SERVER,
)
case(
    "request-path-relative",
    "8.3.1",
    "A request with a path that does not begin with a slash",
    [message(change={b":path": b"index.html"})],
    malformed(),
    at=FRESH,
    roles=SERVER,
)
case(
    "request-path-space",
    "8.3.1",
    "A request with a space in the path",
    [message(change={b":path": b"/a b"})],
    malformed(),
    at=FRESH,
    roles=SERVER,
)
case(
    "request-host-differs",
    "8.3.1",
    "A request with a host field that differs from :authority",
    [message((b"host", b"other.example"))],
    SHOULD,
    at=FRESH,
    roles=SERVER,
)
case(
    "request-host",
    "8.3.1",
    "A request with a host field instead of :authority",
    [
        lambda peer: message((b"host", peer.target.authority), change={b":authority": None})(peer),
    ],
    ANSWERED,
    at=FRESH,
    roles=SERVER,
)
case(
    "request-host-same",
    "8.3.1",
    "A request with a host field equal to :authority",
    [lambda peer: message((b"host", peer.target.authority))(peer)],
    ANSWERED,
    at=FRESH,
    roles=SERVER,
)
case(
    "request-query",
    "8.3.1",
    "A request with a query",
    [lambda peer: message(change={b":path": peer.target.path + b"?a=b&c=%20"})(peer)],
    ANSWERED,
    at=FRESH,
    roles=SERVER,
)
case(
    "request-method-unknown",
    "8.3.1",
    "A request with an unknown method",
    [message(change={b":method": b"BREW"})],
    SHOULD,
    at=FRESH,
    roles=SERVER,
)

# Responses ---------------------------------------------------------------------------------------

STATUS: list[tuple[str, str, tuple[Field, ...], bytes | None]] = [
    ("two", "with two :status", ((b":status", b"200"),), b"200"),
    ("two-different", "with two different :status", ((b":status", b"404"),), b"200"),
    ("empty", "with an empty :status", (), b""),
    ("letters", "with the status abc", (), b"abc"),
    ("short", "with the status 20", (), b"20"),
    ("long", "with the status 2000", (), b"2000"),
    ("space", "with a space after the status", (), b"200 "),
    ("sign", "with the status +20", (), b"+20"),
    ("reason", "with the status 200 OK", (), b"200 OK"),
    ("method", "with :method", ((b":method", b"GET"),), b"200"),
    ("path", "with :path", ((b":path", b"/"),), b"200"),
    ("scheme", "with :scheme", ((b":scheme", b"http"),), b"200"),
    ("authority", "with :authority", ((b":authority", b"localhost"),), b"200"),
]
for name, words, extra, status in STATUS:
    case(
        f"response-{name}",
        "8.3.2" if "status" in words else "8.3",
        f"A response {words}",
        [message(first=extra, change={b":status": status})],
        malformed(),
        at=FRESH,
        roles=CLIENT,
    )
case(
    "response-no-status",
    "8.3.2",
    "A response without :status",
    [message((b"x-name", b"value"), change={b":status": None})],
    malformed(),
    at=FRESH,
    roles=CLIENT,
)
case(
    "response-late",
    "8.3",
    "A response with :status after a regular field",
    [_last(b":status")],
    malformed(),
    at=FRESH,
    roles=CLIENT,
)
for status in (b"204", b"301", b"404", b"500", b"599"):
    case(
        f"response-{status.decode()}",
        "8.3.2",
        f"A response {status.decode()}",
        [message(change={b":status": status})],
        goes_on(),
        at=FRESH,
        roles=CLIENT,
    )
