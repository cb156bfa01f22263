"""A Starlette application for the ASGI server: files, uploads, endless streams."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, StreamingResponse
from starlette.routing import Mount, Route
from starlette.staticfiles import StaticFiles

FOLDER = os.environ.get("H2_TEST_FOLDER", str(Path(__file__).parent))
PIECE = 4096

counts = {"produced": 0, "closed": 0, "read": 0, "background": 0, "gone": 0}
gate = asyncio.Event()


@contextlib.asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[dict[str, Any]]:
    """Provide a state for the requests, and record the shutdown for the tests."""
    yield {"started": True, "shared": []}
    if mark := os.environ.get("H2_TEST_MARK"):
        Path(mark).write_text("shut down")


async def index(request: Request) -> PlainTextResponse:
    return PlainTextResponse(f"Hello from Starlette, over HTTP/{request.scope['http_version']}.\n")


async def echo(request: Request) -> StreamingResponse:
    """Echo the content as it arrives."""
    return StreamingResponse(request.stream(), media_type="application/octet-stream")


async def form(request: Request) -> JSONResponse:
    """Return the fields of a form, and the hashes of its files."""
    fields, files = {}, {}
    async with request.form() as parts:
        for name, value in parts.items():
            if isinstance(value, str):
                fields[name] = value
            else:
                files[name] = hashlib.sha256(await value.read()).hexdigest()
    return JSONResponse({"fields": fields, "files": files})


async def endless(request: Request) -> StreamingResponse:
    """Run until stopped."""

    async def pieces() -> AsyncIterator[bytes]:
        try:
            while True:
                counts["produced"] += 1
                yield bytes(PIECE)
        finally:
            counts["closed"] += 1

    return StreamingResponse(pieces(), media_type="application/octet-stream")


async def held(request: Request) -> JSONResponse:
    """Read nothing until the gate is open."""
    await asyncio.wait_for(gate.wait(), 20)
    gate.clear()
    counts["read"] = len(await request.body())
    return JSONResponse({"read": counts["read"]})


async def open_gate(request: Request) -> JSONResponse:
    gate.set()
    return JSONResponse(counts)


async def show_counts(request: Request) -> JSONResponse:
    return JSONResponse(counts)


async def state(request: Request) -> JSONResponse:
    """Change the state; each request has its own shallow copy."""
    request.state.shared.append(1)
    seen = {"mine": getattr(request.state, "mine", None), "shared": len(request.state.shared)}
    request.state.mine = True
    return JSONResponse(seen | {"started": request.state.started})


async def background(request: Request) -> PlainTextResponse:
    """Run a background task after the response."""

    async def work() -> None:
        await gate.wait()
        gate.clear()
        counts["background"] += 1

    return PlainTextResponse("begun", background=BackgroundTask(work))


async def error(request: Request) -> PlainTextResponse:
    raise RuntimeError("an error on purpose")


app = Starlette(
    lifespan=lifespan,
    routes=[
        Route("/", index),
        Route("/echo", echo, methods=["POST"]),
        Route("/form", form, methods=["POST"]),
        Route("/endless", endless),
        Route("/held", held, methods=["POST"]),
        Route("/gate", open_gate, methods=["POST"]),
        Route("/counts", show_counts),
        Route("/state", state),
        Route("/background", background),
        Route("/error", error),
        Mount("/files", StaticFiles(directory=FOLDER)),
    ],
)
