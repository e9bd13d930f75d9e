from __future__ import annotations

import re
import subprocess
import sys
from importlib.metadata import metadata, version
from pathlib import Path

import pytest

from conftest import ROOT
from release.version import changelog_heading, project_version, supported_pythons

COMMANDS = {"hydra-trial": "hydra_vertex.trial", "hydra-vertex": "hydra_vertex.cli.main"}


def test_the_installed_distribution_has_the_version_of_pyproject() -> None:
    assert version("hydra-vertex") == project_version(), "install the checkout again: rm .venv/dev; make .venv/dev"


@pytest.mark.parametrize("command", COMMANDS)
def test_both_commands_print_the_version(command: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", COMMANDS[command], "--version"], capture_output=True, text=True, timeout=60, check=False
    )

    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == f"{command} {project_version()}\n"


def test_no_other_module_or_document_contains_the_version() -> None:
    """Archives, images and pages get the version from pyproject.toml when they are built."""
    folders, suffixes = ("components", "pipelines", "docs", "trainer"), {".py", ".md", ".yaml"}
    files = [path for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in suffixes]
    own = rf"__version__|version[=: ]+.?{re.escape(project_version())}"
    found = [
        path.relative_to(ROOT)
        for path in [*files, ROOT / "README.md", ROOT / "Dockerfile"]
        if re.search(own, path.read_text())
    ]
    assert found == []


def test_the_newest_heading_of_the_changelog_has_this_version() -> None:
    release, _, development = project_version().partition(".dev")
    text, _, state = changelog_heading().partition(" ")

    assert text == release
    assert re.fullmatch(r"\(unreleased\)" if development else r"\(\d{4}-\d\d-\d\d\)", state)


def test_the_licence_is_named_and_its_text_is_installed() -> None:
    found = metadata("hydra-vertex")

    assert found["License-Expression"] == "Apache-2.0"
    assert found.get_all("License-File") == ["LICENSE"]
    assert "Apache License" in Path(ROOT, "LICENSE").read_text()


def test_requires_python_is_the_oldest_python_of_the_classifiers() -> None:
    assert metadata("hydra-vertex")["Requires-Python"] == f">={supported_pythons()[0]}"
