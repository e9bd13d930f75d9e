"""Compiles the pinned requirements from pyproject.toml: `make lock`."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
EXTRAS = {
    "run": ("launcher", "pipelines", "trainer"),
    "dev": ("launcher", "pipelines", "trainer", "test", "lint"),
    "image": ("launcher", "pipelines"),
}


def main() -> None:
    """Compile one file for each set of extras; `dev` first, and the others constrained to its versions."""
    for name in sorted(EXTRAS):
        compile_requirements(name, EXTRAS[name])


def compile_requirements(name: str, extras: tuple[str, ...]) -> None:
    """Write `<name>.txt`: every package that the extras need, at one version each."""
    target = FOLDER / f"{name}.txt"
    options = ["--quiet", "--strip-extras", "--no-emit-options", "--no-annotate", "--no-header", "--allow-unsafe"]
    chosen = [part for extra in extras for part in ("--extra", extra)]
    command = [sys.executable, "-m", "piptools", "compile", *options, *chosen, "--output-file", str(target)]
    subprocess.run([*command, "pyproject.toml"], cwd=FOLDER.parent, check=True)
    # The extras name the project itself, which is installed from the checkout. A local version such as +cpu exists
    # on one index only; the public number means the same release everywhere.
    pinned = re.sub(r"(==[^\s+]+)\+\S+", r"\1", target.read_text())
    pinned = "".join(line for line in pinned.splitlines(keepends=True) if not line.startswith("hydra-vertex"))
    target.write_text(f"# Compiled from pyproject.toml ({', '.join(extras)}) by `make lock`; do not edit.\n{pinned}")


if __name__ == "__main__":
    main()
