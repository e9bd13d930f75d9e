"""Studies of many sizes for the tests of the report in a browser, and for benchmarks/report_page.py."""

from __future__ import annotations

import dataclasses
import math
import random
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta

from hydra_vertex.job import (
    Categorical,
    DoubleRange,
    HyperparameterTuningJob,
    IntegerRange,
    JobState,
    Measurement,
    MetricSpec,
    ParameterSpec,
    ParameterValue,
    ScaleType,
    Trial,
    TrialState,
)
from hydra_vertex.launcher.logs import StudyLogs
from launcher.jobs import METRIC, START, make_job

LONG_NAME = "model.encoder.layers.attention.relative_position_bias.initialisation_scale_value"
PAUSE_S = 50.0


@dataclasses.dataclass(frozen=True)
class Case:
    """A study: how many trials and parameters, and whether the names are long, all trials fail, or it goes on."""

    name: str
    trials: int
    parameters: int = 3
    long_names: bool = False
    all_failed: bool = False
    is_running: bool = False
    slots: int = 4


CASES = (
    Case("1 trial", 1),
    Case("3 trials", 3),
    Case("40 trials", 40),
    Case("1000 trials", 1000, slots=20),
    Case("all failed", 12, all_failed=True),
    Case("80-character names", 40, parameters=4, long_names=True),
    Case("8 parameters", 40, parameters=8),
    Case("20 parameters", 40, parameters=20),
    Case("20 long names", 100, parameters=20, long_names=True),
    Case("running", 20, is_running=True),
)


def case_named(name: str) -> Case:
    return next(case for case in CASES if case.name == name)


def job_of(case: Case) -> HyperparameterTuningJob:
    """Return the study of a case, always the same: with stopped and failed trials, curves, and one pause."""
    draw = random.Random(case.name)  # noqa: S311 - a study, not a secret
    specs = tuple(_parameters(case))
    metric = f"val/{LONG_NAME}"[:80] if case.long_names else METRIC
    trials = tuple(_trials(case, specs, metric, draw))
    state = JobState.RUNNING if case.is_running else JobState.SUCCEEDED
    job = make_job(trials, max_trial_count=case.trials, parallel_trial_count=case.slots, state=state)
    spec = dataclasses.replace(
        job.study_spec, parameters=specs, metrics=(dataclasses.replace(job.study_spec.metrics[0], id=metric),)
    )
    assert isinstance(spec.metrics[0], MetricSpec)
    name = f"{case.name} {LONG_NAME}" if case.long_names else case.name
    return dataclasses.replace(job, study_spec=spec, display_name=name)


def logs_of(job: HyperparameterTuningJob) -> StudyLogs:
    """Return logs of 41 lines, with what a browser must not interpret; of several trials the last has none."""
    draw = random.Random(job.display_name)  # noqa: S311 - a log, not a secret
    ends = {}
    for trial in job.trials[:-1] or job.trials:
        last = trial.infeasible_reason.rpartition("\n")[2] or "the end"
        ends[trial.id] = "\n".join([*(_line(step, draw) for step in range(40)), last])
    return StudyLogs({**ends, "1": ""} if len(ends) > 1 else ends, "The whole logs are runs/a/logs/trial-N.log.")


def _line(step: int, draw: random.Random) -> str:
    time = f"12:00:{step:02},{draw.randrange(1000):03}"
    loss, value, seconds = draw.random(), draw.random(), draw.random()
    strange = f"train/loss 0.4242 </script><b> \x1b[31m {'x' * 200}" if step == 30 else f"train/loss {loss:.4f}"
    return f"[2026-01-31 {time}][app.train][INFO] - epoch {step}: {strange} val/loss {value:.4f} in {seconds:.2f} s"


def _parameters(case: Case) -> Iterator[ParameterSpec]:
    for number in range(case.parameters):
        name = f"{LONG_NAME[:-3]}_{number:02}" if case.long_names else f"model.parameter_{number}"
        match number % 3:
            case 0:
                yield ParameterSpec(name, DoubleRange(1e-5, 1e-1, default=1e-3), ScaleType.LOG)
            case 1:
                yield ParameterSpec(name, IntegerRange(1, 8, default=2))
            case _:
                last = LONG_NAME if case.long_names else "swish"
                yield ParameterSpec(name, Categorical(("gelu", "relu", last), default="relu"))


def _trials(case: Case, specs: tuple[ParameterSpec, ...], metric: str, draw: random.Random) -> Iterator[Trial]:
    free = [START] * case.slots
    for number in range(1, case.trials + 1):
        if number == case.trials // 2 and case.trials > 10:
            free = [max(free) + timedelta(seconds=PAUSE_S)] * case.slots
        slot = free.index(min(free))
        parameters = {spec.id: _value(spec, draw, is_default=number == 1) for spec in specs}
        trial = _trial(case, number, parameters, metric, free[slot], draw)
        free[slot] = (trial.end_time or free[slot]) + timedelta(seconds=0.4)
        yield trial


def _value(spec: ParameterSpec, draw: random.Random, *, is_default: bool) -> ParameterValue:
    default = spec.domain.default
    if is_default and default is not None:
        return float(default) if not isinstance(default, str) else default
    match spec.domain:
        case DoubleRange(low, high):
            return math.exp(draw.uniform(math.log(low), math.log(high)))
        case IntegerRange(low, high):
            return float(draw.randint(low, high))
        case Categorical(values):
            return draw.choice(values[:2])  # the last choice is never tried
        case _:
            raise AssertionError(spec)


def _trial(
    case: Case,
    number: int,
    parameters: Mapping[str, ParameterValue],
    metric: str,
    start: datetime,
    draw: random.Random,
) -> Trial:
    is_active = case.is_running and number > case.trials - case.slots
    has_failed = not is_active and (case.all_failed or number % 9 == 0)
    is_stopped = not has_failed and not is_active and number % 4 == 0
    steps = 6 if is_stopped or is_active else 24
    level = 0.4 + sum(abs(value - 3) / 20 for value in parameters.values() if not isinstance(value, str))
    curve = tuple(
        Measurement({metric: level + 2 / (step + 1) + draw.gauss(0, 0.01)}, step, float(step))
        for step in range(1, steps + 1)
    )
    reason = (
        f"exited with code 1\nRuntimeError: CUDA out of memory. Tried to allocate {number} MiB" if has_failed else ""
    )
    return Trial(
        id=str(number),
        state=TrialState.ACTIVE if is_active else TrialState.INFEASIBLE if has_failed else TrialState.SUCCEEDED,
        parameters=parameters,
        measurements=() if has_failed else curve,
        final_measurement=None if has_failed or is_active else curve[-1],
        infeasible_reason=reason if has_failed else "",
        stopping_reason="worse than the median of the other trials at step 6" if is_stopped else "",
        start_time=start,
        end_time=None if is_active else start + timedelta(seconds=steps + draw.random()),
    )
