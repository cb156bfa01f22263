"""Which lines of the package an input reaches, for the built-in search."""

from __future__ import annotations

import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from types import CodeType, FrameType
from typing import Any

#: A place in the package: two lines that were executed one after the other.
Edge = tuple[CodeType, int, int]


class Coverage:
    """The pairs of consecutive lines that have been executed."""

    def __init__(self) -> None:
        self.seen: set[Edge] = set()
        # Located, not imported: atheris must see the import.
        spec = find_spec("h2")
        self._package = str(Path(spec.origin).parent) if spec and spec.origin else "h2"

    def new_in(self, target: Callable[[bytes], None], data: bytes) -> int:
        """Run an input; return how many new pairs of lines it reaches."""
        before = len(self.seen)
        tracer = sys.gettrace()
        sys.settrace(self._enter)
        try:
            target(data)
        finally:
            sys.settrace(tracer)
        return len(self.seen) - before

    def _enter(self, frame: FrameType, event: str, argument: object) -> Any:
        """Trace only the frames of the package."""
        code = frame.f_code
        if not code.co_filename.startswith(self._package):
            return None
        seen = self.seen
        last = 0

        def follow(inner: FrameType, event: str, argument: object) -> Any:
            nonlocal last
            if event == "line":
                line = inner.f_lineno
                seen.add((code, last, line))
                last = line
            return follow

        return follow
