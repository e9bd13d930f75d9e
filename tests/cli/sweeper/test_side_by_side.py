"""The same app and config with hydra-optuna-sweeper and with hydra/sweeper=vertex. `make matrix` installs both."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.apps import Project, environment

needs_peer = pytest.mark.skipif(
    importlib.util.find_spec("hydra_plugins.hydra_optuna_sweeper") is None,
    reason="hydra-optuna-sweeper is not installed",
)
APP = """
import hydra


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(config):
    return config.lr**2 + config.depth


if __name__ == "__main__":
    main()
"""
CONFIG = """
defaults:
  - _self_
  - model: small
  - override hydra/sweeper: optuna
  - override hydra/sweeper/sampler: random
hydra:
  sweeper:
    sampler: {seed: 3}
    direction: maximize
    study_name: both
    storage: null
    n_trials: 4
    n_jobs: 2
    params:
      lr: interval(0.5, 2.0)
      depth: range(1, 4)
      act: choice(relu, gelu)
      model: choice(small, large)
      flag: choice(true, false)
lr: 1.0
depth: 1
act: tanh
flag: false
note: "007"
"""
SWEEPERS = ("optuna", "vertex")


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    project = Project(tmp_path_factory.mktemp("project"))
    project.write("app.py", APP)
    project.write("conf/config.yaml", CONFIG)
    project.write("conf/model/small.yaml", "width: 8\n")
    project.write("conf/model/large.yaml", "width: 64\n")
    return {sweeper: swept(project, sweeper) for sweeper in SWEEPERS}


def swept(project: Project, sweeper: str) -> Path:
    words = (
        "-m",
        f"hydra/sweeper={sweeper}",
        f"hydra.sweep.dir={sweeper}",
        "+extra=1",
        "note='1.10'",
        "act=choice(a,b)",
    )
    command = [sys.executable, "app.py", *words]
    ended = subprocess.run(
        command, cwd=project.path, env=environment(), capture_output=True, text=True, timeout=300, check=False
    )
    assert ended.returncode == 0, ended.stderr
    return project.path / sweeper


def jobs(folder: Path) -> list[dict[str, Any]]:
    return [yaml.safe_load((folder / str(number) / ".hydra/config.yaml").read_text()) for number in range(4)]


@needs_peer
def test_both_sweeps_have_the_same_numbered_folders_of_jobs(both: dict[str, Path]) -> None:
    names = [{path.name for path in both[sweeper].iterdir() if re.fullmatch(r"\d+", path.name)} for sweeper in SWEEPERS]

    assert names[0] == names[1] == {"0", "1", "2", "3"}


@needs_peer
def test_the_configs_of_the_jobs_have_the_same_keys_types_and_fixed_values(both: dict[str, Path]) -> None:
    for theirs, ours in zip(*(jobs(both[sweeper]) for sweeper in SWEEPERS), strict=True):
        assert {key: type(value) for key, value in ours.items()} == {key: type(value) for key, value in theirs.items()}
        assert (ours["extra"], ours["note"]) == (theirs["extra"], theirs["note"]) == (1, "1.10")
        assert ours["act"] in {"a", "b"}
        assert theirs["act"] in {"a", "b"}


@needs_peer
def test_the_results_have_the_same_form_and_types(both: dict[str, Path]) -> None:
    theirs, ours = (yaml.safe_load((both[s] / "optimization_results.yaml").read_text()) for s in SWEEPERS)

    assert {**ours, "name": "", "best_params": 0, "best_value": 0} == {
        key: 0 if key != "name" else "" for key in theirs
    }
    assert ours["best_params"].keys() == theirs["best_params"].keys()
    assert isinstance(ours["best_value"], float)
    assert type(ours["best_params"]["depth"]) is type(theirs["best_params"]["depth"])
    assert ours["best_value"] == max(job["lr"] ** 2 + job["depth"] for job in jobs(both["vertex"]))
