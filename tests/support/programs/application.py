"""An ASGI application for hypercorn: the files of a folder, and the content of a POST sent back."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

FOLDER = Path(os.environ["H2_TEST_FOLDER"])
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Answer a request."""
    if scope["type"] != "http":
        raise RuntimeError(f"no {scope['type']} here")
    if scope["method"] == "POST":
        await send({"type": "http.response.start", "status": 200, "headers": []})
        more = True
        while more:
            message = await receive()
            more = message.get("more_body", False)
            body = message.get("body", b"")
            await send({"type": "http.response.body", "body": body, "more_body": more})
        return
    file = FOLDER / scope["path"].lstrip("/")
    content = file.read_bytes() if file.is_file() else b""
    headers = [(b"content-length", str(len(content)).encode())]
    status = 200 if file.is_file() else 404
    await send({"type": "http.response.start", "status": status, "headers": headers})
    body = b"" if scope["method"] == "HEAD" else content
    await send({"type": "http.response.body", "body": body})
