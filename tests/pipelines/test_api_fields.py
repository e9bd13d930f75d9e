from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from hydra_vertex.pipelines.api_fields import require_known_fields, unknown_fields
from hydra_vertex.protocol.errors import SearchSpaceError
from hydra_vertex.service.api.google_messages import message_class

GCLOUD = """
displayName: a
maxTrialCount: 3
labels: {any: thing}
studySpec:
  metrics: [{metricId: loss, goal: MINIMIZE}]
  algorithm: RANDOM_SEARCH
  decayCurveStoppingSpec: {useElapsedDuration: true}
  parameters:
  - parameterId: lr
    scaleType: UNIT_LOG_SCALE
    doubleValueSpec: {minValue: 0.001, maxValue: 0.1}
trialJobSpec:
  scheduling: {timeout: 3600s}
  workerPoolSpecs:
  - machineSpec: {machineType: n1-standard-4, acceleratorType: NVIDIA_TESLA_T4, acceleratorCount: 1}
    replicaCount: 1
    containerSpec: {imageUri: i, env: [{name: A, value: b}]}
"""
SNAKE_CASE = "study_spec:\n  parameters:\n  - {parameter_id: lr, double_value_spec: {min_value: 0, max_value: 1}}\n"


SEARCH = Path("search.yaml")
JOB: Any = message_class("HyperparameterTuningJob").DESCRIPTOR


@pytest.mark.parametrize("text", [GCLOUD, SNAKE_CASE])
def test_a_file_with_known_fields_in_either_case_is_accepted(text: str) -> None:
    document = yaml.safe_load(text)

    assert list(unknown_fields(document, JOB)) == []
    require_known_fields(document, SEARCH)


def test_only_a_file_in_gclouds_form_is_checked() -> None:
    document = {"hydra": {"sweeper": {"anything": 1}}}

    assert [path for path, _ in unknown_fields(document, JOB)] == ["hydra"]
    require_known_fields(document, SEARCH)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        ("maxTrialCount", "maxTrailCount", "maxTrailCount: is not a field of the API; did you mean 'maxTrialCount'?"),
        ("algorithm", "algorith", "studySpec.algorith: is not a field of the API; did you mean 'algorithm'?"),
        ("minValue", "min", "studySpec.parameters[0].doubleValueSpec.min: is not a field of the API"),
        (
            "{minValue: 0.001",
            "{scaleType: UNIT_LOG_SCALE, minValue: 0.001",
            "studySpec.parameters[0].doubleValueSpec.scaleType: is not a field of the API",
        ),
        ("goal", "direction", "studySpec.metrics[0].direction: is not a field of the API"),
        (
            "machineType",
            "machine",
            "trialJobSpec.workerPoolSpecs[0].machineSpec.machine: is not a field of the API; did you mean 'machine",
        ),
        ("name: A", "nam: A", "trialJobSpec.workerPoolSpecs[0].containerSpec.env[0].nam: is not a field of the API"),
        ("scheduling", "schedule", "trialJobSpec.schedule: is not a field of the API; did you mean 'scheduling'?"),
    ],
)
def test_an_unknown_field_is_refused_with_its_path(before: str, after: str, message: str) -> None:
    document = yaml.safe_load(GCLOUD.replace(before, after, 1))

    with pytest.raises(SearchSpaceError) as refusal:
        require_known_fields(document, SEARCH)

    assert str(refusal.value).startswith(f"search.yaml: {message}")
