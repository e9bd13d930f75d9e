"""What an image is built from: the file that counts, and what is refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from hydra_vertex.pipelines.image.source import (
    OwnDockerfile,
    PyProject,
    RequirementsFile,
    UvProject,
    find_source,
    requires_python,
)
from hydra_vertex.protocol.errors import CommandError

PROJECT = (
    '[project]\nname = "a"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["hydra-core>=1.3", "torch"]\n'
)
BUILD = '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
LOCK = 'version = 1\n[[package]]\nname = "a"\nsource = { virtual = "." }\n'


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    return folder


def test_a_dockerfile_counts_before_uv_s_lock_and_that_before_requirements(tmp_path: Path) -> None:
    write(tmp_path, pyproject__toml=PROJECT)
    assert find_source(tmp_path) == PyProject(("hydra-core>=1.3", "torch"))
    write(tmp_path, requirements__txt="hydra-core\n")
    assert find_source(tmp_path) == RequirementsFile("requirements.txt", False)
    write(tmp_path, uv__lock=LOCK)
    assert find_source(tmp_path) == UvProject(has_build_system=False)
    write(tmp_path, Dockerfile="FROM scratch\n")
    assert find_source(tmp_path) == OwnDockerfile(tmp_path / "Dockerfile")


def test_a_project_with_a_build_system_is_installed_as_a_package(tmp_path: Path) -> None:
    write(tmp_path, pyproject__toml=PROJECT + BUILD)
    assert find_source(tmp_path) == PyProject(None)
    write(tmp_path, uv__lock=LOCK)
    assert find_source(tmp_path) == UvProject(has_build_system=True)


def test_a_lock_of_a_workspace_refers_to_other_folders(tmp_path: Path) -> None:
    member = '[[package]]\nname = "b"\nsource = { editable = "packages/b" }\n'
    write(tmp_path, pyproject__toml=PROJECT, uv__lock=LOCK + member)

    assert find_source(tmp_path) == UvProject(has_build_system=False, refers_to_files=True)


@pytest.mark.parametrize(
    "line",
    ["-r base.txt", "-c constraints.txt", "-e .", "--requirement base.txt", ".", "./lib", "lib @ file:///app/lib"],
)
def test_requirements_that_name_a_file_are_installed_after_the_code_is_copied(tmp_path: Path, line: str) -> None:
    write(tmp_path, requirements__txt=f"hydra-core\n{line}\n")

    assert find_source(tmp_path) == RequirementsFile("requirements.txt", True)


@pytest.mark.parametrize("line", ["torch", "--index-url https://pypi.org/simple", "# -r base.txt", "git+https://h/x"])
def test_other_requirements_are_a_layer_before_the_code(tmp_path: Path, line: str) -> None:
    write(tmp_path, requirements__txt=f"hydra-core\n{line}\n")

    assert find_source(tmp_path) == RequirementsFile("requirements.txt", False)


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "has none of Dockerfile, uv.lock, requirements.txt, pyproject.toml. Write a Dockerfile"),
        ({"environment__yml": "x"}, "environment.yml (conda's environment) is not read"),
        ({"Pipfile": "x"}, "Pipfile (Pipenv's) is not read"),
        ({"requirements__txt": "# none\n\n"}, "requirements.txt: names no requirement"),
        ({"pyproject__toml": "[tool.ruff]\n"}, "pyproject.toml: has neither a [build-system] nor project.dependencies"),
        ({"pyproject__toml": "[project\n"}, "pyproject.toml: is not TOML"),
        ({"pyproject__toml": BUILD + "[tool.poetry]\npackage-mode = false\n"}, "package-mode = false"),
    ],
)
def test_a_folder_from_which_nothing_can_be_installed_is_refused(
    tmp_path: Path, files: dict[str, str], message: str
) -> None:
    write(tmp_path, **files)

    with pytest.raises(CommandError) as raised:
        find_source(tmp_path)

    assert message in str(raised.value)


def test_a_named_file_counts_also_beside_a_dockerfile(tmp_path: Path) -> None:
    write(tmp_path, Dockerfile="FROM scratch\n")
    (tmp_path / "requirements").mkdir()
    file = tmp_path / "requirements" / "gpu.txt"
    file.write_text("hydra-core\n")

    assert find_source(tmp_path, file) == RequirementsFile("requirements/gpu.txt", False)


@pytest.mark.parametrize(
    ("name", "message"), [("absent.txt", "there is no such file"), ("../outside.txt", "lies outside the context")]
)
def test_a_named_file_that_the_image_would_not_have_is_refused(tmp_path: Path, name: str, message: str) -> None:
    context = tmp_path / "context"
    context.mkdir()
    (tmp_path / "outside.txt").write_text("hydra-core\n")

    with pytest.raises(CommandError, match=message):
        find_source(context, context / name)


def test_requires_python_is_that_of_the_project(tmp_path: Path) -> None:
    assert requires_python(tmp_path) == ()
    write(tmp_path, pyproject__toml=PROJECT + '[tool.poetry.dependencies]\npython = "^3.9"\n')
    assert requires_python(tmp_path) == (">=3.11",)


@pytest.mark.parametrize(
    ("constraint", "expected"),
    [
        ('"^3.10"', (">=3.10,==3.*",)),
        ('"~3.10"', (">=3.10,==3.10.*",)),
        ('"~3"', (">=3,==3.*",)),
        ('"~=3.10"', ("~=3.10",)),
        ('">=3.9,<3.13"', (">=3.9,<3.13",)),
        ('">=3.9 <3.13"', (">=3.9,<3.13",)),
        ('">= 3.9, !=3.10.*"', (">= 3.9,!=3.10.*",)),
        ('"3.11.*"', ("==3.11.*",)),
        ('"~3.10 || ^3.12"', (">=3.10,==3.10.*", ">=3.12,==3.*")),
        ('{version = "^3.10"}', (">=3.10,==3.*",)),
        ('"*"', ("",)),
    ],
)
def test_the_python_of_a_poetry_project_is_its_constraint(
    tmp_path: Path, constraint: str, expected: tuple[str, ...]
) -> None:
    write(tmp_path, pyproject__toml=f"{BUILD}[tool.poetry.dependencies]\npython = {constraint}\n")
    assert requires_python(tmp_path) == expected
