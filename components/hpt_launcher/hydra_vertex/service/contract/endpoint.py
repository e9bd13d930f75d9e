"""The service to check, and the jobs that the checks create."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field

from hydra_vertex.protocol.json import Json, JsonObject

LOCATION = "us-central1"
"""A location that exists: some of Google's tools accept only known names."""

TRIAL = """
import json, os, sys, time
x = float(sys.argv[-1].partition("=")[2])
with open(os.environ["CLOUD_ML_HP_METRIC_FILE"], "w") as file:
    for step in (1, 2):
        for metric, value in (("loss", x / step), ("accuracy", 1.0 - x / step)):
            record = {"timestamp": time.time(), "trial": os.environ["CLOUD_ML_TRIAL_ID"], "global_step": str(step)}
            file.write(json.dumps({**record, metric: str(value), "checkpoint_path": ""}) + "\\n")
"""
"""A trial that follows the trial protocol without a library: it reports two metrics at two steps."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A service. `grpc` is `HOST:PORT`, empty without gRPC; `token` is empty when the service requires none."""

    rest: str
    grpc: str = ""
    token: str = field(default="", repr=False)
    project: str = "contract"
    timeout_s: float = 60.0
    """Time limit of each job of a check."""

    @property
    def parent(self) -> str:
        """The parent under which the jobs are created."""
        return f"projects/{self.project}/locations/{LOCATION}"


def job_spec(*command: str) -> dict[str, Json]:
    """Return a `CustomJobSpec` with one worker pool that runs a command."""
    pool: JsonObject = {
        "machineSpec": {"machineType": "n1-standard-4"},
        "replicaCount": "1",
        "containerSpec": {"imageUri": "gcr.io/contract/image", "command": list(command)},
    }
    return {"workerPoolSpecs": [pool]}


def tuning_job(
    name: str, *, trials: int = 2, command: tuple[str, ...] = (), limits: JsonObject | None = None
) -> dict[str, Json]:
    """Return a `HyperparameterTuningJob` with a double parameter, `x`. `limits` is a `StudyStoppingConfig` or None."""
    return {
        "displayName": name,
        "maxTrialCount": trials,
        "parallelTrialCount": min(2, trials),
        "studySpec": {
            "metrics": [{"metricId": "loss", "goal": "MINIMIZE"}, {"metricId": "accuracy", "goal": "MAXIMIZE"}],
            "parameters": [{"parameterId": "x", "doubleValueSpec": {"minValue": 0.5, "maxValue": 2.0}}],
            "algorithm": "RANDOM_SEARCH",
            "measurementSelectionType": "LAST_MEASUREMENT",
            **({} if limits is None else {"studyStoppingConfig": limits}),
        },
        "trialJobSpec": job_spec(*(command or python(TRIAL))),
        "labels": {"contract": "held"},
    }


def custom_job(name: str, *command: str) -> dict[str, Json]:
    """Return a `CustomJob` that runs a command."""
    return {"displayName": name, "jobSpec": job_spec(*command), "labels": {"contract": "held"}}


def python(script: str) -> tuple[str, ...]:
    """Return the command that runs a script in this interpreter, isolated and without site for a quick start."""
    return (sys.executable, "-I", "-S", "-c", script)
