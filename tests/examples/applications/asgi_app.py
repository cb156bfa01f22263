"""Small ASGI applications without a framework, one per path: valid and invalid use of ASGI.

`app` does not support the lifespan protocol; those at the end use it, each differently.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable, MutableMapping
from pathlib import Path
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Message, Receive, Send], Awaitable[None]]
APPLICATIONS: dict[str, Application] = {}
START = {"type": "http.response.start", "status": 200, "headers": [(b"X-Of", b"the application")]}
BODY = {"type": "http.response.body"}
seen: list[str] = []  # what happened in applications whose client disconnected


def at_path(application: Application) -> Application:
    APPLICATIONS[f"/{application.__name__}"] = application
    return application


@at_path
async def scope(scope, receive, send):
    """The scope as JSON."""
    await send(START)
    await send(BODY | {"body": json.dumps(scope, default=lambda value: value.decode()).encode()})


@at_path
async def messages(scope, receive, send):
    """The messages of a request as JSON, up to the last one, and the one after the response."""
    got = []
    while not got or got[-1].get("more_body"):
        got.append(await receive())
    await send(START)
    text = json.dumps(got, default=lambda value: value.decode()).encode()
    await send(BODY | {"body": text})
    seen.append((await receive())["type"])


@at_path
async def trailers(scope, receive, send):
    await send(START | {"trailers": True})
    await send(BODY | {"body": b"content"})
    for name, more in ((b"X-One", True), (b"X-Two", False)):
        fields = {"headers": [(name, b"1")], "more_trailers": more}
        await send({"type": "http.response.trailers"} | fields)


@at_path
async def no_trailers(scope, receive, send):
    """Announce trailers but send none."""
    await send(START | {"trailers": True})
    await send(BODY | {"body": b"content"})
    await send({"type": "http.response.trailers", "headers": []})


@at_path
async def pieces(scope, receive, send):
    await send(START)
    for body in (b"", b"a", b"", b"b"):
        await send(BODY | {"body": body, "more_body": True})
    await send(BODY)


@at_path
async def flood(scope, receive, send):
    await send(START)
    await send(BODY | {"body": bytes(10_000_000)})


@at_path
async def ignore_content(scope, receive, send):
    """Respond before the request is complete, without reading any of it."""
    await send(START | {"status": 413})
    await send(BODY | {"body": b"too large"})
    seen.append((await receive())["type"])


@at_path
async def wait(scope, receive, send):
    """Wait until the client disconnects, then try to send something anyway."""
    while (await receive())["type"] != "http.disconnect":
        pass
    try:
        await send(START)
    except OSError as error:
        seen.append(f"disconnect, {type(error).__name__}")


@at_path
async def hang(scope, receive, send):
    await asyncio.sleep(3600)


@at_path
async def show_seen(scope, receive, send):
    await send(START)
    await send(BODY | {"body": json.dumps(seen).encode()})


@at_path
async def fail_at_once(scope, receive, send):
    raise RuntimeError("an error on purpose")


@at_path
async def leave(scope, receive, send):
    sys.exit("not without my client")


@at_path
async def cancelled(scope, receive, send):
    """Wait for something that is cancelled."""
    task = asyncio.create_task(asyncio.sleep(3600))
    asyncio.get_running_loop().call_soon(task.cancel)
    await task


@at_path
async def fail_before_content(scope, receive, send):
    await send(START)
    raise RuntimeError("an error on purpose")


@at_path
async def fail_after_content(scope, receive, send):
    await send(START)
    await send(BODY | {"body": b"some", "more_body": True})
    raise RuntimeError("an error on purpose")


@at_path
async def fail_after_response(scope, receive, send):
    await send(START)
    await send(BODY | {"body": b"some"})
    raise RuntimeError("an error on purpose")


@at_path
async def never_start(scope, receive, send):
    pass


@at_path
async def never_end(scope, receive, send):
    await send(START)
    await send(BODY | {"body": b"some", "more_body": True})


@at_path
async def wrong_order(scope, receive, send):
    await send(BODY)


@at_path
async def bad_field(scope, receive, send):
    await send(START | {"headers": [(b"x-a", b"a\r\nx-b: b")]})
    await send(BODY)


@at_path
async def too_long(scope, receive, send):
    await send(START | {"headers": [(b"content-length", b"5")]})
    await send(BODY | {"body": b"123", "more_body": True})
    await send(BODY | {"body": b"456"})


@at_path
async def too_short(scope, receive, send):
    await send(START | {"headers": [(b"content-length", b"5")]})
    await send(BODY | {"body": b"123", "more_body": True})
    await send(BODY)


async def app(scope, receive, send):
    """Call the application named by the path."""
    assert scope["type"] == "http"
    await APPLICATIONS["/" + scope["path"].split("/")[1]](scope, receive, send)


async def indifferent(scope, receive, send):
    """Return from the lifespan scope without doing anything."""
    if scope["type"] == "http":
        await app(scope, receive, send)


async def no_startup(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database"})
    raise RuntimeError("no database")


async def no_shutdown(scope, receive, send):
    if scope["type"] == "http":
        await app(scope, receive, send)
        return
    for what in ("startup.complete", "shutdown.failed"):
        await receive()
        await send({"type": f"lifespan.{what}", "message": "no database any more"})


async def endless_shutdown(scope, receive, send):
    await receive()
    await send({"type": "lifespan.startup.complete"})
    await asyncio.sleep(3600)


async def marks(scope, receive, send):
    """Record startup and shutdown."""
    with Path(os.environ["H2_TEST_MARK"]).open("a") as file:
        if scope["type"] == "http":
            await app(scope, receive, send)
            file.write("request\n")
            return
        for what in ("startup", "shutdown"):
            assert (await receive())["type"] == f"lifespan.{what}"
            file.write(f"{what}\n")
            file.flush()
            await send({"type": f"lifespan.{what}.complete"})
