"""Whether the inner layers of the package run compiled."""

from __future__ import annotations

from typing import Final

#: A compiled module comes out of a shared library. The few functions that have one form for each
#: build ask this; the compiler leaves the other form out.
COMPILED: Final[bool] = not __file__.endswith((".py", ".pyc"))
