"""A search file that the app's command chooses, in the shape of the lightning-hydra-template's."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from hydra_vertex.launcher.files.job_file import read_job
from pipelines.apps import Project, environment

APP = """
import hydra


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(config):
    print("GOT", config.lr, config.model.width, config.optimized_metric)
    return {"val/acc": 1 - config.lr, "val/loss": config.lr}


if __name__ == "__main__":
    main()
"""
CONFIG = """
defaults:
  - _self_
  - model: small
  - experiment: null
  - hparams_search: null
lr: 0.1
loss: {monitor: val/acc}
optimized_metric: null
"""
SEARCH = """# @package _global_
defaults:
  - override /hydra/sweeper: study
  - override /model: large
optimized_metric: ${loss.monitor}
hydra:
  mode: MULTIRUN
  sweeper:
    direction: maximize
    n_trials: 2
    n_jobs: 2
    sampler: {seed: 12}
    params:
      lr: interval(0.01, 0.2)
"""


@pytest.fixture
def project(tmp_path: Path) -> Project:
    project = Project(tmp_path)
    project.write("app.py", APP)
    project.write("conf/config.yaml", CONFIG)
    project.write("conf/hydra/sweeper/study.yaml", "{}\n")
    project.write("conf/hparams_search/tuned.yaml", SEARCH)
    for option, width in (("small", 8), ("large", 64)):
        project.write(f"conf/model/{option}.yaml", f"width: {width}\n")
    return project


def test_the_study_is_that_of_the_composed_config_and_each_trial_is_one_run(project: Project) -> None:
    ended = project.hydra_vertex("run", "--out", "out", "--", "python", "app.py", "hparams_search=tuned")

    assert ended.code == 0, ended.stderr
    job = read_job(project.path / "out/job.json")
    assert (job.study_spec.objective.id, len(job.trials)) == ("val/acc", 2)
    assert "GOT" in (project.path / "out/logs/trial-1.log").read_text()
    assert " 64 val/acc" in (project.path / "out/logs/trial-1.log").read_text()


def test_plain_hydra_runs_the_best_config_once(project: Project) -> None:
    project.hydra_vertex("run", "--no-check", "--out", "out", "--", "python", "app.py", "hparams_search=tuned")

    best = (project.path / "out/best.yaml").read_text()
    assert "hparams_search" not in best
    command = [sys.executable, "app.py", "--config-dir", "out/config", "experiment=best"]
    ended = subprocess.run(
        command, cwd=project.path, capture_output=True, text=True, env=environment(), timeout=60, check=True
    )
    assert ended.stdout.count("GOT") == 1
    assert " 64 val/acc" in ended.stdout


def test_a_file_that_is_given_and_one_that_is_chosen_are_the_same_study(project: Project) -> None:
    given = ("--search", "conf/hparams_search/tuned.yaml", "--", "python", "app.py")
    chosen = ("--", "python", "app.py", "hparams_search=tuned")

    one, other = (json.loads(project.hydra_vertex("check", "--json", *how).stdout) for how in (given, chosen))

    for key in ("studySpec", "maxTrialCount", "parallelTrialCount", "types"):
        assert one[key] == other[key]


@pytest.mark.parametrize(
    ("words", "named"),
    [
        ((), "no search space: give --search FILE, or choose a search file in the app's command"),
        (("hparams_search=none",), "Could not find 'hparams_search/none'"),
        (("hparams_search=tuned", "hydra.mode=MULTIRUN"), "hydra.mode=MULTIRUN: would make each trial a sweep"),
        (("hparams_search=tuned", "hydra/sweeper=optuna"), "needs the plugin: pip install hydra-optuna-sweeper"),
        (("hparams_search=tuned", "loss.monitor=''"), "optimized_metric is ''"),
        (("hparams_search=tuned", "hydra.sweeper.n_trials=0"), "the app's config: hydra.sweeper.n_trials is 0"),
    ],
)
def test_a_command_without_a_usable_study_is_refused_by_name(
    project: Project, words: tuple[str, ...], named: str
) -> None:
    ended = project.hydra_vertex("check", "--", "python", "app.py", *words)

    assert ended.code == 2
    assert named in ended.stderr
    assert "Traceback" not in ended.stderr


def test_an_interpolated_metric_of_a_given_file_is_that_of_the_composed_config(project: Project) -> None:
    search = project.write("search.yaml", SEARCH)
    command = ("check", "--json", "--search", str(search), "--", "python", "app.py")

    checked = json.loads(project.hydra_vertex(*command, "loss.monitor=val/loss").stdout)

    assert checked["studySpec"]["metrics"][0]["metricId"] == "val/loss"
    assert "++optimized_metric=val/loss" in checked["fileOverrides"]
