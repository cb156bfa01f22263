"""The cases, by subject. Importing this package declares all of them."""

from conformance.cases import (
    connect,
    fields,
    flow_control,
    frame_types,
    frames,
    hpack_blocks,
    messages,
    preface,
    priority,
    pseudo_fields,
    push,
    settings,
    shutdown,
    streams,
)

__all__ = [
    "connect",
    "fields",
    "flow_control",
    "frame_types",
    "frames",
    "hpack_blocks",
    "messages",
    "preface",
    "priority",
    "pseudo_fields",
    "push",
    "settings",
    "shutdown",
    "streams",
]
