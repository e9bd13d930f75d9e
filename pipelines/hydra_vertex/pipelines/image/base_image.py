"""The base of a written Dockerfile: Python's slim image of the version that the app's folder asks for."""

from __future__ import annotations

import re
import sys
from pathlib import Path

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.errors import CommandError

from .source import requires_python

VERSION_FILE = ".python-version"
"""The file with a Python version that pyenv and uv read."""
_VERSION = re.compile(r"(?:cpython-)?(3\.\d{1,2})(?:\.\d+)?")


def base_for(context: Path) -> str:
    """Return the image of the Python in `.python-version`, else of this interpreter's. Raises CommandError.

    The folder's `requires-python`, or Poetry's constraint, has to allow it.
    """
    version, origin = _version(context)
    alternatives = requires_python(context)
    required = " || ".join(alternatives)
    try:
        is_allowed = not alternatives or any(SpecifierSet(each).contains(f"{version}.99") for each in alternatives)
    except InvalidSpecifier as error:
        raise CommandError(f"requires-python {excerpt(repr(required))}: not a version specifier") from error
    if not is_allowed:
        raise CommandError(
            f"{context}: requires-python is {excerpt(required)}, and {origin} is {version}; name a base image with "
            "--base, such as python:3.12-slim"
        )
    return f"python:{version}-slim"


def _version(context: Path) -> tuple[str, str]:
    file = context / VERSION_FILE
    if not file.is_file():
        return f"{sys.version_info.major}.{sys.version_info.minor}", "this interpreter's version"
    text = file.read_text(encoding="utf-8", errors="replace").strip()
    found = _VERSION.fullmatch(text.splitlines()[0].strip() if text else "")
    if found is None:
        raise CommandError(
            f"{file}: {excerpt(repr(text))} is not a version of Python such as 3.12; name a base image with --base"
        )
    return found[1], str(file)
