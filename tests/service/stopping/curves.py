"""Trials with learning curves, for the tests of the stopping rules."""

from __future__ import annotations

from collections.abc import Sequence

from hydra_vertex.job import (
    AutomatedStopping,
    DoubleRange,
    Goal,
    Measurement,
    MetricSpec,
    ParameterSpec,
    StudySpec,
    Trial,
    TrialState,
)

METRIC = "loss"


def study_spec(rule: AutomatedStopping | None, goal: Goal = Goal.MINIMIZE) -> StudySpec:
    parameters = (ParameterSpec("lr", DoubleRange(1e-4, 1.0)),)
    return StudySpec((MetricSpec(METRIC, goal),), parameters, automated_stopping=rule)


def trial(
    number: int,
    values: Sequence[float],
    *,
    ended: bool = True,
    stopped: bool = False,
    steps: Sequence[int] | None = None,
    seconds: Sequence[float] | None = None,
    lr: float = 0.1,
) -> Trial:
    """Return a trial that reported `values`, the last one as its final value; the default steps are 1, 2, …"""
    steps = steps or range(1, len(values) + 1)
    times = seconds or [float(step) for step in steps]
    measurements = tuple(
        Measurement({METRIC: value}, step, second) for value, step, second in zip(values, steps, times, strict=True)
    )
    return Trial(
        id=str(number),
        state=TrialState.SUCCEEDED if ended else TrialState.ACTIVE,
        parameters={"lr": lr},
        measurements=measurements,
        final_measurement=measurements[-1] if ended else None,
        stopping_reason="it was bad" if stopped else "",
    )


def decay(number: int, end: float, *, length: int = 10, known: int | None = None, **options: bool) -> Trial:
    """Return a trial whose curve falls from 10 towards `end`, with the first `known` of its `length` measurements."""
    values = [end + (10 - end) * 0.6**step for step in range(length)]
    return trial(number, values[: known or length], **options)
