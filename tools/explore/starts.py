"""The starting points of an exploration."""

from __future__ import annotations

from tools.explore.calls import Scenario
from tools.explore.endpoint import Endpoint
from tools.explore.facts import ENDED, Facts

Start = tuple[Endpoint, Endpoint, list[bytes], list[bytes]]


def start(scenario: Scenario, strict: bool, streams: int) -> Start:
    """Return both ends, and the frames that are in flight: to the server, to the client."""
    client = Endpoint(True, strict, scenario, streams)
    server = Endpoint(False, strict, scenario, streams)
    if scenario.start == "upgrade":
        server.conn.initiate_upgrade_connection(client.conn.initiate_upgrade_connection())
        client.facts[1] = Facts(mine=True, sent=ENDED)
        server.facts[1] = Facts(mine=False, received=ENDED)
    else:
        client.conn.initiate_connection()
        server.conn.initiate_connection()
    to_server, to_client = client.take(), server.take()
    if scenario.start == "settled":
        settle(client, server, to_server, to_client)
        to_server, to_client = [], []
    return client, server, to_server, to_client


def settle(
    client: Endpoint, server: Endpoint, to_server: list[bytes], to_client: list[bytes]
) -> None:
    """Deliver everything, until nothing is in flight."""
    while to_server or to_client:
        for frame in to_server:
            server.deliver(frame)
        for frame in to_client:
            client.deliver(frame)
        to_server, to_client = client.take(), server.take()
