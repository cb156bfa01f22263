"""`setup.py`, with a setuptools that builds nothing."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from support.processes import TIMEOUT

SETUP = Path(__file__).parent.parent.parent / "setup.py"
#: As far as setup.py needs it: newer environments have none.
SETUPTOOLS = {
    "setuptools/__init__.py": (
        "def setup(**arguments):\n"
        "    print('built with', sorted(arguments))\n"
        "    for extension in arguments.get('ext_modules', ()):\n"
        "        print(extension.extra_compile_args, extension.extra_link_args)\n"
    ),
    "setuptools/command/__init__.py": "",
    "setuptools/command/build_ext.py": "class build_ext: pass",
    "setuptools/errors.py": "BaseError = CCompilerError = OSError",
    "mypyc/__init__.py": "",
    "mypyc/build.py": (
        "class Extension: extra_compile_args, extra_link_args = ['-O3'], []\n"
        "def mypycify(paths, **options): return [Extension()]\n"
    ),
}


def build(
    folder: Path, free_threaded: str = "0", **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run `setup.py` with the setuptools above, which are put into the folder."""
    for name, text in SETUPTOOLS.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    code = (
        "import runpy, sysconfig\n"
        f"sysconfig.get_config_vars()['Py_GIL_DISABLED'] = {free_threaded}\n"
        f"runpy.run_path({str(SETUP)!r})\n"
    )
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=SETUP.parent,
        env={**os.environ, "PYTHONPATH": str(folder), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=TIMEOUT,
        check=False,
    )


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
    done = build(tmp_path, free_threaded, H2_COMPILE=compiled)
    assert done.returncode == status, done.stdout
    assert told in done.stdout


@pytest.mark.skipif(sys.platform != "linux", reason="the flags are for Linux")
@pytest.mark.parametrize(("compiler", "whole"), [("gcc -pthread", True), ("clang", False)])
def test_only_gcc_optimizes_across_modules(tmp_path: Path, compiler: str, whole: bool) -> None:
    done = build(tmp_path, H2_COMPILE="1", CC=compiler)
    assert done.returncode == 0, done.stdout
    assert ("'-flto'" in done.stdout) is whole
