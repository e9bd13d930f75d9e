"""hydra-trial as a process that runs apps with several objectives."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from trial.apps import TRAIN, hydra_trial, trial, write_app

NAMES = '["loss","size"]'
TRIAL = {"CLOUD_ML_HP_METRIC_FILE": "metrics", "CLOUD_ML_TRIAL_ID": "4"}


def app_that(folder: Path, returns: str) -> Path:
    return write_app(folder, TRAIN.replace("return cfg.lr * 2", f"return {returns}"))


def records(folder: Path) -> list[dict[str, str]]:
    return [json.loads(line) for line in (folder / "metrics").read_text().splitlines()]


@pytest.mark.parametrize("returned", ["(cfg.lr * 2, 7)", "[cfg.lr * 2, 7]", '{"size": 7, "loss": cfg.lr * 2}'])
def test_each_objective_is_a_record_of_the_same_step(tmp_path: Path, returned: str) -> None:
    app = app_that(tmp_path, returned)
    ended = hydra_trial(app, "--metric", NAMES, "--", "python", "train.py", "--lr=0.25", environ=TRIAL)
    assert ended.returncode == 0
    assert ended.stderr.splitlines()[-1] == "hydra-trial: loss = 0.5, size = 7.0"
    loss, size = records(app)
    assert (loss["loss"], size["size"]) == ("0.5", "7.0")
    assert loss["global_step"] == size["global_step"]


def test_the_names_in_the_apps_own_config_are_used(tmp_path: Path) -> None:
    app = app_that(tmp_path, "(cfg.lr * 2, 7)")
    config = app / "conf/config.yaml"
    config.write_text(config.read_text() + "optimized_metric: [loss, size]\n")
    assert trial(app, "--lr=0.25", environ=TRIAL).stderr.endswith("hydra-trial: loss = 0.5, size = 7.0\n")


@pytest.mark.parametrize(
    "returned", ["(cfg.lr,)", "(cfg.lr, 7, 8)", "cfg.lr", "(cfg.lr, float('nan'))", "(cfg.lr, 'x')"]
)
def test_nothing_is_recorded_when_one_objective_is_missing(tmp_path: Path, returned: str) -> None:
    app = app_that(tmp_path, returned)
    ended = hydra_trial(app, "--metric", NAMES, "--", "python", "train.py", environ=TRIAL)
    assert ended.returncode == 0
    assert "hydra-trial: no measurement: " in ended.stderr
    assert not (app / "metrics").exists()


def test_a_name_that_no_record_can_contain_is_refused_before_the_app_runs(tmp_path: Path) -> None:
    app = app_that(tmp_path, "(1, 2)")
    ended = hydra_trial(app, "--metric", '["loss","the size"]', "--", "python", "train.py", environ=TRIAL)
    assert ended.returncode == 2
    assert "--metric is 'the size'; a name must not contain whitespace" in ended.stderr
