"""An ASGI application for hypercorn: a WebSocket that sends all messages back."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


async def application(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Serve a WebSocket."""
    if scope["type"] != "websocket":
        raise RuntimeError(f"no {scope['type']} here")
    assert scope["http_version"] == "2"
    assert (await receive())["type"] == "websocket.connect"
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        echo = {key: message.get(key) for key in ("bytes", "text")}
        await send({"type": "websocket.send", **echo})
