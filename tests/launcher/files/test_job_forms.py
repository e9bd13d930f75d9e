"""Job documents as Google's clients and gcloud print them, made by Google's own message classes."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.cloud.aiplatform_v1.types import HyperparameterTuningJob as Message
from google.protobuf import json_format

from hydra_vertex.job import Goal, HyperparameterTuningJob, JobState, TrialState
from hydra_vertex.launcher.files.job_file import read_job
from hydra_vertex.launcher.files.job_forms import as_api_json

MESSAGE = Message(
    {
        "name": "projects/1/locations/europe-west4/hyperparameterTuningJobs/2",
        "display_name": "docs",
        "max_trial_count": 3,
        "state": 3,
        "create_time": {"seconds": 1_700_000_000, "nanos": 5000},
        "study_spec": {
            "metrics": [{"metric_id": "loss", "goal": 2}],
            "parameters": [{"parameter_id": "lr", "double_value_spec": {"min_value": 0, "max_value": 1}}],
        },
        "trial_job_spec": {"scheduling": {"timeout": {"seconds": 90}}},
        "trials": [
            {
                "id": "1",
                "state": 4,
                "parameters": [{"parameter_id": "lr", "value": 0.5}],
                "final_measurement": {
                    "elapsed_duration": {"seconds": 3, "nanos": 500_000_000},
                    "step_count": 7,
                    "metrics": [{"metric_id": "loss", "value": 0.25}],
                },
                "start_time": {"seconds": 1_700_000_001},
                "end_time": {"seconds": 1_700_000_009},
            },
            {"id": "2", "state": 4, "final_measurement": {"metrics": [{"metric_id": "loss", "value": math.nan}]}},
            {"id": "3", "state": 4, "final_measurement": {"metrics": [{"metric_id": "loss", "value": -math.inf}]}},
            {"id": "4", "state": 5, "infeasible_reason": "no memory"},
            *({"id": str(4 + state), "state": state} for state in (1, 2, 3)),
        ],
    }
)
SDK: dict[str, Any] = json_format.MessageToDict(Message.pb(MESSAGE))
"""What `aiplatform.HyperparameterTuningJob.to_dict()` returns: it is this call."""


def parts(document: Any) -> Any:
    """Return the document with times and durations as objects of seconds and nanos, as protobuf's fields are."""
    if isinstance(document, list):
        return [parts(item) for item in document]
    if not isinstance(document, dict):
        return document
    known = {"createTime": (1_700_000_000, 5000), "startTime": (1_700_000_001, 0), "endTime": (1_700_000_009, 0)}
    known |= {"timeout": (90, 0), "elapsedDuration": (3, 500_000_000)}
    return {
        key: {"seconds": known[key][0], "nanos": known[key][1]} if key in known else parts(item)
        for key, item in document.items()
    }


def floats(document: Any) -> Any:
    """Return the document as gcloud reads it: doubles that are not finite are floats."""
    if isinstance(document, list):
        return [floats(item) for item in document]
    if isinstance(document, dict):
        return {key: floats(item) for key, item in document.items()}
    return float(document) if document in ("NaN", "Infinity", "-Infinity") else document


TEXTS = {
    "the SDK's to_dict": json.dumps(SDK),
    "to_dict of the message": json.dumps(Message.to_dict(MESSAGE)),
    "to_dict of the message with names": json.dumps(Message.to_dict(MESSAGE, use_integers_for_enums=False)),
    "to_json of the message": Message.to_json(MESSAGE),
    "times as objects": json.dumps(parts(SDK)),
    "times as Python prints them": json.dumps(SDK).replace("T22:13:", " 22:13:").replace('Z"', '+00:00"'),
    "gcloud, JSON": json.dumps(floats(SDK), indent=2),
    "gcloud, YAML": yaml.safe_dump(floats(SDK)),
    "gcloud, a list of one": json.dumps([SDK]),
}


@pytest.mark.parametrize("name", ["job.json", "job.yaml", "job.txt", "job"])
@pytest.mark.parametrize("form", TEXTS)
def test_every_form_of_a_document_is_the_same_job(tmp_path: Path, form: str, name: str) -> None:
    (tmp_path / name).write_text(TEXTS[form])

    job = read_job(tmp_path / name)

    assert (job.state, job.study_spec.objective.goal) == (JobState.RUNNING, Goal.MINIMIZE)
    assert job.create_time is not None
    assert job.create_time.isoformat() == "2023-11-14T22:13:20.000005+00:00"
    assert job.trial_job_spec.timeout_s == 90
    assert _measured(job) == [0.25, None, None, None, None, None, None]
    assert job.trials[0].duration_s == 8
    assert job.trials[0].final_measurement is not None
    assert (job.trials[0].final_measurement.elapsed_s, job.trials[0].final_measurement.step_count) == (3.5, 7)
    assert [trial.state for trial in job.trials[3:]] == [
        *(TrialState.INFEASIBLE, TrialState.REQUESTED, TrialState.ACTIVE, TrialState.STOPPING)
    ]


def _measured(job: HyperparameterTuningJob) -> list[float | None]:
    return [trial.objective("loss") for trial in job.trials]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("labels", {"seconds": "3"}),
        ("createTime", {"seconds": "many"}),
        ("createTime", {"seconds": 10**18}),
        ("createTime", {}),
        ("endTime", "2026-01-31T12:00:00Z"),
        ("displayName", "2026-01-31 12:00:00"),
        ("nanos", 3),
    ],
)
def test_what_has_no_other_form_is_returned_as_it_is(name: str, value: Any) -> None:
    assert as_api_json(value, name) == value
