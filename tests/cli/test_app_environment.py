"""`check` and `run` with an app in an environment of its own, and with a program that starts the app."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app_environment import HYDRA, first_on_path, make_environment
from trial.apps import write_app

APP = """
    import importlib.util
    import os
    import pathlib
    import sys

    import hydra


    @hydra.main(config_path="conf", config_name="config", version_base=None)
    def main(cfg):
        assert importlib.util.find_spec("kfp") is None
        model = pathlib.Path(os.environ["AIP_MODEL_DIR"], "model.txt")
        model.write_text(f"{sys.prefix} {cfg.lr} {cfg.steps} {cfg.name}")
        return (cfg.lr - 0.3) ** 2


    if __name__ == "__main__":
        main()
    """
SEARCH = """
    hydra:
      sweeper:
        direction: minimize
        n_trials: 2
        n_jobs: 1
        params:
          lr: interval(0.1, 1.0)
          steps: range(1, 9)
    optimized_metric: loss
    """


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_environment(tmp_path_factory.mktemp("env") / "env", *HYDRA)


@pytest.fixture
def app(tmp_path: Path) -> Path:
    files = {"search.yaml": SEARCH, "train.sh": '#!/bin/sh\nexec python train.py name=script "$@"\n'}
    write_app(tmp_path, APP, **files, Makefile="train:\n\t@python train.py name=script\n")
    (tmp_path / "train.sh").chmod(0o755)
    return tmp_path


def hydra_vertex(app: Path, python: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environ = os.environ | first_on_path(python, os.environ["PATH"])
    command = [sys.executable, "-m", "hydra_vertex.cli.main", *arguments]
    return subprocess.run(command, cwd=app, env=environ, capture_output=True, text=True, timeout=280, check=False)


def test_check_names_the_python_that_runs_the_app(app: Path, python: Path) -> None:
    ended = hydra_vertex(app, python, "check", "--search", "search.yaml", "--", "python", "train.py")
    assert ended.returncode == 0, ended.stderr
    assert f"the app runs in {python}, as in your shell; hydra-vertex itself runs in {sys.executable}" in ended.stdout


@pytest.mark.parametrize("command", [["python", "train.py"], ["./train.sh"], ["make", "train"]])
def test_a_whole_run_uses_the_apps_environment(app: Path, python: Path, command: list[str]) -> None:
    ended = hydra_vertex(app, python, "run", "--search", "search.yaml", "--out", "out", "--json", "--", *command)
    assert ended.returncode == 0, ended.stderr
    best = (app / "out/best.yaml").read_text()
    (model,) = app.glob("out/**/retrain/**/model.txt")
    prefix, lr, steps, name = model.read_text().split()
    assert prefix == str(python.parents[1])
    assert f"lr: {lr}" in best
    assert f"steps: {steps}" in best
    assert name == ("foo" if command[0] == "python" else "script")
    documents = [p.read_text(errors="replace") for p in app.glob("out/*.json")]
    assert [text for text in documents if str(python) in text] == []
