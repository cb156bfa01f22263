"""All attacks: importing this puts those of every module on the list."""

from __future__ import annotations

from . import content, control, fields, pushes, streams
from .attack import ATTACKS, Attack

__all__ = ["ATTACKS", "TOPICS", "Attack"]

#: The modules of the catalogue, and what each is about.
TOPICS = {
    module.__name__.rpartition(".")[2]: (module.__doc__ or "").strip().rstrip(".")
    for module in (streams, control, content, fields, pushes)
}
