"""The key of a study: equal for jobs that search the same space of the same program by the same metric. Pure.

The key is a label of every job, so that a later run can use a job that exists (`attach`, `reuse`) instead of paying for
another one. A name or an equal study alone never attaches a run to a job.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timezone

from hydra_vertex.job import HyperparameterTuningJob, JobState, StudySpec, WorkerPoolSpec, dump_study_spec
from hydra_vertex.launcher.decisions import ATTACH, REUSE
from hydra_vertex.protocol import json
from hydra_vertex.protocol.json import Json

STUDY_LABEL = "hydra_vertex_study"
_DIGITS = 32
_OF_SPEC = ("metrics", "parameters")
_NO_TIME = datetime.min.replace(tzinfo=timezone.utc)
_IN_PROGRESS = frozenset({JobState.QUEUED, JobState.PENDING, JobState.RUNNING, JobState.UPDATING})


def study_key(job: HyperparameterTuningJob) -> str:
    """Return the key as the value of a label.

    It is a hash of the search space, the metrics and their goals, and the image, command, arguments (which have the
    overrides) and variables of every worker pool. What changes only the speed or the cost is no part of it: names,
    numbers of trials, algorithm, stopping rules, machines, time limits, output folder. An image by a tag counts as
    equal when the tag was moved; by its digest it does not.
    """
    content: Json = {
        "study": _study(job.study_spec),
        "pools": [_container(pool) for pool in job.trial_job_spec.worker_pools],
    }
    return hashlib.sha256(json.dumps(content).encode()).hexdigest()[:_DIGITS]


def with_study_key(job: HyperparameterTuningJob) -> HyperparameterTuningJob:
    """Return the job with its study key as a label."""
    return replace(job, labels={**job.labels, STUDY_LABEL: study_key(job)})


def job_to_use(
    jobs: Sequence[HyperparameterTuningJob], mode: str, wanted_trials: int
) -> HyperparameterTuningJob | None:
    """Return which of the jobs with the same key a run uses; None when it needs a new one.

    `attach` takes the newest job in progress. `reuse` prefers the newest that has succeeded, which costs nothing. A
    job of fewer than `wanted_trials` trials is not used, nor one that was paused.
    """
    newest_first = sorted(jobs, key=lambda job: job.create_time or _NO_TIME, reverse=True)
    large = [job for job in newest_first if job.max_trial_count >= wanted_trials]
    finished = [job for job in large if mode == REUSE and job.state is JobState.SUCCEEDED]
    in_progress = [job for job in large if mode in {ATTACH, REUSE} and job.state in _IN_PROGRESS]
    return next(iter([*finished, *in_progress]), None)


def _study(spec: StudySpec) -> Json:
    document = dump_study_spec(spec)
    return [document.get(name) for name in _OF_SPEC]


def _container(pool: WorkerPoolSpec) -> Json:
    container = pool.container
    if container is None:
        return dict(sorted((name, json.dumps(value)) for name, value in pool.other.items()))
    return [
        container.image_uri,
        list(container.command),
        list(container.args),
        sorted(map(list, container.env.items())),
    ]
