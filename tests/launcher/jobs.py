"""Builds jobs and trials for tests."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from hydra_vertex.job import (
    Categorical,
    DoubleRange,
    Goal,
    HyperparameterTuningJob,
    IntegerRange,
    JobState,
    Measurement,
    MeasurementSelection,
    MetricSpec,
    ParameterSpec,
    ScaleType,
    StudySpec,
    Trial,
    TrialJobSpec,
    TrialState,
)
from hydra_vertex.launcher.preflight.job_builder import build_job

START = datetime(2026, 1, 31, 12, 0, 0, tzinfo=timezone.utc)
METRIC = "val/loss"

SPEC = StudySpec(
    metrics=(MetricSpec(METRIC, Goal.MINIMIZE),),
    parameters=(
        ParameterSpec("optimizer.lr", DoubleRange(1e-5, 1e-1), ScaleType.LOG),
        ParameterSpec("model.depth", IntegerRange(1, 8), ScaleType.LINEAR),
        ParameterSpec("model.activation", Categorical(("gelu", "relu"))),
    ),
    measurement_selection=MeasurementSelection.LAST,
)


def make_job(trials: Sequence[Trial] = (), goal: Goal = Goal.MINIMIZE, **changes: Any) -> HyperparameterTuningJob:
    spec = dataclasses.replace(SPEC, metrics=(MetricSpec(METRIC, goal),))
    job = build_job(
        display_name="train-docs",
        study_spec=spec,
        trial_job_spec=TrialJobSpec(worker_pools=()),
        app=("python", "train.py"),
        max_trial_count=12,
        parallel_trial_count=2,
    )
    known = {"trials": tuple(trials), "state": JobState.SUCCEEDED, "start_time": START}
    return dataclasses.replace(job, **{**known, **changes})


def make_trial(
    number: int, value: float | None, state: TrialState = TrialState.SUCCEEDED, reason: str = "", **changes: Any
) -> Trial:
    trial = Trial(
        id=str(number),
        state=state,
        parameters={"optimizer.lr": 0.003, "model.depth": 4.0, "model.activation": "gelu"},
        final_measurement=None if value is None else Measurement({METRIC: value}),
        infeasible_reason=reason,
        start_time=START + timedelta(seconds=10 * number),
        end_time=START + timedelta(seconds=10 * number + 20) if state.is_terminal else None,
    )
    return dataclasses.replace(trial, **changes)
