"""Apps in an environment of their own, which has hydra-core and no hydra-vertex."""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from pathlib import Path

import pytest

from app_environment import HYDRA, first_on_path, make_environment, site_packages
from trial.apps import hydra_trial, write_app

APP = """
    import importlib.metadata
    import importlib.util
    import sys

    import hydra


    @hydra.main(config_path="conf", config_name="config", version_base=None)
    def main(cfg):
        import hydra_vertex.trial, hypertune
        leaked = [n for n in ("kfp", "google", "numpy", "pytest", "optuna") if importlib.util.find_spec(n)]
        entry_points = importlib.metadata.entry_points(group="lightning.pytorch.callbacks_factory")
        version = importlib.metadata.version("hydra-vertex")
        print("APP", sys.prefix, sys.argv, leaked, [e.name for e in entry_points], version)
        return cfg.lr


    if __name__ == "__main__":
        main()
    """
MINOR = f"python{sys.version_info.major}.{sys.version_info.minor}"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_environment(tmp_path_factory.mktemp("env") / "env", *HYDRA)


@pytest.fixture
def app(tmp_path: Path) -> Path:
    write_app(tmp_path, APP)
    script = tmp_path / "train"
    script.write_text(f"#!/usr/bin/env python\n{(tmp_path / 'train.py').read_text()}")
    script.chmod(0o755)
    return tmp_path


@pytest.mark.parametrize(
    "command",
    [
        ["python"],
        ["python3"],
        [MINOR],
        ["python", "-u", "-I"],
        ["PYTHON"],
        ["./train"],
        ["env", "python"],
        ["bash", "-c"],
    ],
)
def test_the_app_runs_in_the_python_of_the_path_with_the_trial_side_alone(
    app: Path, python: Path, command: list[str]
) -> None:
    words = [str(python) if word == "PYTHON" else word for word in command]
    if command == ["bash", "-c"]:
        words += ["python train.py"]
    elif command != ["./train"]:
        words += ["train.py"]
    program = "./train" if command == ["./train"] else "train.py"
    environ = first_on_path(python, os.environ["PATH"]) | {"CLOUD_ML_HP_METRIC_FILE": "metrics"}
    ended = hydra_trial(app, "--metric", "m", "--", *words, "--lr=2", environ=environ)
    printed = program if program == "train.py" else str(app / "train") if "/" not in program else program
    assert ended.stderr == "hydra-trial: m = 2.0\n"
    expected = f"{python.parents[1]} {[printed, 'lr=2.0']} [] ['hydra-trial'] {version('hydra-vertex')}"
    assert ended.stdout == f"APP {expected}\n"
    assert '"m": "2.0"' in (app / "metrics").read_text()


def test_an_environment_without_hydra_is_refused_with_the_command_that_installs_it(app: Path, tmp_path: Path) -> None:
    python = make_environment(tmp_path / "empty")
    environ = first_on_path(python, os.environ["PATH"])
    ended = hydra_trial(app, "--", "python", "train.py", "--lr=2", environ=environ)
    expected = f"{python}, which runs the app, has no hydra-core; install it: {python} -m pip install hydra-core"
    assert (ended.returncode, ended.stdout, ended.stderr) == (2, "", f"hydra-trial: {expected}\n")


def test_a_hydra_vertex_of_the_environment_is_not_used(app: Path, tmp_path: Path) -> None:
    python = make_environment(tmp_path / "old", *HYDRA)
    old = site_packages(python) / "hydra_vertex/trial/__init__.py"
    old.parent.mkdir(parents=True)
    old.write_text("raise RuntimeError('an older version')\n")
    for command in (["python", "train.py"], ["env", "python", "train.py"]):
        ended = hydra_trial(app, "--", *command, "--lr=2", environ=first_on_path(python, os.environ["PATH"]))
        assert (ended.returncode, ended.stderr) == (0, "hydra-trial: metric = 2.0\n")


def test_without_a_python_on_the_path_the_app_runs_in_that_of_hydra_trial(app: Path) -> None:
    ended = hydra_trial(app, "--explain", "--", "python", "train.py", "--lr=2", environ={"PATH": "/nonexistent"})
    assert ended.returncode == 0
    assert ended.stderr == f"hydra-trial: no python is on PATH; the app runs in {sys.executable}\n"
    ended = hydra_trial(app, "--", "python2", "train.py", "--lr=2", environ={"PATH": "/nonexistent"})
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert "python2: no such interpreter; hydra-trial itself runs in" in ended.stderr


def test_a_python_older_than_3_10_is_refused_in_one_line(app: Path, tmp_path: Path) -> None:
    """Its `sys.version_info` is an older one, because no older Python is installed everywhere."""
    environ = {"PYTHONPATH": str(tmp_path / "site")} | first_on_path(Path(sys.executable), os.environ["PATH"])
    old = "import sys\nif 'hydra_vertex.trial' not in ' '.join(sys.orig_argv): sys.version_info = (3, 9, 1)\n"
    write_app(app, APP, **{"site/sitecustomize.py": old})
    ended = hydra_trial(app, "--", "python", "-u", "train.py", "--lr=2", environ=environ)
    assert (ended.returncode, ended.stderr.count("\n")) == (2, 1)
    assert "is Python 3.9; hydra-trial runs apps in Python 3.10 and later" in ended.stderr
