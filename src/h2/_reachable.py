"""Names that programs can reach after just ``import h2.connection``, as with h2 4.4.1.

Twisted, for example, uses ``hyperframe.frame`` and ``h2.stream`` without importing them.
"""

from __future__ import annotations

from typing import Any

import hyperframe.frame  # noqa: F401 - for programs that use it without importing it

import h2.config
import h2.errors
import h2.events
import h2.exceptions
import h2.frame_buffer
import h2.settings
import h2.stream
import h2.utilities
import h2.windows

_MODULES = (
    h2.config,
    h2.errors,
    h2.events,
    h2.exceptions,
    h2.frame_buffer,
    h2.settings,
    h2.stream,
    h2.utilities,
    h2.windows,
)


def exported(name: str) -> Any:
    """Return what one of the modules exports with this name.

    :raises AttributeError: if none of them does
    """
    for module in _MODULES:
        if name in module.__all__:
            return getattr(module, name)
    raise AttributeError(f"module 'h2.connection' has no attribute {name!r}")
