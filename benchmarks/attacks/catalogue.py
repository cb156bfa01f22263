"""All attacks: importing this adds those of every module to the list."""

from __future__ import annotations

from . import content, control, fields, pushes, streams
from .attack import ATTACKS, Attack

__all__ = ["ATTACKS", "SAMPLE", "TOPICS", "Attack"]

#: The modules of the catalogue, and their topics.
TOPICS = {
    module.__name__.rpartition(".")[2]: (module.__doc__ or "").strip().rstrip(".")
    for module in (streams, control, content, fields, pushes)
}

_ON_SERVERS = """
    rapid-reset rapid-reset-data reset-again streams-too-many made-reset-increment-zero
    made-reset-data-after-end made-reset-window-overflow malformed-te late-data
    late-headers-large closed-priority ping ping-ack settings-empty settings-32 settings-many
    settings-unknown-entries settings-toggle-window-streams stale-window-bound priority-all
    priority-shuffle goaway-falling unknown-empty unknown-large window-update
    window-update-streams tiny-windows data-empty data-padding data-1 data-1-windows
    content-length-digits large-value-15 large-value-16000 cookie-15 crumbs-empty fields-1000
    fields-1900 table-updates-many table-churn huffman-long-codes huffman-states
    continuation-empty continuation-large continuation-60 reset-and-bomb trailers-and-bomb
"""
_ON_CLIENTS = """
    push-promise push-reset push-promise-large push-response-open informational
    informational-large goaway-ending altsvc cookie-15 data-1 data-empty settings-empty ping
"""

#: Some of each kind, to compare slower packages in reasonable time.
SAMPLE = [f"server/{name}" for name in _ON_SERVERS.split()]
SAMPLE += [f"client/{name}" for name in _ON_CLIENTS.split()]
