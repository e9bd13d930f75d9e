"""The input of the tuning step, for trials that run one command."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hydra_vertex.job import dump_study_spec
from launcher.jobs import SPEC


def executor_input(folder: Path, url: str, command: Sequence[str], **changes: Any) -> str:
    """Return the ExecutorInput of a step whose outputs are in `folder`."""
    container = {"imageUri": "local", "command": list(command)}
    pool = {"machineSpec": {"machineType": "local"}, "containerSpec": container}
    parameters = {
        "project": "p",
        "location": "l",
        "api_endpoint": url,
        "display_name": "study",
        "app_command": '["python", "train.py"]',
        "study_spec": json.dumps(dump_study_spec(SPEC)),
        "trial_job_spec": json.dumps({"workerPoolSpecs": [pool]}),
        "max_trial_count": 2.0,
        "parallel_trial_count": 2.0,
        "max_failed_trial_count": 0.0,
        **changes,
    }
    job = {"name": "job", "uri": str(folder / "job"), "type": {"schemaTitle": "system.Artifact"}}
    outputs = {
        "artifacts": {"job": {"artifacts": [job]}},
        "parameters": {"gcp_resources": {"outputFile": str(folder / "gcp_resources")}},
        "outputFile": str(folder / "executor_output.json"),
    }
    return json.dumps({"inputs": {"parameterValues": parameters}, "outputs": outputs})
