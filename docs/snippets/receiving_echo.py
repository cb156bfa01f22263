import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine

from h2.buffered import BufferedH2Connection
from h2.config import H2Configuration

REQUEST = [(":method", "POST"), (":scheme", "https"), (":authority", "a.example"), (":path", "/")]


class End:
    """One end of a connection. A real program would use a socket to reach the other end."""

    def __init__(self, client_side: bool) -> None:
        config = H2Configuration(client_side=client_side)
        self.conn = BufferedH2Connection(config, receive_buffering=True)
        self.conn.initiate_connection()
        self.changed = asyncio.Event()

    async def change(self) -> None:
        """Wait until something has been received or sent."""
        self.changed.clear()
        await self.changed.wait()

    async def write(self, content: bytes) -> None:
        self.conn.send_data(1, content)
        while self.conn.send_buffer_size(1) >= self.conn.SEND_BUFFER_HIGH:
            await self.change()

    async def read(self) -> AsyncIterator[bytes]:
        while not self.conn.at_end(1):
            if content := self.conn.read_data(1):
                yield content
            else:
                await self.change()


async def carry(one: End, other: End) -> None:
    """Be the network between two ends until nothing has been sent for a long time."""
    silent = 0
    while silent < 100:
        out, back = one.conn.data_to_send(), other.conn.data_to_send()
        other.conn.receive_data(out)
        one.conn.receive_data(back)
        silent = 0 if out or back else silent + 1
        one.changed.set()
        other.changed.set()
        await asyncio.sleep(0)


async def echo(server: End) -> None:
    """Echo the content. Read nothing that cannot be written, so the client is slowed down."""
    while not server.conn.streams:
        await server.change()
    server.conn.send_headers(1, [(":status", "200")])
    async for content in server.read():
        await server.write(content)
    server.conn.end_stream(1)


async def upload(client: End) -> None:
    for _ in range(100):
        await client.write(bytes(10_000))
    client.conn.end_stream(1)


async def download(client: End) -> int:
    return sum([len(content) async for content in client.read()])


async def one_task(client: End) -> int:
    await upload(client)
    return await download(client)


async def two_tasks(client: End) -> int:
    uploading = asyncio.create_task(upload(client))
    received = await download(client)
    await uploading
    return received


async def run(client_does: Callable[[End], Coroutine[None, None, int]]) -> None:
    client, server = End(client_side=True), End(client_side=False)
    client.conn.send_headers(1, REQUEST)
    echoing = asyncio.create_task(echo(server))
    exchange = asyncio.create_task(client_does(client))
    await carry(client, server)
    if exchange.done():
        print(f"{client_does.__name__}: {await exchange:,} octets came back")
    else:
        unread, unsent = client.conn.readable(1), client.conn.send_buffer_size(1)
        print(f"{client_does.__name__}: stuck, {unread:,} octets unread, {unsent:,} unsent")
        exchange.cancel()
        echoing.cancel()


asyncio.run(run(one_task))
asyncio.run(run(two_tasks))
