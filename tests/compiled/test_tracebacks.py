"""A traceback through compiled code names files and lines of the source."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

import h2
from h2.connection import H2Connection
from h2.exceptions import ProtocolError
from support.builds import compiled_build


@compiled_build
def test_a_traceback_names_file_and_line() -> None:
    conn = H2Connection()
    with pytest.raises(ProtocolError) as caught:
        conn.send_headers(1, [(b"a name", b"value")])
    frames = [
        frame
        for frame in traceback.extract_tb(caught.tb)
        if frame.filename.startswith("src/h2/_core/")
    ]
    assert [frame.name for frame in frames][:1] == ["send_headers"]
    for frame in frames:
        # The wheel contains the source as well.
        source = Path(h2.__file__).parent / Path(frame.filename).relative_to("src/h2")
        lines = source.read_text(encoding="utf-8").splitlines()
        assert frame.lineno is not None
        before = lines[: frame.lineno]
        functions = [line for line in before if line.lstrip().startswith("def ")]
        assert f"def {frame.name}(" in functions[-1]
