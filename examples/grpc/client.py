"""A gRPC client without the gRPC libraries: sends messages, prints those that come back.

    python -m examples.grpc.client --timeout 5 https://localhost/echo.Echo/Stream one two three

`invoke()` calls a method of any kind: it sends messages while it yields those that come back.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import re
import sys
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from urllib.parse import unquote, urlsplit

from examples.common.certificate import client_context
from examples.common.streams import Connection, StreamResetError
from examples.grpc.server import CODES, Call, StatusError
from h2.errors import ErrorCodes
from h2.exceptions import ProtocolError

OF_HTTP = {400: "INTERNAL", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "UNIMPLEMENTED"}
OF_HTTP |= dict.fromkeys((429, 502, 503, 504), "UNAVAILABLE")
OF_RESET: dict[int, str] = {
    ErrorCodes.REFUSED_STREAM: "UNAVAILABLE",
    ErrorCodes.CANCEL: "CANCELLED",
    ErrorCodes.ENHANCE_YOUR_CALM: "RESOURCE_EXHAUSTED",
    ErrorCodes.INADEQUATE_SECURITY: "PERMISSION_DENIED",
}


async def invoke(
    connection: Connection, url: str, messages: Iterable[bytes], seconds: float | None = None
) -> AsyncIterator[bytes]:
    """Call a method; yield its answers. Raises StatusError."""
    parts = urlsplit(url)
    fields = {":method": "POST", ":scheme": parts.scheme, ":path": parts.path}
    fields |= {":authority": parts.netloc, "te": "trailers", "content-type": "application/grpc"}
    if seconds is not None:
        fields["grpc-timeout"] = f"{min(int(seconds * 1000), 99_999_999)}m"
    stream = connection.request([(n.encode(), v.encode()) for n, v in fields.items()])
    call = Call(stream, seconds)
    sending = call.loop.create_task(send_all(call, messages))  # while the answers arrive
    try:
        head = dict(await call.in_time(stream.head()))
        while head[b":status"].startswith(b"1"):
            head = dict(await call.in_time(stream.head()))
        if head[b":status"] != b"200":
            status = int(head[b":status"])
            raise StatusError(OF_HTTP.get(status, "UNKNOWN"), f"HTTP status {status}")
        while (message := await call.in_time(anext(call, None))) is not None:
            yield message
        check_status(head | dict(stream.trailers))
    except StreamResetError as error:
        raise StatusError(OF_RESET.get(error.code, "INTERNAL"), str(error)) from None
    except (ConnectionError, ProtocolError) as error:
        raise StatusError("UNAVAILABLE", str(error)) from None
    finally:
        sending.cancel()
        stream.close()


async def send_all(call: Call, messages: Iterable[bytes]) -> None:
    """Send the request; errors are reported to the reader of the response."""
    with contextlib.suppress(ConnectionError):
        for message in messages:
            await call.send(message)
        await call.stream.write(b"", end=True)


def check_status(fields: dict[bytes, bytes]) -> None:
    """Raise an exception unless the call was successful."""
    status = fields.get(b"grpc-status", b"")
    number = int(status) if re.fullmatch(rb"[0-9]{1,3}", status) else 2
    if number:
        code = CODES[number] if number < len(CODES) else "UNKNOWN"
        raise StatusError(code, unquote(fields.get(b"grpc-message", b"").decode("latin-1")))


async def run(args: argparse.Namespace) -> str:
    """Run the command; return what went wrong."""
    parts = urlsplit(args.url)
    tls = client_context(args.authority) if parts.scheme == "https" else None
    port = parts.port or (443 if tls else 80)
    loop = asyncio.get_running_loop()
    try:
        _, connection = await loop.create_connection(
            lambda: Connection(patience=None), parts.hostname, port, ssl=tls
        )
    except OSError as error:
        return f"UNAVAILABLE: {error}"
    problem = ""
    try:
        messages = [message.encode() for message in args.message]
        async for message in invoke(connection, args.url, messages, args.timeout):
            print(message.decode("utf-8", "backslashreplace"), flush=True)
    except StatusError as error:
        problem = str(error)
    connection.shut_down()
    await connection.closed
    return problem


def main() -> None:
    """Read the command line and call."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("url", help="of the method: https://HOST:PORT/PACKAGE.SERVICE/METHOD")
    parser.add_argument("message", nargs="*")
    parser.add_argument("--authority", type=Path, metavar="FILE", help="certificate to trust")
    parser.add_argument("--timeout", type=float, metavar="SECONDS", help="for the whole call")
    try:
        sys.exit(asyncio.run(run(parser.parse_args())) or 0)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
