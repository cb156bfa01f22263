import tempfile
from pathlib import Path

import h2.connection
from h2.config import H2Configuration
from h2.recorder import Recorder, to_json, waterfall

recorder = Recorder("my client")
client = h2.connection.H2Connection(H2Configuration(strict=True, logger=recorder))
server = h2.connection.H2Connection(H2Configuration(client_side=False, strict=True))

client.initiate_connection()
server.initiate_connection()
headers = [
    (":method", "GET"),
    (":scheme", "https"),
    (":authority", "example.com"),
    (":path", "/"),
]
client.send_headers(1, headers, end_stream=True)
server.receive_data(client.data_to_send())
server.send_headers(1, [(":status", "204")], end_stream=True)
client.receive_data(server.data_to_send())

recording = to_json(recorder)
page = waterfall(recording, "One request")
Path(tempfile.gettempdir(), "waterfall.html").write_text(page, encoding="utf-8")
for frame in recorder.frames:
    print(frame["type"], "sent" if frame["sent"] else "received", frame.get("fields", ""))
