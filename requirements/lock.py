"""Compiles the pinned requirements from pyproject.toml with uv: `make lock`. pip installs them.

    python requirements/lock.py [--upgrade | --check]

The files hold for every Python and platform that pyproject.toml allows (markers tell them apart). A version that is
already pinned stays while it satisfies pyproject.toml; --upgrade takes the newest of everything. --check compares the
inputs that a file names with those of today, without any network, and fails when a file is stale.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FOLDER = Path(__file__).resolve().parent
PROJECT = FOLDER.parent
EXTRAS = {
    "dev": ("launcher", "pipelines", "docker", "kubeflow", "trainer", "test", "lint", "docs", "gpu", "release"),
    "run": ("launcher", "pipelines", "trainer"),
    "image": ("launcher", "pipelines"),
    "trial": (),
}
"""The files by name. The first one is compiled freely, the others are held to its versions."""

OPTIONS = ("--universal", "--no-header", "--no-annotate", "--strip-extras")
INPUTS = "# Inputs: sha256:"


def main(words: Sequence[str]) -> int:
    """The exit code: 1 when --check finds a stale file."""
    parser = argparse.ArgumentParser(prog="lock.py", description="Compiles requirements/*.txt from pyproject.toml.")
    choice = parser.add_mutually_exclusive_group()
    choice.add_argument("--upgrade", action="store_true", help="take the newest version of everything")
    choice.add_argument("--check", action="store_true", help="only say which files are stale")
    chosen = parser.parse_args(words)
    if chosen.check:
        stale = stale_files()
        for name in stale:
            print(f"requirements/{name}.txt: pyproject.toml has changed since it was compiled; run `make lock`")
        return 1 if stale else 0
    for name in EXTRAS:
        compile_requirements(name, upgrade=chosen.upgrade)
    return 0


def stale_files() -> list[str]:
    """The names of the files whose inputs are not those of today, or that do not exist."""
    return [name for name in EXTRAS if inputs_line(name) not in _lines(_target(name))]


def compile_requirements(name: str, *, upgrade: bool) -> None:
    """Write `<name>.txt`: every package that the extras need, at one version for each Python and platform."""
    extras = [f"--extra={extra}" for extra in EXTRAS[name]]
    first = next(iter(EXTRAS))
    constraints = [] if name == first else [f"--constraint={_target(first)}"]
    with tempfile.TemporaryDirectory(prefix="hydra-vertex-lock-") as folder:
        output = Path(folder, "requirements.txt")
        if not upgrade and _target(name).exists():
            output.write_text(_target(name).read_text(encoding="utf-8"), encoding="utf-8")
        options = [*OPTIONS, f"--python-version={oldest_python()}", *extras, *constraints, f"--output-file={output}"]
        command = [_uv(), "pip", "compile", "--quiet", *options, "pyproject.toml"]
        subprocess.run(command, cwd=PROJECT, check=True, stdout=subprocess.DEVNULL)
        pins = output.read_text(encoding="utf-8")
    extras_text = f" ({', '.join(EXTRAS[name])})" if EXTRAS[name] else ""
    source = f"# Compiled from pyproject.toml{extras_text} by `make lock`; do not edit.\n"
    beside = _target(name).with_suffix(".new")
    beside.write_text(f"{source}{inputs_line(name)}\n{pins}", encoding="utf-8")
    beside.replace(_target(name))


def inputs_line(name: str) -> str:
    """The line of a file that names what it was compiled from: everything in pyproject.toml that changes the result."""
    document = _pyproject()
    project = document["project"]
    inputs = {
        "python": project["requires-python"],
        "dependencies": project["dependencies"],
        "extras": {extra: project["optional-dependencies"][extra] for extra in EXTRAS[name]},
        "settings": document["tool"].get("uv", {}),
        "options": OPTIONS,
    }
    return INPUTS + hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()


def oldest_python() -> str:
    """The lower bound of `requires-python`."""
    bound: str = _pyproject()["project"]["requires-python"]
    return bound.removeprefix(">=")


def _pyproject() -> dict[str, Any]:
    with (PROJECT / "pyproject.toml").open("rb") as file:
        return tomllib.load(file)


def _target(name: str) -> Path:
    return FOLDER / f"{name}.txt"


def _lines(file: Path) -> list[str]:
    return file.read_text(encoding="utf-8").splitlines() if file.exists() else []


def _uv() -> str:
    """The uv of this environment, at the version that the extra `lint` pins: another one may resolve differently."""
    return os.fspath(Path(sys.executable).parent / "uv")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
