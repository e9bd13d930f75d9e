"""A small Hydra app as users write it, and helpers that run `hydra-vertex` on it."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from json_schemas import printed_document

APP = """
import math
import sys
import time
from pathlib import Path
import os

import hydra


@hydra.main(version_base="1.3", config_path="conf", config_name="config")
def main(config):
    print("training with", config.lr, config.depth)
    match config.mode:
        case "crash":
            raise ValueError("the app's own error")
        case "none":
            return None
        case "nan":
            return math.nan
        case "text":
            return "good"
        case "hang":
            time.sleep(60)
    if folder := os.environ.get("AIP_MODEL_DIR"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        Path(folder, "model.txt").write_text(f"{config.lr} {config.depth} {config.model.name}")
    time.sleep(config.sleep_s)
    return (math.log10(config.lr) + 2) ** 2 + abs(config.depth - 3) + config.model.penalty


if __name__ == "__main__":
    main()
"""
HANG = 'Path(__file__).with_name("hangs").touch(); time.sleep(300)'
"""A line for an app that goes on until it is ended. The file `hangs` beside the app says that it is reached."""
CONFIG = """
defaults:
  - _self_
  - model: small
  - experiment: null
lr: 0.1
depth: 1
sleep_s: 0.0
mode: ok
note: "007"
"""
SEARCH = """
# @package _global_
optimized_metric: val/loss
hydra:
  sweeper:
    direction: minimize
    n_trials: 4
    n_jobs: 2
    params:
      lr: tag(log, interval(1e-4, 1.0))
      depth: int(interval(1, 6))
      model: choice(small, large)
"""


@dataclass(frozen=True)
class Ended:
    """The exit code and the output of a command."""

    code: int
    stdout: str
    stderr: str


@dataclass(frozen=True)
class Project:
    """The folder of a user, with an app, its config and a search file."""

    path: Path

    def write(self, name: str, text: str) -> Path:
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
        return target

    def hydra_vertex(self, *arguments: str, limit_s: float = 120) -> Ended:
        command = [sys.executable, "-m", "hydra_vertex.cli.main", *arguments]
        ended = subprocess.run(
            command, cwd=self.path, capture_output=True, text=True, timeout=limit_s, env=environment(), check=False
        )
        if "--json" in arguments[: arguments.index("--") if "--" in arguments else None]:
            printed_document(ended.stdout, bare_form(arguments))
        return Ended(ended.returncode, ended.stdout, ended.stderr)


def bare_form(arguments: tuple[str, ...]) -> str:
    """Return the form of a document that does not name it; empty for one that does."""
    own = arguments[: arguments.index("--") if "--" in arguments else None]
    return arguments[0] if arguments[0] in {"job", "arguments"} and "-o" not in own else ""


def environment() -> dict[str, str]:
    """Return the environment of a user, without the variables of a trial."""
    return {key: value for key, value in os.environ.items() if not key.startswith(("AIP_", "CLOUD_ML_"))}


def make_project(path: Path) -> Project:
    project = Project(path)
    project.write("app.py", APP)
    project.write("conf/config.yaml", CONFIG)
    project.write("conf/model/small.yaml", "name: small\npenalty: 1.0\nwidth: 8\n")
    project.write("conf/model/large.yaml", "name: large\npenalty: 0.0\nwidth: 64\n")
    project.write("conf/experiment/mine.yaml", "# @package _global_\nnote: mine\n")
    project.write("search.yaml", SEARCH)
    return project
