"""The curio file server, started as documented, with various clients."""

from __future__ import annotations

import sys

import pytest

from support.example import Example
from support.fileserver import FILE_OFFER
from support.standard import FileServerTests

pytestmark = pytest.mark.skipif(
    sys.version_info >= (3, 12), reason="curio 1.6 uses what Python 3.12 has removed"
)

PROGRAM = Example("examples.curio.server", FILE_OFFER, ("curio",), serves_files=True)


class TestServer(FileServerTests):
    side = "curio file server"
