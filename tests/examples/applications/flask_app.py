"""A Flask application for the WSGI server: files, uploads, endless streams."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

from flask import Flask, Response, jsonify, request, stream_with_context
from flask.typing import ResponseReturnValue

FOLDER = os.environ.get("H2_TEST_FOLDER", str(Path(__file__).parent))
PIECE = 4096

app = Flask(__name__, static_folder=FOLDER, static_url_path="/files")
counts = {"produced": 0, "closed": 0, "read": 0}
gate = threading.Event()


@app.get("/")
def index() -> str:
    return f"Hello from Flask, over {request.environ['SERVER_PROTOCOL']}.\n"


@app.post("/echo")
def echo() -> Response:
    """Echo the content as it arrives.

    `read()` waits for the requested number of octets. Tests that check the echo before the
    request has ended send multiples of this size.
    """
    pieces = iter(lambda: request.stream.read(16_320), b"")
    return Response(stream_with_context(pieces), content_type="application/octet-stream")


@app.post("/form")
def form() -> ResponseReturnValue:
    """Return the fields of a form, and the hashes of its files."""
    files = {name: hashlib.sha256(file.read()).hexdigest() for name, file in request.files.items()}
    return jsonify(fields=dict(request.form), files=files)


@app.get("/endless")
def endless() -> Response:
    """Run until closed."""

    def pieces() -> Iterator[bytes]:
        try:
            while True:
                counts["produced"] += 1
                yield bytes(PIECE)
        finally:
            counts["closed"] += 1

    return Response(pieces(), content_type="application/octet-stream")


@app.post("/held")
def held() -> ResponseReturnValue:
    """Read nothing until the gate is open."""
    gate.wait(20)
    gate.clear()
    counts["read"] = len(request.get_data())
    return jsonify(read=counts["read"])


@app.post("/gate")
def open_gate() -> ResponseReturnValue:
    gate.set()
    return jsonify(counts)


@app.get("/counts")
def show_counts() -> ResponseReturnValue:
    return jsonify(counts)


@app.get("/cookies")
def cookies() -> Response:
    response = jsonify(request.cookies)
    response.set_cookie("one", "1")
    response.set_cookie("two", "2")
    return response


@app.get("/error")
def error() -> ResponseReturnValue:
    raise RuntimeError("an error on purpose")
