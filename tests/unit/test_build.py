"""`setup.py`, with a setuptools that builds nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SETUP = Path(__file__).parent.parent.parent / "setup.py"
#: As far as setup.py needs it: newer environments have none.
SETUPTOOLS = {
    "setuptools/__init__.py": "def setup(**arguments): print('built with', sorted(arguments))",
    "setuptools/command/__init__.py": "",
    "setuptools/command/build_ext.py": "class build_ext: pass",
    "setuptools/errors.py": "BaseError = CCompilerError = OSError",
    "mypyc/__init__.py": "",
    "mypyc/build.py": "def mypycify(paths, **options): return paths",
}


@pytest.mark.parametrize(
    ("compiled", "free_threaded", "status", "told"),
    [
        ("1", "1", 1, "the compiled build is not for free-threaded Python"),
        ("1", "0", 0, "built with ['cmdclass', 'ext_modules']"),
        ("", "1", 0, "built with []"),
    ],
)
def test_free_threaded_python_gets_the_pure_build(
    tmp_path: Path, compiled: str, free_threaded: str, status: int, told: str
) -> None:
    for name, text in SETUPTOOLS.items():
        file = tmp_path / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    code = (
        "import runpy, sysconfig\n"
        f"sysconfig.get_config_vars()['Py_GIL_DISABLED'] = {free_threaded}\n"
        f"runpy.run_path({str(SETUP)!r})\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=SETUP.parent,
        env={**os.environ, "PYTHONPATH": str(tmp_path), "H2_COMPILE": compiled},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == status, done.stdout
    assert told in done.stdout
