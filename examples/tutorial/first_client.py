"""Get a URL over HTTP/2. Usage: python first_client.py https://example.com/."""

import socket
import ssl
import sys
from urllib.parse import urlsplit

from h2.buffered import BufferedH2Connection
from h2.events import ResponseReceived


def connect(url):
    """Connect to the server of a URL, and check that it speaks HTTP/2."""
    sock = socket.create_connection((url.hostname, url.port or 443), timeout=30)
    context = ssl.create_default_context()
    context.set_alpn_protocols(["h2"])
    tls = context.wrap_socket(sock, server_hostname=url.hostname)
    if tls.selected_alpn_protocol() != "h2":
        tls.close()
        sys.exit("the server does not offer HTTP/2")
    return tls


url = urlsplit(sys.argv[1])
with connect(url) as sock:
    conn = BufferedH2Connection(receive_buffering=True)
    conn.initiate_connection()
    stream_id = conn.get_next_available_stream_id()
    headers = [
        (":method", "GET"),
        (":scheme", "https"),
        (":authority", url.netloc),
        (":path", (url.path or "/") + (f"?{url.query}" if url.query else "")),
    ]
    conn.send_headers(stream_id, headers, end_stream=True)

    while not conn.at_end(stream_id):
        sock.sendall(conn.data_to_send())
        data = sock.recv(65536)
        if not data:
            sys.exit("the server closed the connection")
        for event in conn.receive_data(data):
            if isinstance(event, ResponseReceived):
                for name, value in event.headers:
                    print(f"{name.decode()}: {value.decode()}", file=sys.stderr)
        while content := conn.read_data(stream_id):
            sys.stdout.buffer.write(content)

    conn.close_connection()
    sock.sendall(conn.data_to_send())
