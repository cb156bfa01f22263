"""Make a thousand requests over one connection. Usage: python many_requests.py URL."""

import asyncio
import ssl
import sys
from urllib.parse import urlsplit

from h2.buffered import BufferedH2Connection
from h2.events import DataAvailable, ResponseReceived, StreamEnded, StreamReset
from h2.exceptions import ProtocolError


class Client(asyncio.Protocol):
    def connection_made(self, transport):
        self.transport = transport
        self.paused = False
        self.responses = {}  # stream identifier: (future, status, content)
        self.conn = BufferedH2Connection(receive_buffering=True, connection_window=2**20)
        self.conn.initiate_connection()
        self.flush()

    async def get(self, url):
        if self.transport.is_closing():
            raise ConnectionError("the connection is closed")
        stream_id = self.conn.get_next_available_stream_id()
        headers = [
            (":method", "GET"),
            (":scheme", url.scheme),
            (":authority", url.netloc),
            (":path", (url.path or "/") + (f"?{url.query}" if url.query else "")),
        ]
        self.conn.send_headers(stream_id, headers, end_stream=True)  # is queued if necessary
        done = asyncio.get_running_loop().create_future()
        self.responses[stream_id] = [done, None, b""]
        self.flush()
        return await done

    def data_received(self, data):
        try:
            self.handle(self.conn.receive_data(data))
        except ProtocolError as error:
            self.handle(error.events)
            self.fail(error)
            self.transport.close()
        self.flush()

    def handle(self, events):
        for event in events:
            match event:
                case ResponseReceived():
                    self.responses[event.stream_id][1] = int(dict(event.headers)[b":status"])
                case DataAvailable():
                    self.responses[event.stream_id][2] += self.conn.read_data(event.stream_id)
                case StreamEnded():
                    done, status, content = self.responses.pop(event.stream_id)
                    if not done.done():
                        done.set_result((status, content))
                case StreamReset() if event.stream_id in self.responses:
                    done, _, _ = self.responses.pop(event.stream_id)
                    if not done.done():
                        done.set_exception(ConnectionError(f"reset: {event.error_code!r}"))

    def flush(self):
        while not self.paused and (data := self.conn.data_to_send(65536)):
            self.transport.write(data)
        if events := self.conn.events():
            self.handle(events)

    def pause_writing(self):
        self.paused = True

    def resume_writing(self):
        self.paused = False
        self.flush()

    def connection_lost(self, error):
        self.fail(error or ConnectionError("the server closed the connection"))

    def fail(self, error):
        for done, _, _ in self.responses.values():
            if not done.done():
                done.set_exception(error)
        self.responses.clear()


async def main(url):
    context = ssl.create_default_context()
    context.set_alpn_protocols(["h2"])
    loop = asyncio.get_running_loop()
    transport, client = await loop.create_connection(
        Client, url.hostname, url.port or 443, ssl=context
    )
    if transport.get_extra_info("ssl_object").selected_alpn_protocol() != "h2":
        transport.abort()
        sys.exit("the server does not offer HTTP/2")
    requests = [client.get(url) for _ in range(1000)]
    answers = await asyncio.gather(*requests, return_exceptions=True)
    complete = [answer for answer in answers if isinstance(answer, tuple)]
    octets = sum(len(content) for _, content in complete)
    print(f"{len(complete)} of {len(answers)} responses, {octets:,} octets")
    client.conn.close_connection()
    client.flush()
    transport.close()


asyncio.run(main(urlsplit(sys.argv[1])))
