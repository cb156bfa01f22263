"""Whether the inner layers of the package are compiled."""

from __future__ import annotations

from typing import Final

#: A compiled module is loaded from a shared library. The few functions that have a form for each
#: build check this; the compiler omits the other form.
COMPILED: Final[bool] = not __file__.endswith((".py", ".pyc"))
