"""The fixtures that grpclib's tests need."""

from __future__ import annotations

import asyncio

import pytest
import pytest_asyncio
from faker import Faker
from grpclib.config import Configuration

# Faker generates the names of tests, which must be the same in each run.
Faker.seed(0)


@pytest_asyncio.fixture
async def loop() -> asyncio.AbstractEventLoop:
    """The loop that the test runs on."""
    return asyncio.get_running_loop()


@pytest.fixture
def config() -> Configuration:
    """The configuration that grpclib has for tests."""
    return Configuration().__for_test__()
