"""Descriptions of the targets. Separate from the targets, which import the package."""

from __future__ import annotations

from typing import Final

TARGET_NAMES: Final = {
    "octets": "any octets to both roles in both modes, some way into a connection",
    "frames": "frames that make sense, or nearly, in reads of one or several",
    "calls": "calls of the application and frames of the peer in any order",
    "buffered": "the same for the connection that buffers, with its own calls",
    "hpack-decode": "field blocks of any octets: our decoder against that of hpack",
    "hpack-encode": "any fields: what our encoder makes of them, for both decoders",
    "hpack-foreign": "any fields: what the encoder of hpack makes of them, for our decoder",
}
