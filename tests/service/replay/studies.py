"""Finished studies for the tests of the replay: trials with curves, times and ends, and jobs of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta, timezone

from hypothesis import strategies as st

from hydra_vertex.job import (
    AutomatedStopping,
    DoubleRange,
    Goal,
    HyperparameterTuningJob,
    Measurement,
    MetricSpec,
    ParameterSpec,
    StudySpec,
    Trial,
    TrialJobSpec,
    TrialState,
)
from hydra_vertex.service.replay import RecordedStudy, recorded_study

METRIC = "loss"
BEGIN = datetime(2026, 1, 1, tzinfo=timezone.utc)


def ended_trial(number: int, values: Sequence[float], *, interval_s: float = 10.0, start_s: float = 0.0) -> Trial:
    """Return a trial that measured `values`, one in each interval, and ended with the last one; infeasible of none."""
    measurements = tuple(
        Measurement({METRIC: value}, step, interval_s * step) for step, value in enumerate(values, start=1)
    )
    return Trial(
        id=str(number),
        state=TrialState.SUCCEEDED if values else TrialState.INFEASIBLE,
        parameters={"lr": 0.1},
        measurements=measurements,
        final_measurement=measurements[-1] if measurements else None,
        infeasible_reason="" if values else "failed",
        start_time=BEGIN + timedelta(seconds=start_s),
        end_time=BEGIN + timedelta(seconds=start_s + interval_s * max(1, len(values))),
    )


def stopped_trial(number: int, values: Sequence[float], *, interval_s: float = 10.0) -> Trial:
    """Return a trial that a rule stopped after the last of its values."""
    return replace(ended_trial(number, values, interval_s=interval_s), stopping_reason="it was bad")


def job_of(
    trials: Sequence[Trial], *, parallel: int = 1, rule: AutomatedStopping | None = None, goal: Goal = Goal.MINIMIZE
) -> HyperparameterTuningJob:
    """Return a finished job with these trials."""
    parameters = (ParameterSpec("lr", DoubleRange(1e-4, 1.0)),)
    return HyperparameterTuningJob(
        display_name="study",
        study_spec=StudySpec((MetricSpec(METRIC, goal),), parameters, automated_stopping=rule),
        trial_job_spec=TrialJobSpec(worker_pools=()),
        max_trial_count=max(1, len(trials)),
        parallel_trial_count=parallel,
        trials=tuple(trials),
    )


def falling(end: float, length: int = 8) -> list[float]:
    """Return a curve that falls from 10 towards `end`."""
    return [end + (10 - end) * 0.6**step for step in range(length)]


def one_after_another(curves: Sequence[Sequence[float]], intervals_s: Sequence[float]) -> tuple[Trial, ...]:
    """Return trials with these curves of which each started when the one before ended."""
    trials: list[Trial] = []
    now_s = 0.0
    for number, (values, interval_s) in enumerate(zip(curves, intervals_s, strict=True), start=1):
        trials.append(ended_trial(number, values, interval_s=interval_s, start_s=now_s))
        now_s += interval_s * max(1, len(values))
    return tuple(trials)


_VALUES = st.integers(-10_000, 10_000).map(lambda hundredths: hundredths / 100)


@st.composite
def studies(draw: st.DrawFn, min_trials: int = 1, max_trials: int = 12) -> RecordedStudy:
    """Generate records whose trials ran one after another: curves of any form and length, some of failed trials."""
    curves = draw(st.lists(st.lists(_VALUES, max_size=6), min_size=min_trials, max_size=max_trials).filter(any))
    intervals_s = draw(st.lists(st.floats(1, 100), min_size=len(curves), max_size=len(curves)))
    goal = draw(st.sampled_from([Goal.MINIMIZE, Goal.MAXIMIZE]))
    return recorded_study(job_of(one_after_another(curves, intervals_s), goal=goal))
