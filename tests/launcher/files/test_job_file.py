"""Job documents as services, Google's SDK and gcloud write them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from hydra_vertex.job import Goal, TrialState
from hydra_vertex.launcher.best.selection import select_best
from hydra_vertex.launcher.files.job_file import read_job
from hydra_vertex.launcher.report.study import to_study

DAY = "2026-01-01T00:00:00Z"
STUDY = {
    "metrics": [{"metricId": "loss", "goal": "MINIMIZE"}],
    "parameters": [
        {"parameterId": "lr", "doubleValueSpec": {"maxValue": 0.5}},
        {"parameterId": "units", "integerValueSpec": {"minValue": "16", "maxValue": "64"}},
    ],
}


def trial(number: int, state: str, value: object, **fields: Any) -> dict[str, Any]:
    parameters = [{"parameterId": "lr", "value": 0.1}, {"parameterId": "units", "value": 32.0}]
    measured = {} if value is None else {"finalMeasurement": {"metrics": [{"metricId": "loss", "value": value}]}}
    return {"id": str(number), "state": state, "parameters": parameters, **measured, **fields}


def job(*trials: dict[str, Any]) -> dict[str, Any]:
    return {"displayName": "t", "state": "JOB_STATE_SUCCEEDED", "studySpec": STUDY, "trials": [*trials]}


DONE = trial(1, "SUCCEEDED", 0.2, startTime=DAY, endTime=DAY)


def snake_case(value: Any) -> Any:
    if isinstance(value, dict):
        return {re.sub("[A-Z]", lambda m: f"_{m[0].lower()}", key): snake_case(item) for key, item in value.items()}
    return [snake_case(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("job.json", json.dumps(job(DONE))),
        ("job.json", json.dumps(snake_case(job(DONE)))),
        ("job.yaml", yaml.safe_dump(job(DONE))),
        ("job.yml", yaml.safe_dump(snake_case(job(DONE)))),
    ],
)
def test_a_job_is_read_from_json_and_yaml_in_either_case(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)

    read = read_job(tmp_path / name)

    assert read.study_spec.objective.goal is Goal.MINIMIZE
    assert select_best(read).id == "1"


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_a_value_that_is_not_finite_is_none(tmp_path: Path, value: str) -> None:
    (tmp_path / "job.json").write_text(json.dumps(job(DONE, trial(2, "SUCCEEDED", value))))

    read = read_job(tmp_path / "job.json")

    assert [t.objective("loss") for t in read.trials] == [0.2, None]
    assert select_best(read).id == "1"


@pytest.mark.parametrize(
    "other",
    [
        trial(2, "ACTIVE", None),
        trial(2, "STOPPING", None),
        trial(2, "REQUESTED", None),
        trial(2, "INFEASIBLE", None, endTime=DAY),
        trial(2, "INFEASIBLE", None),
        trial(2, "SUCCEEDED", 3.0, startTime=DAY),
        trial(2, "SUCCEEDED", 3.0),
    ],
    ids=str,
)
def test_a_trial_without_times_has_a_place_in_the_report(tmp_path: Path, other: dict[str, Any]) -> None:
    (tmp_path / "job.json").write_text(json.dumps(job(DONE, other)))

    study = to_study(read_job(tmp_path / "job.json"))

    assert len(study.trials) == 2
    assert TrialState.parse(other["state"])
