"""Make a thousand requests over one connection. Usage: python many_requests.py URL."""

import asyncio
import ssl
import sys
from urllib.parse import urlsplit

from h2.buffered import BufferedH2Connection
from h2.events import DataAvailable, StreamEnded, StreamReset


async def main(url):
    context = ssl.create_default_context()
    context.set_alpn_protocols(["h2"])
    reader, writer = await asyncio.open_connection(url.hostname, url.port or 443, ssl=context)
    if writer.get_extra_info("ssl_object").selected_alpn_protocol() != "h2":
        writer.close()
        sys.exit("the server does not offer HTTP/2")

    conn = BufferedH2Connection(receive_buffering=True, connection_window=2**20)
    conn.initiate_connection()
    headers = [
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", url.netloc),
        (":path", (url.path or "/") + (f"?{url.query}" if url.query else "")),
    ]
    unfinished = set()
    for _ in range(1000):
        stream_id = conn.get_next_available_stream_id()
        conn.send_headers(stream_id, headers, end_stream=True)  # is queued if necessary
        unfinished.add(stream_id)

    complete = octets = 0
    while unfinished:
        while data := conn.data_to_send(65536):
            writer.write(data)
            await writer.drain()
        if not (data := await reader.read(65536)):
            break  # the server has closed the connection
        for event in conn.receive_data(data):
            match event:
                case DataAvailable():
                    octets += len(conn.read_data(event.stream_id))
                case StreamEnded():
                    unfinished.remove(event.stream_id)
                    complete += 1
                case StreamReset():  # the server did not process the request, or has failed
                    unfinished.discard(event.stream_id)
    print(f"{complete} of 1000 responses, {octets:,} octets")
    conn.close_connection()
    writer.write(conn.data_to_send())
    writer.close()


asyncio.run(main(urlsplit(sys.argv[1])))
