"""Marks for tests that need the pure or the compiled build."""

from __future__ import annotations

import pytest

import h2

#: For tests that replace a function or a constant of an inner module, or copy an object of one.
#: Compiled modules call each other directly, and only a constructor creates compiled objects.
pure_build = pytest.mark.skipif(h2.__compiled__, reason="reaches into the pure source")

#: For tests that compare the compiled build with the pure one, whose source it has, too.
compiled_build = pytest.mark.skipif(not h2.__compiled__, reason="needs the compiled build")
