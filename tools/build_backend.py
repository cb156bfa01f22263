"""The build backend of the package: setuptools, plus the requirements of a compiled build.

With `H2_COMPILE=1` in the environment, mypyc compiles the inner layers of the package. A build
without it is pure, and needs only setuptools.
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

# The compiler is part of mypy. It also reads the types of the imported packages.
COMPILER = ["mypy==2.4.1", "hpack>=4.1,<5", "hyperframe>=6.1,<7"]


def _requirements() -> list[str]:
    return COMPILER if os.environ.get("H2_COMPILE") == "1" else []


def get_requires_for_build_wheel(config_settings: Any = None) -> list[str]:
    """Return what is needed to build a wheel, in addition to setuptools."""
    return _requirements()


def get_requires_for_build_editable(config_settings: Any = None) -> list[str]:
    """Return what is needed for an editable installation, in addition to setuptools."""
    return _requirements()
