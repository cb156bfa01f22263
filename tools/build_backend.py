"""The build backend of the package: that of setuptools, and what a compiled build requires.

With `H2_COMPILE=1` in the environment, mypyc compiles the inner layers of the package. A build
without it is pure, and needs nothing but setuptools.
"""

from __future__ import annotations

import os
from typing import Any

from setuptools.build_meta import (
    build_editable,
    build_sdist,
    build_wheel,
    get_requires_for_build_sdist,
    prepare_metadata_for_build_editable,
    prepare_metadata_for_build_wheel,
)

__all__ = [
    "build_editable",
    "build_sdist",
    "build_wheel",
    "get_requires_for_build_editable",
    "get_requires_for_build_sdist",
    "get_requires_for_build_wheel",
    "prepare_metadata_for_build_editable",
    "prepare_metadata_for_build_wheel",
]

# The compiler is part of mypy. It reads the types of the packages that are imported, too.
COMPILER = ["mypy==2.4.1", "hpack>=4.1,<5", "hyperframe>=6.1,<7"]


def _requirements() -> list[str]:
    return COMPILER if os.environ.get("H2_COMPILE") == "1" else []


def get_requires_for_build_wheel(config_settings: Any = None) -> list[str]:
    """Return what is needed to build a wheel beside setuptools."""
    return _requirements()


def get_requires_for_build_editable(config_settings: Any = None) -> list[str]:
    """Return what is needed for an editable installation beside setuptools."""
    return _requirements()
