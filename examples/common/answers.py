"""The answers of servers without files: the header fields of a request as JSON, an echo."""

from __future__ import annotations

import json
from collections.abc import Sequence

from examples.common.files import Response

Fields = Sequence[tuple[bytes, bytes]]


def fields_as_json(fields: Fields) -> bytes:
    """Render header fields as a JSON object; the values of a repeated name are joined."""
    merged: dict[str, str] = {}
    for field in fields:
        # Fields are bytes. Most are ASCII; whatever else arrives must not break the answer.
        name, value = (octets.decode("utf-8", "backslashreplace") for octets in field)
        merged[name] = f"{merged[name]}, {value}" if name in merged else value
    return json.dumps(merged, indent=2).encode() + b"\n"


def answer(fields: Fields) -> Response:
    """Return the response to a request with these header fields."""
    request = dict(fields)
    is_echo = request.get(b":path", b"").partition(b"?")[0] == b"/echo"
    if is_echo and request[b":method"] == b"POST":
        headers = [(":status", "200"), ("content-type", "application/octet-stream")]
        return Response(headers, echo=True)
    if request[b":method"] in {b"GET", b"HEAD"}:
        content = fields_as_json(fields)
        headers = [(":status", "200"), ("content-type", "application/json")]
    else:
        content = b"405 Method Not Allowed\n"
        allowed = "GET, HEAD, POST" if is_echo else "GET, HEAD"
        headers = [(":status", "405"), ("content-type", "text/plain"), ("allow", allowed)]
    headers.append(("content-length", str(len(content))))
    return Response(headers, text=b"" if request[b":method"] == b"HEAD" else content)
