"""Both ends against the published h2: the same program, run by two interpreters.

Each scenario is played twice over a real socket: with the package under test as the client and the
published h2 as the server, and vice versa. The expected reports of both ends are written out here,
so two ends that agree on something wrong do not pass.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from typing import Any

import pytest

import h2
from interop.peer_program import BIG, SCENARIOS, digest
from support.peers import require_published_python
from support.processes import run, serving

PROGRAM = "tests/interop/peer_program.py"
PUBLISHED_VERSION = "4.4.1"

Json = dict[str, Any]
Field = tuple[str, str]


def pairs(*fields: Field) -> list[list[str]]:
    return [list(field) for field in fields]


def asked(method: str, path: str, *more: Field, body: bytes = b"", **other: Any) -> Json:
    """A request as the server should report it."""
    pseudo = ((":method", method), (":scheme", "https"), (":authority", "example.com"))
    return seen((*pseudo, (":path", path), *more), body, **other)


def answered(path: str, body: bytes = b"", **other: Any) -> Json:
    """A response as the client should report it."""
    return seen(((":status", "200"), ("x-path", path)), body or f"body of {path}".encode(), **other)


def seen(fields: Sequence[Field], body: bytes, end: str = "ended", **other: Any) -> Json:
    report = {"headers": pairs(*fields), "end": end, **other}
    return report | ({"body": digest(body)} if body else {})


def numbered(*streams: Json, first: int = 1) -> Json:
    """The reports, by the identifiers of the streams of the client."""
    return {str(first + 2 * position): stream for position, stream in enumerate(streams)}


def echoed(paths: Sequence[str], bodies: Sequence[bytes], x_n: bool = False) -> tuple[Json, Json]:
    more = [(("x-n", str(number)),) if x_n else () for number in range(len(paths))]
    server = [
        asked("POST", path, *fields, body=body)
        for path, fields, body in zip(paths, more, bodies, strict=True)
    ]
    client = [answered(path, body) for path, body in zip(paths, bodies, strict=True)]
    return numbered(*server), numbered(*client)


SECRETS = (("authorization", "secret"), ("cookie", "a=1"))
HINTS = [pairs((":status", "103"), ("link", link)) for link in ("</a.css>", "</b.css>")]
PUSHED_REQUEST = asked("GET", "/pushed")["headers"]
PUSHED = seen(
    ((":status", "200"), ("x-kind", "pushed")), b"pushed" * 1000, informational=[PUSHED_REQUEST]
)

# For each scenario: the report of the server, and that of the client.
EXPECTED: dict[str, tuple[Json, Json]] = {
    "get": (
        numbered(
            asked("GET", "/hello", *SECRETS),
            asked("GET", "/empty"),
            asked("GET", "/hello", *SECRETS),
        ),
        numbered(answered("/hello"), seen(((":status", "204"),), b""), answered("/hello")),
    ),
    "post": (
        numbered(asked("POST", "/echo", ("content-length", str(len(BIG))), body=BIG)),
        numbered(answered("/echo", BIG)),
    ),
    "trailers": (
        numbered(
            asked("POST", "/trailers", body=b"with trailers", trailers=pairs(("x-checksum", "17")))
        ),
        numbered(
            answered("/trailers", b"with trailers", trailers=pairs(("x-trailer", "/trailers")))
        ),
    ),
    "informational": (
        numbered(asked("GET", "/informational")),
        numbered(answered("/informational", informational=HINTS)),
    ),
    "push": (numbered(asked("GET", "/push")), {**numbered(answered("/push")), "2": PUSHED}),
    "no_push": (numbered(asked("GET", "/push")), numbered(answered("/push"))),
    "resets": (
        numbered(
            asked("GET", "/reset"),
            asked("GET", "/never", end="reset 8 by they"),
            asked("GET", "/at-once", end="reset 7 by they"),
            # The content that fit into the windows arrived, then the reset.
            asked("POST", "/half", body=BIG[:65_535], end="reset 0 by they"),
            asked("POST", "/after", body=BIG),
        ),
        numbered(
            {"end": "reset 2 by they"},
            {**seen(((":status", "200"), ("x-path", "/never")), b""), "end": "reset here"},
            {"end": "reset here"},
            {"end": "reset here"},
            answered("/after", BIG),
        ),
    ),
    "pings": ({}, {}),
    "settings": echoed(["/echo0", "/echo1", "/echo2"], [BIG[:300_000]] * 3, x_n=True),
    "remote_settings": echoed(["/settings0", "/settings1"], [BIG[:300_000]] * 2, x_n=True),
    "concurrent": echoed(
        [f"/echo{number}" for number in range(10)], [BIG[n : n + 200_000] for n in range(10)]
    ),
    "goaway": (numbered(asked("GET", "/hello")), numbered(answered("/hello"))),
}

# What only the client knows: setting, old value, new value; answers to pings.
FACTS: dict[str, Any] = {
    "pings": [f"ping 00{number}" for number in range(5)],
    "settings": [
        [[1, 4096, 0], [4, 65_535, 100]],
        [[4, 100, 200_000], [5, 16_384, 100_000]],
        [[1, 0, 8192], [3, 100, 7]],
    ],
    "remote_settings": [
        [[1, 4096, 0], [3, 100, 1], [4, 65_535, 1000]],
        [[1, 0, 8192], [4, 1000, 500_000], [5, 16_384, 65_536]],
    ],
}


@pytest.fixture(scope="module")
def published() -> str:
    python = require_published_python()
    done = run([python, "-c", "import h2; print(h2.__version__)"])
    assert done.stdout.strip() == PUBLISHED_VERSION
    return python


def play(server_python: str, client_python: str, scenario: str) -> tuple[Json, Json]:
    """Run both ends; return the reports of the server and of the client."""
    with serving([server_python, PROGRAM, "server"]) as server:
        client = run([client_python, PROGRAM, "client", str(server.port), scenario])
        assert (client.stderr, client.returncode) == ("", 0)
        out, err = server.finish()
    assert (err, server.process.returncode) == ("", 0)
    return json.loads(out), json.loads(client.stdout)


@pytest.mark.parametrize("scenario", [scenario.__name__ for scenario in SCENARIOS])
@pytest.mark.parametrize("role", ["client", "server"])
def test_with_a_published_peer(published: str, role: str, scenario: str) -> None:
    if role == "client":
        server, client = play(published, sys.executable, scenario)
        assert (server["version"], client["version"]) == (PUBLISHED_VERSION, h2.__version__)
    else:
        server, client = play(sys.executable, published, scenario)
        assert (server["version"], client["version"]) == (h2.__version__, PUBLISHED_VERSION)
    expected_server, expected_client = EXPECTED[scenario]
    assert server["streams"] == expected_server
    assert client["streams"] == expected_client
    assert client["facts"] == FACTS.get(scenario)
    assert server["goaway"] == ([[0, 11, "enough"]] if scenario == "goaway" else [])
