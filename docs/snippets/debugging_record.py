import io
import subprocess
import sys

import h2.connection


class RecordedConnection(h2.connection.H2Connection):
    """Keeps a copy of all octets sent and received."""

    def __init__(self, config, sent, received):
        super().__init__(config)
        self.sent = sent
        self.received = received

    def data_to_send(self, amount=None):
        data = super().data_to_send(amount)
        self.sent.write(data)
        return data

    def receive_data(self, data):
        self.received.write(data)  # before it can raise
        return super().receive_data(data)


sent, received = io.BytesIO(), io.BytesIO()  # files, in a real program
client = RecordedConnection(None, sent, received)
client.initiate_connection()
headers = [
    (":method", "GET"),
    (":scheme", "https"),
    (":authority", "example.com"),
    (":path", "/"),
]
client.send_headers(1, headers, end_stream=True)
client.data_to_send()

subprocess.run([sys.executable, "-m", "h2", "decode", "-"], input=sent.getvalue(), check=True)
