"""Reads the version and the supported Pythons from pyproject.toml, and the newest heading of the changelog."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[2]
PYTHON = "Programming Language :: Python :: "


def project_version() -> str:
    version: str = _project()["version"]
    return version


def supported_pythons() -> list[str]:
    """Return the Python versions of the classifiers, such as 3.10."""
    found = [text.removeprefix(PYTHON) for text in _project()["classifiers"] if text.startswith(PYTHON)]
    return [version for version in found if "." in version]


def changelog_heading() -> str:
    """Return the newest heading, such as `0.2.0 (unreleased)` or `0.2.0 (2026-12-01)`."""
    found = re.search(r"^## (.*)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE)
    assert found is not None, "CHANGELOG.md has no heading of a version"
    return found[1]


def _project() -> dict[str, Any]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        document: dict[str, Any] = tomllib.load(file)["project"]
    return document


if __name__ == "__main__":
    print(project_version())
