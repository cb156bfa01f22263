"""A gRPC echo server without the gRPC libraries.

    python -m examples.grpc.server
    python -m examples.grpc.client --authority examples/certificates/authority.pem URL MESSAGE...

A call is a request whose content is a sequence of messages; so is the content of the response, with
the status of the call in its trailers. Messages are octets here; put your serializer on top.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar
from urllib.parse import quote

from examples.common.certificate import server_context
from examples.common.options import server_options
from examples.common.streams import Connection, Fields, Stream, serve
from examples.common.transport import within
from h2.errors import ErrorCodes

LARGEST_MESSAGE = 4 * 1024 * 1024
CODES = """OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS
PERMISSION_DENIED RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL
UNAVAILABLE DATA_LOSS UNAUTHENTICATED""".split()  # noqa: SIM905 (one line each would hide the code)
UNITS = {"H": 3600.0, "M": 60.0, "S": 1.0, "m": 1e-3, "u": 1e-6, "n": 1e-9}
PLAIN = bytes(range(0x21, 0x7F)).replace(b"%", b"")  # what `grpc-message` need not escape
T = TypeVar("T")


class StatusError(Exception):
    """The status of an unsuccessful call."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code, self.message = code, message


class Call:
    """One call, from either side."""

    def __init__(self, stream: Stream, seconds: float | None) -> None:
        self.stream, self.loop = stream, asyncio.get_running_loop()
        self.deadline = None if seconds is None else self.loop.time() + seconds

    async def in_time(self, work: Awaitable[T]) -> T:
        """Wait for something, but no longer than the deadline."""
        left = None if self.deadline is None else self.deadline - self.loop.time()
        try:
            return await within(left, work)
        except asyncio.TimeoutError:
            raise StatusError("DEADLINE_EXCEEDED", "the time for the call is over") from None

    async def send(self, message: bytes) -> None:
        """Send a message; return when it has been sent."""
        await self.stream.write(b"\0" + len(message).to_bytes(4, "big") + message)

    def __aiter__(self) -> Call:
        """Receive messages until the other side has sent its last one."""
        return self

    async def __anext__(self) -> bytes:
        if not (prefix := await self.octets(5)):
            raise StopAsyncIteration
        length = int.from_bytes(prefix[1:], "big")
        if prefix[:1] != b"\0":
            raise StatusError("UNIMPLEMENTED", "messages must not be compressed")
        if length > LARGEST_MESSAGE:
            raise StatusError("RESOURCE_EXHAUSTED", f"a message of {length:,} octets")
        return await self.octets(length, cut=True)

    async def octets(self, amount: int, cut: bool = False) -> bytes:
        """Return this many octets, or none at the end, unless that truncates a message."""
        content = bytearray()
        while len(content) < amount:
            if not (data := await self.stream.read(amount - len(content))):
                if content or cut:
                    raise StatusError("INTERNAL", "the last message is not complete")
                break
            content += data
        return bytes(content)

    async def only_message(self) -> bytes:
        """Return the message of a call that must have exactly one."""
        first, second = await anext(self, None), await anext(self, None)
        if first is None or second is not None:
            raise StatusError("INTERNAL", "the request must have exactly one message")
        return first


# The service: a method receives messages and yields messages.


async def unary(call: Call) -> AsyncIterator[bytes]:
    """One message in, the same one out."""
    yield await call.only_message()


async def repeat(call: Call) -> AsyncIterator[bytes]:
    """One message in, and a hundred out."""
    message = await call.only_message()
    for _ in range(100):
        yield message


async def join(call: Call) -> AsyncIterator[bytes]:
    """Any number of messages in, and all of them out in one."""
    messages = bytearray()
    async for message in call:
        messages += message
        if len(messages) > LARGEST_MESSAGE:
            raise StatusError("RESOURCE_EXHAUSTED", "the messages are too long together")
    yield bytes(messages)


async def stream(call: Call) -> AsyncIterator[bytes]:
    """Every message is echoed as soon as it arrives."""
    async for message in call:
        yield message


METHODS: dict[bytes, Callable[[Call], AsyncIterator[bytes]]] = {
    b"/echo.Echo/Unary": unary,
    b"/echo.Echo/Repeat": repeat,
    b"/echo.Echo/Join": join,
    b"/echo.Echo/Stream": stream,
}


async def answer(stream: Stream) -> None:
    """Answer one call."""
    fields = dict(await stream.head())
    kind = fields.get(b"content-type", b"")  # may name the serializer: application/grpc+proto
    head = [(b":status", b"200"), (b"content-type", kind)]
    code, status = ErrorCodes.NO_ERROR, StatusError("OK", "")
    try:
        if not kind.startswith(b"application/grpc"):
            stream.send([(b":status", b"415")], end=True)
            return
        try:
            call = Call(stream, seconds_of(fields.get(b"grpc-timeout")))
            if (method := METHODS.get(fields.get(b":path", b""))) is None:
                raise StatusError("UNIMPLEMENTED", "no such method")
            messages = method(call)
            while (message := await call.in_time(anext(messages, None))) is not None:
                if head:
                    stream.send(head)
                    head = []
                await call.in_time(call.send(message))
        except StatusError as error:
            status = error
        except Exception as error:
            if isinstance(error, ConnectionError):
                raise
            call.loop.call_exception_handler({"message": "a method failed", "exception": error})
            status = StatusError("UNKNOWN", "the method failed")
        if stream.h2.send_buffer_size(stream.id):
            code = ErrorCodes.CANCEL  # trailers would wait behind content that is not read
        else:
            stream.send([*head, *trailers_of(status)], end=True)
    except (ConnectionError, asyncio.CancelledError):
        code = ErrorCodes.CANCEL  # there is no peer to answer
    finally:
        stream.close(code)


def seconds_of(timeout: bytes | None) -> float | None:
    """Return the value of `grpc-timeout`."""
    if timeout is None:
        return None
    if not re.fullmatch(rb"[0-9]{1,8}[HMSmun]", timeout):
        raise StatusError("INTERNAL", "grpc-timeout is malformed")
    return int(timeout[:-1]) * UNITS[chr(timeout[-1])]


def trailers_of(status: StatusError) -> Fields:
    """Return the fields with the status of a call."""
    fields = [(b"grpc-status", str(CODES.index(status.code)).encode())]
    if status.message:
        fields.append((b"grpc-message", quote(status.message, safe=PLAIN).encode()))
    return fields


def main() -> None:
    """Read the command line and serve."""
    parser = server_options(__doc__)
    parser.add_argument("--cleartext", action="store_true", help="no TLS")
    args = parser.parse_args()
    tls = None if args.cleartext else server_context(args.certificates)
    asyncio.run(serve(lambda: Connection(answer, patience=None), args.host, args.port, tls))


if __name__ == "__main__":
    main()
