"""Environments of apps: virtual environments that contain chosen distributions, and not hydra-vertex."""

from __future__ import annotations

import sys
import venv
from importlib.metadata import distribution
from pathlib import Path

HYDRA = ("hydra-core", "omegaconf", "antlr4-python3-runtime", "PyYAML", "packaging")


def make_environment(folder: Path, *distributions: str) -> Path:
    """Create a virtual environment with links to the tests' own copies of the distributions. Return its `python`."""
    venv.create(folder, with_pip=False, symlinks=True)
    site = folder / f"lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
    for name in distributions:
        found = distribution(name)
        for top in {file.parts[0] for file in found.files or () if file.parts[0] not in ("..", "__pycache__")}:
            (site / top).symlink_to(Path(str(found.locate_file(top))))
    return folder / "bin/python"


def site_packages(python: Path) -> Path:
    """Return the folder of the environment's installed packages."""
    return next((python.parents[1] / "lib").glob("python*/site-packages"))


def first_on_path(python: Path, path: str) -> dict[str, str]:
    """Return the variable PATH after the environment was activated."""
    return {"PATH": f"{python.parent}:{path}"}
