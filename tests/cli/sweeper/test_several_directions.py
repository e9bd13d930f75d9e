"""A sweep of an app that returns a tuple, with a direction for each value."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from pipelines.apps import Project, environment

APP = """
import hydra


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(config):
    return (config.lr - 0.3) ** 2 + 1 / config.width, float(config.width)


if __name__ == "__main__":
    main()
"""
CONFIG = """
defaults:
  - _self_
  - experiment: null
  - override hydra/sweeper: vertex
hydra:
  sweeper:
    direction: [minimize, maximize]
    n_trials: 4
    n_jobs: 2
    params:
      lr: interval(0.0, 1.0)
      width: range(1, 33)
      flag: choice(true, false)
lr: 0.1
width: 8
flag: false
optimized_metric: [val/loss, size]
"""


def run(project: Project, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "app.py", *words]
    return subprocess.run(
        command, cwd=project.path, env=environment(), capture_output=True, text=True, timeout=300, check=False
    )


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.write("app.py", APP)
    project.write("conf/config.yaml", CONFIG)
    return project


def trials(folder: Path) -> list[dict[str, Any]]:
    return [yaml.safe_load((folder / str(number) / ".hydra/config.yaml").read_text()) for number in range(4)]


def is_dominated(one: list[float], other: list[float]) -> bool:
    """Whether the other is nowhere worse and somewhere better: the first value is minimized, the second maximized."""
    return other != one and other[0] <= one[0] and other[1] >= one[1]


def test_the_results_are_the_pareto_set_in_the_form_of_hydra_optuna_sweeper(project: Project) -> None:
    ended = run(project, "-m", "hydra.sweep.dir=out")

    assert ended.returncode == 0, ended.stderr
    folder = project.path / "out"
    results = yaml.safe_load((folder / "optimization_results.yaml").read_text())
    assert (list(results), results["name"]) == (["name", "solutions"], "vertex")
    known: list[dict[str, Any]] = [
        {
            "params": {key: config[key] for key in ("lr", "width", "flag")},
            "values": [(config["lr"] - 0.3) ** 2 + 1 / config["width"], float(config["width"])],
        }
        for config in trials(folder)
    ]
    best = [one for one in known if not any(is_dominated(one["values"], other["values"]) for other in known)]
    solutions = results["solutions"]
    assert sorted(solutions, key=lambda one: one["values"]) == sorted(best, key=lambda one: one["values"])
    assert {type(value) for one in solutions for value in one["params"].values()} == {float, int, bool}
    assert f"Number of Pareto solutions: {len(best)}" in ended.stdout
    assert f"    Values: {solutions[0]['values']}, Params: {solutions[0]['params']}" in ended.stdout
    assert len(list((folder / "pareto").glob("trial_*.yaml"))) == len(best)
    selected = yaml.safe_load((folder / "best.yaml").read_text())
    assert {key: selected[key] for key in ("lr", "width")} == {
        key: solutions[0]["params"][key] for key in ("lr", "width")
    }


@pytest.mark.parametrize(
    ("word", "named"),
    [
        ("optimized_metric=val/loss", "optimized_metric is 'val/loss'; hydra.sweeper.direction has 2 directions"),
        ("hydra.sweeper.early_stopping=median", "early stopping"),
    ],
)
def test_what_needs_one_objective_is_refused_before_any_trial(project: Project, word: str, named: str) -> None:
    ended = run(project, "-m", word)

    assert ended.returncode == 2
    assert named in ended.stderr
    assert not list(project.path.rglob("0/.hydra"))
