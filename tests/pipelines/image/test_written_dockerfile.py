"""The Dockerfile that is written for an app, its base, and the layer with hydra-vertex."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from hydra_vertex.pipelines.image.base_image import base_for
from hydra_vertex.pipelines.image.commands import commands_for
from hydra_vertex.pipelines.image.layer import Package, layer_text, needs_package, package_from, require_on_index
from hydra_vertex.pipelines.image.python_in_image import PythonInImage
from hydra_vertex.pipelines.image.secrets_in_image import exposed_secrets, require_no_secret
from hydra_vertex.pipelines.image.source import PyProject, RequirementsFile, UvProject
from hydra_vertex.pipelines.image.written_dockerfile import dockerfile_text
from hydra_vertex.protocol.errors import CommandError
from hydra_vertex.protocol.json import JsonObject

BASE = "python:3.12-slim"
HERE = f"{sys.version_info.major}.{sys.version_info.minor}"
FOUND = PythonInImage((3, 11, 2), True, False, False, "", False, "/app", ())


def instructions(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith("#")]


@pytest.mark.parametrize(
    ("source", "install", "copies_first"),
    [
        (RequirementsFile("req/a b.txt", False), "pip install --requirement '/requirements/req/a b.txt'", False),
        (RequirementsFile("r.txt", True), "RUN python -m pip install --requirement r.txt", True),
        (PyProject(("torch", "hydra-core>=1.3; python_version<'4'")), "pip install torch 'hydra-core>=1.3;", False),
        (PyProject(None), "RUN python -m pip install .", True),
        (UvProject(True), "RUN uv sync --locked --inexact --no-dev --no-install-project", False),
        (UvProject(False, refers_to_files=True), "RUN uv sync --locked --inexact --no-dev", True),
    ],
)
def test_requirements_are_installed_before_the_code_is_copied_unless_they_need_it(
    source: RequirementsFile | PyProject | UvProject, install: str, copies_first: bool
) -> None:
    lines = instructions(dockerfile_text(source, BASE))

    installed = next(number for number, line in enumerate(lines) if install in line)
    assert (lines.index("COPY . .") < installed) is copies_first
    assert lines[0] == f"FROM {BASE}"
    assert lines[-1] == "USER 1000:0"


def test_the_app_starts_in_its_own_folder() -> None:
    assert "WORKDIR /app/jobs" in instructions(dockerfile_text(PyProject(None), BASE, "/app/jobs"))


@pytest.mark.parametrize(
    ("files", "base"),
    [
        ({}, f"python:{HERE}-slim"),
        ({".python-version": "3.12.4\n"}, "python:3.12-slim"),
        ({".python-version": "cpython-3.13\n"}, "python:3.13-slim"),
        ({"pyproject.toml": '[project]\nrequires-python = ">=3.10"\n'}, f"python:{HERE}-slim"),
        ({"pyproject.toml": '[tool.poetry.dependencies]\npython = "~3.2 || ^3.10"\n'}, f"python:{HERE}-slim"),
    ],
)
def test_the_base_has_the_python_of_the_app_s_folder(tmp_path: Path, files: dict[str, str], base: str) -> None:
    for name, text in files.items():
        (tmp_path / name).write_text(text)

    assert base_for(tmp_path) == base


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (".python-version", "pypy3.10\n", "is not a version of Python"),
        (".python-version", "", "is not a version of Python"),
        ("pyproject.toml", '[project]\nrequires-python = ">=3.99"\n', "requires-python is >=3.99"),
        ("pyproject.toml", '[project]\nrequires-python = "newest"\n', "not a version specifier"),
        ("pyproject.toml", '[tool.poetry.dependencies]\npython = "^2.7 || ~3.99"\n', "requires-python is >=2.7,==2"),
        ("pyproject.toml", '[tool.poetry.dependencies]\npython = "^newest"\n', "not a version specifier"),
    ],
)
def test_a_python_for_which_there_is_no_base_is_refused(tmp_path: Path, name: str, text: str, message: str) -> None:
    (tmp_path / name).write_text(text)

    with pytest.raises(CommandError, match=message):
        base_for(tmp_path)


def test_the_layer_keeps_the_image_s_user_and_the_versions_that_the_app_has() -> None:
    text = layer_text("app:1", FOUND, Package("0.2.0"), "1000:0", installs=True, trial_only=False)
    lines = instructions(text)

    assert lines[:2] == ["FROM app:1", "USER 0:0"]
    assert "--constraint /tmp/hydra-vertex-constraints.txt 'hydra-vertex[launcher]==0.2.0'" in text
    assert lines[-3:] == ["USER 1000:0", 'ENTRYPOINT ["hydra-trial"]', 'CMD ["--help"]']


def test_the_layer_of_a_trial_has_no_extra_and_that_of_a_complete_image_installs_nothing() -> None:
    trial = layer_text("app:1", FOUND, Package("0.2.0"), "", installs=True, trial_only=True)
    complete = layer_text("app:1", FOUND, Package("0.2.0"), "", installs=False, trial_only=False)

    assert " hydra-vertex==0.2.0 " in trial
    assert "RUN" not in complete
    assert "USER" not in complete


def test_an_environment_of_uv_without_pip_is_installed_into_by_uv() -> None:
    found = PythonInImage((3, 12, 0), False, True, False, "", False, "/app", ())

    text = layer_text("app:1", found, Package("0.2.0"), "", installs=True, trial_only=False)

    assert 'uv pip install --no-cache --python "$(command -v python)" --constraint' in text


def test_an_image_that_has_the_version_needs_nothing() -> None:
    complete = PythonInImage((3, 11, 2), True, False, False, "0.2.0", True, "/app", ())
    trial = PythonInImage((3, 11, 2), True, False, False, "0.2.0", False, "/app", ())

    assert not needs_package(complete, Package("0.2.0"), trial_only=False, name="a")
    assert not needs_package(trial, Package("0.2.0"), trial_only=True, name="a")
    assert needs_package(trial, Package("0.2.0"), trial_only=False, name="a")


@pytest.mark.parametrize(
    ("found", "message"),
    [
        (PythonInImage((3, 11, 2), True, False, False, "0.1.0", True, "/", ()), "has hydra-vertex 0.1.0 already"),
        (PythonInImage((3, 11, 2), False, False, False, "", False, "/", ()), "has no pip, and it has no uv"),
        (PythonInImage((3, 11, 2), True, False, True, "", False, "/", ()), r"\(PEP 668\)"),
    ],
)
def test_an_image_into_which_nothing_can_be_installed_is_refused(found: PythonInImage, message: str) -> None:
    with pytest.raises(CommandError, match=message):
        needs_package(found, Package("0.2.0"), trial_only=False, name="app:1")


def test_a_wheel_is_given_by_its_path(tmp_path: Path) -> None:
    wheel = tmp_path / "hydra_vertex-0.3.0-py3-none-any.whl"
    wheel.touch()

    assert package_from(str(wheel)) == Package("0.3.0", wheel)
    assert package_from("0.2.1") == Package("0.2.1")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("newest", "expected a version such as"),
        ("dist/absent-1-py3-none-any.whl", "there is no such file"),
        ("other-1.0-py3-none-any.whl", "a wheel of other"),
        ("wheel.whl", "not the name of a wheel"),
    ],
)
def test_what_is_neither_a_version_nor_a_wheel_of_hydra_vertex_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("other-1.0-py3-none-any.whl", "wheel.whl"):
        Path(name).touch()

    with pytest.raises(CommandError, match=message):
        package_from(text)


def test_a_version_that_runs_from_a_folder_is_not_looked_for_in_the_index() -> None:
    with pytest.raises(CommandError, match=r"was installed from .* give it with --hydra-vertex dist/NAME\.whl"):
        require_on_index(package_from(""))
    require_on_index(Package("0.1.0"))


@pytest.mark.parametrize(
    "text", ["TOKEN=abc123", "PIP_PASSWORD=x1", "INDEX=https://u:pw@host/simple", "K=ghp_" + "a" * 36]
)
def test_a_build_argument_with_a_secret_is_refused(text: str) -> None:
    with pytest.raises(CommandError, match="everyone who can pull the image can read it in its history"):
        require_no_secret([text])


def test_a_build_argument_that_takes_its_value_from_the_environment_is_checked_too(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("NPM_TOKEN", "abc123")

    with pytest.raises(CommandError, match="--build-arg NPM_TOKEN"):
        require_no_secret(["NPM_TOKEN"])
    require_no_secret(["BASE=python:3.12-slim", "ABSENT_TOKEN"])


def test_what_is_no_build_argument_is_refused() -> None:
    with pytest.raises(CommandError, match="expected NAME=VALUE"):
        require_no_secret(["a b"])


def test_secrets_in_variables_labels_and_history_are_named() -> None:
    config: JsonObject = {
        "Env": ["PATH=/bin", "WANDB_API_KEY=0123456789abcdef"],
        "Labels": {"url": "https://u:pw@host"},
    }
    history = ["CMD x", "|1 TOKEN=abc123 /bin/sh -c pip install", "FROM"]

    found = list(exposed_secrets(config, history))

    assert [sentence.split(" looks")[0] for sentence in found] == [
        "its variable or label WANDB_API_KEY",
        "its variable or label url",
        "step 2 of its history",
    ]
    assert not any("abc123" in sentence or "pw@" in sentence for sentence in found)


def test_a_search_file_that_the_app_s_command_chooses_is_not_asked_for() -> None:
    (_, submit) = commands_for("h/a:1", ("python", "train.py", "hparams_search=docs"), trial_only=False)

    assert "--search" not in submit
    assert submit.endswith("--image h/a:1 -- python train.py hparams_search=docs")
