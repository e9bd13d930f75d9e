from __future__ import annotations

import logging
from typing import Any

import pytest

from hydra_vertex.job import parse_trial_job_spec
from hydra_vertex.protocol.json import JsonObject
from hydra_vertex.service.engine.fields_log import log_without_effect
from hydra_vertex.service.validation.without_effect import fields_without_effect, sentence_with_engine

LOCAL = {"machineSpec": {"machineType": "local"}, "containerSpec": {"imageUri": "local", "command": ["c"]}}
CASES: dict[str, tuple[dict[str, Any], list[str]]] = {
    "a job for this service": ({"workerPoolSpecs": [LOCAL], "scheduling": {"timeout": "3s"}}, []),
    "a machine": (
        {"workerPoolSpecs": [{**LOCAL, "machineSpec": {"machineType": "local", "acceleratorCount": 1}}]},
        ["jobSpec.workerPoolSpecs[0].machineSpec"],
    ),
    "an image and a disk": (
        {"workerPoolSpecs": [{"containerSpec": {"imageUri": "i"}, "diskSpec": {"bootDiskSizeGb": 100}}]},
        ["jobSpec.workerPoolSpecs[0].containerSpec.imageUri", "jobSpec.workerPoolSpecs[0].diskSpec"],
    ),
    "scheduling and a network": (
        {"scheduling": {"timeout": "3s", "strategy": "SPOT", "disableRetries": True}, "network": "n"},
        ["jobSpec.network", "jobSpec.scheduling.strategy", "jobSpec.scheduling.disableRetries"],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_fields_that_the_service_does_not_act_on_are_named(case: str) -> None:
    spec, expected = CASES[case]

    assert list(fields_without_effect(parse_trial_job_spec(spec), "jobSpec", {})) == expected


def test_the_jobs_own_fields_are_named_and_those_of_the_service_are_not() -> None:
    other: JsonObject = {"encryptionSpec": {"kmsKeyName": "k"}, "satisfiesPzs": True}

    assert list(fields_without_effect(parse_trial_job_spec({}), "jobSpec", other)) == ["encryptionSpec"]


def test_the_log_has_one_line_for_a_job_with_such_fields(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        log_without_effect("7", ["network"])
        log_without_effect("8", [])

    (record,) = caplog.records
    assert record.getMessage() == (
        "job 7: network has no effect on this machine, because trials are its child processes"
    )


def test_an_engine_has_images_and_machines() -> None:
    fields = ["jobSpec.workerPoolSpecs[0].machineSpec", "jobSpec.workerPoolSpecs[0].containerSpec.imageUri"]

    assert sentence_with_engine(fields, "docker") == ""
    assert sentence_with_engine([*fields, "jobSpec.network"], "docker") == (
        "jobSpec.network has no effect with --engine docker"
    )
    assert "imageUri have no effect on this machine" in sentence_with_engine(fields, "")
