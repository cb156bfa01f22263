"""Names that tell the compiler how to compile; without a compiler they have no effect.

``i64`` is a 64-bit integer with the arithmetic of C: it wraps. It is for numbers that are bounded
by what they count, such as positions in a string or windows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mypy_extensions import i64, mypyc_attr
else:
    i64 = int

    def mypyc_attr(**_options: Any) -> Any:
        """Return a decorator that does not change the class."""
        return lambda decorated: decorated


__all__ = ["i64", "mypyc_attr"]
