"""An app in the shape of the lightning-hydra-template, whose search file chooses the sweeper."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from pipelines.apps import Ended, Project, environment

APP = """
import json
import os

import hydra
from hydra.core.hydra_config import HydraConfig
from omegaconf import OmegaConf


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(config):
    hydra_config = HydraConfig.get()
    num = None if OmegaConf.is_missing(hydra_config.job, "num") else hydra_config.job.num
    if config.lr > config.limit:
        raise ValueError("the app's own error")
    with open("seen.json", "w") as file:
        seen = {"num": num, "foo": os.environ.get("FOO"), "dir": hydra_config.sweep.dir}
        json.dump({**seen, "mode": hydra_config.mode.name, "lr": config.lr, "model": config.model.name}, file)
    with open("model.pt", "w") as file:
        file.write("weights")
    return config.lr + config.model.penalty


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
limit: 1.0
task: mine
hydra:
  job:
    chdir: true
    env_set: {FOO: bar}
  sweep:
    dir: logs/${task}/${now:%Y-%m-%d}_${now:%H-%M-%S}
  callbacks:
    spy: {_target_: pkg.spy.Spy}
"""
SEARCH = """
# @package _global_
defaults:
  - override /hydra/sweeper: vertex
optimized_metric: val/loss
hydra:
  mode: MULTIRUN
  sweeper:
    direction: minimize
    study_name: the study
    n_trials: 3
    n_jobs: 1
    sampler: {_target_: optuna.samplers.RandomSampler, seed: 7}
    params:
      lr: interval(0.01, 0.2)
      model: choice(small, large)
"""
SPY = """
from hydra.experimental.callback import Callback


class Spy(Callback):
    def on_multirun_start(self, config, **kwargs):
        print("started", flush=True)

    def on_multirun_end(self, config, **kwargs):
        print("ended in", config.hydra.sweep.dir, flush=True)
"""


def make_app(path: Path) -> Project:
    project = Project(path)
    project.write("pkg/__init__.py", "")
    project.write("pkg/train.py", APP)
    project.write("pkg/spy.py", SPY)
    project.write("pkg/conf/config.yaml", CONFIG)
    project.write("pkg/conf/model/small.yaml", "name: small\npenalty: 1.0\n")
    project.write("pkg/conf/model/large.yaml", "name: large\npenalty: 0.0\n")
    project.write("pkg/conf/hparams_search/mine.yaml", SEARCH)
    project.write("tarfile.py", "raise SystemExit('a file of the app was imported by a library')\n")
    return project


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "pkg.train", "-m", *arguments]


def run_app(project: Project, *arguments: str, limit_s: float = 300) -> Ended:
    ended = subprocess.run(
        command(*arguments),
        cwd=project.path,
        capture_output=True,
        text=True,
        timeout=limit_s,
        env=environment(),
        check=False,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)
