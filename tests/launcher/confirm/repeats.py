"""Builds studies and the finished jobs of their repeats for tests."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from hydra_vertex.job import Goal, HyperparameterTuningJob, JobState, TrialState
from hydra_vertex.launcher.confirm.job import confirmation_job
from hydra_vertex.launcher.confirm.settings import ConfirmSettings
from launcher.jobs import make_job, make_trial

NAME = "projects/p/locations/l/hyperparameterTuningJobs/77"
REPEATS_NAME = "projects/p/locations/l/hyperparameterTuningJobs/78"


def make_study(values: Sequence[float | None], goal: Goal = Goal.MINIMIZE, **changes: Any) -> HyperparameterTuningJob:
    """Return a study with a trial for each value; None is a failed trial. All configurations are distinct."""
    trials = [
        make_trial(
            number,
            value,
            TrialState.SUCCEEDED if value is not None else TrialState.INFEASIBLE,
            parameters={"optimizer.lr": 0.001 * number, "model.depth": 4.0, "model.activation": "gelu"},
        )
        for number, value in enumerate(values, start=1)
    ]
    return make_job(trials, goal, name=NAME, **changes)


def make_repeats(
    study: HyperparameterTuningJob,
    values: Mapping[str, Sequence[float | None]],
    state: JobState = JobState.SUCCEEDED,
    **changes: Any,
) -> HyperparameterTuningJob:
    """Return the job of the repeats: the values of each trial of the study by seed; None is a failed repeat."""
    repeats = max(len(items) for items in values.values())
    job = confirmation_job(study, ConfirmSettings(len(values), max(2, repeats), "seed"))
    cells = [(id_, 1000.0 + index, value) for id_, items in values.items() for index, value in enumerate(items)]
    trials = tuple(
        make_trial(
            number,
            value,
            TrialState.SUCCEEDED if value is not None else TrialState.INFEASIBLE,
            parameters={"study_trial": id_, "seed": seed},
        )
        for number, (id_, seed, value) in enumerate(cells, start=1)
    )
    return dataclasses.replace(job, trials=trials, name=REPEATS_NAME, state=state, **changes)
