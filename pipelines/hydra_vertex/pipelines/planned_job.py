"""The job document of a plan: what the pipeline's first step creates, apart from the label with the id of its run."""

from __future__ import annotations

from pathlib import Path

from hydra_vertex.job import HyperparameterTuningJob
from hydra_vertex.launcher.steps.tune_input import requested_job
from hydra_vertex.protocol.executor import ExecutorInput

from .plan import TuningPlan


def planned_job(plan: TuningPlan) -> HyperparameterTuningJob:
    """Return the job that the step `tune` makes of the pipeline's parameters. Raises UserError, as the step does."""
    parameters = plan.pipeline_arguments(project="", location="")
    return requested_job(ExecutorInput(dict(parameters), {}, {}, Path("executor_output.json")))
