"""The finished job that a step is given: as an artifact, or as the `gcp_resources` of another component."""

from __future__ import annotations

import os

from hydra_vertex.job import HyperparameterTuningJob
from hydra_vertex.launcher.confirm.result import Confirmation, confirmation_of
from hydra_vertex.launcher.files.job_file import read_job
from hydra_vertex.launcher.secrets.of_job import masker_of
from hydra_vertex.launcher.study.ending import problem_of
from hydra_vertex.launcher.study.job_reference import parse_reference
from hydra_vertex.launcher.study.job_source import JobSource
from hydra_vertex.protocol.errors import DocumentError, StudyError
from hydra_vertex.protocol.executor import ExecutorInput


def given_job(given: ExecutorInput) -> HyperparameterTuningJob:
    """Return the job in the artifact `job`, or the one that `gcp_resources` names, from its service.

    `gcp_resources` is that of HyperparameterTuningJobRunOp; any other form of `job_reference` is read too. Raises
    DocumentError unless exactly one of the two is given, StudyError when the named job has not ended or did not
    succeed: the step that ran it has no policy for that, as `tune` has.
    """
    resources, artifact = given.text("gcp_resources"), given.inputs.get("job")
    if bool(resources.strip()) == (artifact is not None):
        both = "both are" if artifact is not None else "neither is"
        raise DocumentError("job, gcp_resources", f"expected one of them, but {both} given")
    if artifact is not None:
        return read_job(artifact.path)
    job = JobSource(parse_reference(resources), place="gcp_resources").job()
    if not job.state.is_terminal:
        raise StudyError(f"{job.name} is {job.state.value}; run this step when the job has ended")
    if problem := problem_of(job):
        raise StudyError(
            f"{masker_of(job, os.environ).text(problem)}\nTo select from what was measured, give the job to the "
            "component tune as existing_job, with on_unsuccessful_job select"
        )
    return job


def given_confirmation(given: ExecutorInput, study: HyperparameterTuningJob) -> Confirmation | None:
    """Return what the repeats of the study's best configurations show; None when nothing was repeated.

    Raises OutputError for a file that is not a job, DocumentError for a job that repeats another study's trials.
    """
    artifact = given.inputs.get("confirmation")
    if artifact is None or not artifact.path.exists() or artifact.path.stat().st_size == 0:
        return None
    return confirmation_of(study, read_job(artifact.path))
