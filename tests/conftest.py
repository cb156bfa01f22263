"""Settings that all tests share."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

# Helpers assert as well, and their failures should show values, too.
pytest.register_assert_rewrite("support")

# A developer's runs look in other places each time; CI judges a commit, so there every run is
# the same. No deadlines: the machine is not under test.
settings.register_profile("local", deadline=None)
settings.register_profile("ci", deadline=None, derandomize=True)
settings.load_profile("ci" if os.environ.keys() & {"CI", "H2_REQUIRE_PEERS"} else "local")
