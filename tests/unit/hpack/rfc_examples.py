"""The examples of RFC 7541 Appendix C.2 to C.6: octets, fields and the dynamic table afterwards."""

from __future__ import annotations

from typing import NamedTuple

Fields = list[tuple[bytes, bytes]]


class Example(NamedTuple):
    """One field block of the appendix."""

    section: str
    wire: str
    fields: Fields
    table: Fields
    size: int


EXAMPLES = [
    Example(
        "C.2.1",
        "400a637573746f6d2d6b65790d637573746f6d2d686561646572",
        [(b"custom-key", b"custom-header")],
        [(b"custom-key", b"custom-header")],
        55,
    ),
    Example(
        "C.2.2",
        "040c2f73616d706c652f70617468",
        [(b":path", b"/sample/path")],
        [],
        0,
    ),
    Example(
        "C.2.3",
        "100870617373776f726406736563726574",
        [(b"password", b"secret")],
        [],
        0,
    ),
    Example(
        "C.2.4",
        "82",
        [(b":method", b"GET")],
        [],
        0,
    ),
    Example(
        "C.3.1",
        "828684410f7777772e6578616d706c652e636f6d",
        [
            (b":method", b"GET"),
            (b":scheme", b"http"),
            (b":path", b"/"),
            (b":authority", b"www.example.com"),
        ],
        [(b":authority", b"www.example.com")],
        57,
    ),
    Example(
        "C.3.2",
        "828684be58086e6f2d6361636865",
        [
            (b":method", b"GET"),
            (b":scheme", b"http"),
            (b":path", b"/"),
            (b":authority", b"www.example.com"),
            (b"cache-control", b"no-cache"),
        ],
        [(b"cache-control", b"no-cache"), (b":authority", b"www.example.com")],
        110,
    ),
    Example(
        "C.3.3",
        "828785bf400a637573746f6d2d6b65790c637573746f6d2d76616c7565",
        [
            (b":method", b"GET"),
            (b":scheme", b"https"),
            (b":path", b"/index.html"),
            (b":authority", b"www.example.com"),
            (b"custom-key", b"custom-value"),
        ],
        [
            (b"custom-key", b"custom-value"),
            (b"cache-control", b"no-cache"),
            (b":authority", b"www.example.com"),
        ],
        164,
    ),
    Example(
        "C.4.1",
        "828684418cf1e3c2e5f23a6ba0ab90f4ff",
        [
            (b":method", b"GET"),
            (b":scheme", b"http"),
            (b":path", b"/"),
            (b":authority", b"www.example.com"),
        ],
        [(b":authority", b"www.example.com")],
        57,
    ),
    Example(
        "C.4.2",
        "828684be5886a8eb10649cbf",
        [
            (b":method", b"GET"),
            (b":scheme", b"http"),
            (b":path", b"/"),
            (b":authority", b"www.example.com"),
            (b"cache-control", b"no-cache"),
        ],
        [(b"cache-control", b"no-cache"), (b":authority", b"www.example.com")],
        110,
    ),
    Example(
        "C.4.3",
        "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
        [
            (b":method", b"GET"),
            (b":scheme", b"https"),
            (b":path", b"/index.html"),
            (b":authority", b"www.example.com"),
            (b"custom-key", b"custom-value"),
        ],
        [
            (b"custom-key", b"custom-value"),
            (b"cache-control", b"no-cache"),
            (b":authority", b"www.example.com"),
        ],
        164,
    ),
    Example(
        "C.5.1",
        "4803333032580770726976617465611d4d6f6e2c203231204f637420323031332032303a31333a32"
        "3120474d546e1768747470733a2f2f7777772e6578616d706c652e636f6d",
        [
            (b":status", b"302"),
            (b"cache-control", b"private"),
            (b"date", b"Mon, 21 Oct 2013 20:13:21 GMT"),
            (b"location", b"https://www.example.com"),
        ],
        [
            (b"location", b"https://www.example.com"),
            (b"date", b"Mon, 21 Oct 2013 20:13:21 GMT"),
            (b"cache-control", b"private"),
            (b":status", b"302"),
        ],
        222,
    ),
    Example(
        "C.5.2",
        "4803333037c1c0bf",
        [
            (b":status", b"307"),
            (b"cache-control", b"private"),
            (b"date", b"Mon, 21 Oct 2013 20:13:21 GMT"),
            (b"location", b"https://www.example.com"),
        ],
        [
            (b":status", b"307"),
            (b"location", b"https://www.example.com"),
            (b"date", b"Mon, 21 Oct 2013 20:13:21 GMT"),
            (b"cache-control", b"private"),
        ],
        222,
    ),
    Example(
        "C.5.3",
        "88c1611d4d6f6e2c203231204f637420323031332032303a31333a323220474d54c05a04677a6970"
        "7738666f6f3d4153444a4b48514b425a584f5157454f50495541585157454f49553b206d61782d61"
        "67653d333630303b2076657273696f6e3d31",
        [
            (b":status", b"200"),
            (b"cache-control", b"private"),
            (b"date", b"Mon, 21 Oct 2013 20:13:22 GMT"),
            (b"location", b"https://www.example.com"),
            (b"content-encoding", b"gzip"),
            (b"set-cookie", b"foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"),
        ],
        [
            (b"set-cookie", b"foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"),
            (b"content-encoding", b"gzip"),
            (b"date", b"Mon, 21 Oct 2013 20:13:22 GMT"),
        ],
        215,
    ),
    Example(
        "C.6.1",
        "488264025885aec3771a4b6196d07abe941054d444a8200595040b8166e082a62d1bff6e919d29ad"
        "171863c78f0b97c8e9ae82ae43d3",
        [
            (b":status", b"302"),
            (b"cache-control", b"private"),
            (b"date", b"Mon, 21 Oct 2013 20:13:21 GMT"),
            (b"location", b"https://www.example.com"),
        ],
        [
            (b"location", b"https://www.example.com"),
            (b"date", b"Mon, 21 Oct 2013 20:13:21 GMT"),
            (b"cache-control", b"private"),
            (b":status", b"302"),
        ],
        222,
    ),
    Example(
        "C.6.2",
        "4883640effc1c0bf",
        [
            (b":status", b"307"),
            (b"cache-control", b"private"),
            (b"date", b"Mon, 21 Oct 2013 20:13:21 GMT"),
            (b"location", b"https://www.example.com"),
        ],
        [
            (b":status", b"307"),
            (b"location", b"https://www.example.com"),
            (b"date", b"Mon, 21 Oct 2013 20:13:21 GMT"),
            (b"cache-control", b"private"),
        ],
        222,
    ),
    Example(
        "C.6.3",
        "88c16196d07abe941054d444a8200595040b8166e084a62d1bffc05a839bd9ab77ad94e7821dd7f2"
        "e6c7b335dfdfcd5b3960d5af27087f3672c1ab270fb5291f9587316065c003ed4ee5b1063d5007",
        [
            (b":status", b"200"),
            (b"cache-control", b"private"),
            (b"date", b"Mon, 21 Oct 2013 20:13:22 GMT"),
            (b"location", b"https://www.example.com"),
            (b"content-encoding", b"gzip"),
            (b"set-cookie", b"foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"),
        ],
        [
            (b"set-cookie", b"foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1"),
            (b"content-encoding", b"gzip"),
            (b"date", b"Mon, 21 Oct 2013 20:13:22 GMT"),
        ],
        215,
    ),
]
