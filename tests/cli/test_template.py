"""An app in the shape of the lightning-hydra-template, with its kind of search file: check, run, best, retrain."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from omegaconf import OmegaConf

from hydra_vertex.job import HyperparameterTuningJob
from hydra_vertex.launcher.files.job_file import read_job
from pipelines.apps import Project, environment

SEARCH = "configs/hparams_search/line_optuna.yaml"
APP = ("--", "python", "src/train.py", "experiment=example")
KEYS = (*("model.optimizer.lr", "model.optimizer.momentum", "data.batch_size", "model.net.width", "model.net.dropout"),)


@dataclass(frozen=True)
class Finished:
    project: Project
    out: Path
    result: dict[str, object]

    @property
    def job(self) -> HyperparameterTuningJob:
        return read_job(self.out / "job.json")

    @property
    def trial_folders(self) -> list[Path]:
        """Hydra's output folder of each trial, in the order of the trials."""
        files = sorted(self.out.glob("**/hydra/.hydra/config.yaml"))
        return [file.parents[1] for file in files if file.parents[2].name.isdecimal()]


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    folder = tmp_path_factory.mktemp("template") / "app"
    shutil.copytree(Path(__file__).parent / "template_app", folder, ignore=shutil.ignore_patterns("__pycache__"))
    project = Project(folder)
    ended = project.hydra_vertex("run", "--search", SEARCH, "--parallel", "2", "--out", "out", "--json", *APP)
    assert ended.code == 0, ended.stderr
    return Finished(project, folder / "out", json.loads(ended.stdout))


def plain(project: Project, *arguments: str) -> str:
    """Run the app without hydra-vertex and return its standard output."""
    command = [sys.executable, "src/train.py", *arguments]
    ended = subprocess.run(
        command, cwd=project.path, capture_output=True, text=True, env=environment(), timeout=60, check=True
    )
    return ended.stdout


def test_check_accepts_the_search_file_and_names_what_it_sets(finished: Finished) -> None:
    ended = finished.project.hydra_vertex("check", "--search", SEARCH, "--json", *APP)

    assert (ended.code, ended.stderr) == (0, "")
    document = json.loads(ended.stdout)
    assert document["fileOverrides"] == ["++optimized_metric=val/acc_best"]
    assert any("hydra.mode" in notice for notice in document["notices"])


def test_each_trial_gets_the_config_that_plain_hydra_composes(finished: Finished) -> None:
    assert len(finished.trial_folders) == len(finished.job.trials) == 6
    for folder in finished.trial_folders:
        config = OmegaConf.load(folder / ".hydra/config.yaml")
        values = [f"{key}={json.dumps(OmegaConf.select(config, key))}" for key in KEYS]
        wanted = plain(
            finished.project, "experiment=example", "+optimized_metric=val/acc_best", *values, "--cfg", "job"
        )
        assert yaml.safe_load(OmegaConf.to_yaml(config)) == yaml.safe_load(wanted)
        types = [type(OmegaConf.select(config, key)) for key in KEYS]
        assert types[2:4] == [int, int]
        assert types[0] is float


def test_each_trial_has_the_number_of_its_job_and_an_output_folder_of_its_own(finished: Finished) -> None:
    numbers = [json.loads((folder / "train.json").read_text())["job"] for folder in finished.trial_folders]

    assert sorted(numbers) == list(range(6))


def test_the_metric_of_the_search_file_is_what_the_app_returns(finished: Finished) -> None:
    values = [trial.objective("val/acc_best") for trial in finished.job.trials]

    assert all(value is not None and 0 < value < 1 for value in values)
    assert finished.result["value"] == max(value for value in values if value is not None)


def test_the_retraining_reproduces_the_best_trial(finished: Finished) -> None:
    assert finished.result["retrainedValue"] == pytest.approx(finished.result["value"])


def test_the_model_has_the_checkpoints_that_the_app_wrote_into_hydras_folder(finished: Finished) -> None:
    best = Path(str(finished.result["bestCheckpoint"]))

    assert best.parent in [folder / "checkpoints" for folder in finished.trial_folders]
    assert (finished.out / "model/checkpoints/last.ckpt").read_text() == best.read_text()


def test_the_experiment_file_composes_with_the_app_alone(finished: Finished) -> None:
    shutil.copy(finished.out / "best.yaml", finished.project.path / "configs/experiment/best.yaml")
    shown = yaml.safe_load(plain(finished.project, "experiment=best", "--cfg", "job"))

    best = next(t for t in finished.job.trials if t.objective("val/acc_best") == finished.result["value"])
    assert OmegaConf.select(OmegaConf.create(shown), "model.optimizer.lr") == best.parameters["model.optimizer.lr"]
    assert shown["optimized_metric"] == "val/acc_best"
