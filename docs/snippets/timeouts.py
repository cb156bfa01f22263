from h2.buffered import BufferedH2Connection, Keepalive
from h2.config import H2Configuration
from h2.events import ConnectionDrained

now = 0.0
server = BufferedH2Connection(
    H2Configuration(client_side=False),
    keepalive=Keepalive(idle=20, timeout=10),
    settings_timeout=5,
    shutdown_timeout=60,
    clock=lambda: now,
)
client = BufferedH2Connection()
for conn in (server, client):
    conn.initiate_connection()


def exchange():
    """Exchange bytes until there are none left."""
    while (asked := client.data_to_send()) + (answer := server.data_to_send()):
        server.receive_data(asked)
        client.receive_data(answer)


def sleep():
    """Sleep until the timer is due, as an event loop would, and handle it."""
    global now
    now = server.get_timer()
    server.handle_timer(now)
    events = server.events()
    print(f"{now:3.0f} s", *events or ["PING"])
    return events


print(f"{server.get_timer():3.0f} s is the deadline for the acknowledgment of SETTINGS")
exchange()
sleep()
exchange()  # the client answers, so the timer restarts
request = [(":method", "GET"), (":scheme", "https"), (":authority", "a.example"), (":path", "/")]
client.send_headers(1, request, end_stream=True)
exchange()
server.send_headers(1, [(":status", "200")])
server.graceful_shutdown()
server.data_to_send()  # this and everything after it gets lost
while ConnectionDrained() not in sleep():
    pass
