"""Replays the recorded trials of a study under a stopping rule, a number of workers and a budget. Pure.

A trial that the rule stops costs its recorded time up to the measurement at which it is stopped, and is judged by what
it had measured by then; by the convex rule's prediction of its end, as in the service. All other trials cost and find
what they did. The rule is the service's own, and sees at each decision what it would have seen: the curves of the
trials that have ended by then.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone

from hydra_vertex.job import AutomatedStopping, Goal, StudySpec, Trial, TrialState
from hydra_vertex.service.stopping import EarlyStop, decide

from .clock import run_clock
from .endings import completed, stopped
from .recorded_study import RecordedStudy, RecordedTrial

OWN_END_S = 0.5
"""A trial whose last measurement is made in its last half second ends by itself: the service looks twice a second."""

_BEGIN = datetime(2000, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True, slots=True)
class Setting:
    """What a study is replayed with. `rule_name` is the word of the command line for the rule."""

    rule_name: str
    rule: AutomatedStopping | None
    parallel: int
    trials: int


@dataclass(frozen=True, slots=True)
class ReplayedTrial:
    """A trial of a replay. `value` is the objective by which it can be the best.

    It is a prediction if the convex rule stopped the trial. `step` is that of the measurement at which the rule stopped
    it, None when it was not stopped. `is_open`: it was stopped in the record, and the replayed rule would have let it
    go on, so that its end is not known.
    """

    id: str
    start_s: float
    end_s: float
    value: float | None
    step: int | None
    is_open: bool

    @property
    def duration_s(self) -> float:
        """Seconds on its worker."""
        return self.end_s - self.start_s

    @property
    def is_stopped(self) -> bool:
        """Whether the replayed rule stopped it."""
        return self.step is not None


@dataclass(frozen=True, slots=True)
class Replay:
    """The trials of a replay, in the order of their starts, and the time from the first start to the last end."""

    trials: tuple[ReplayedTrial, ...]
    wall_s: float
    goal: Goal

    @property
    def worker_s(self) -> float:
        """The sum of the trials' times."""
        return math.fsum(trial.duration_s for trial in self.trials)

    @property
    def best(self) -> ReplayedTrial | None:
        """The trial with the best value; of equal values, the earliest. None if none has a value."""
        sign = 1.0 if self.goal is Goal.MINIMIZE else -1.0
        measured = [(sign * trial.value, index) for index, trial in enumerate(self.trials) if trial.value is not None]
        return self.trials[min(measured)[1]] if measured else None

    @property
    def stopped(self) -> int:
        """The number of trials that the rule stopped."""
        return sum(trial.is_stopped for trial in self.trials)

    @property
    def open(self) -> tuple[ReplayedTrial, ...]:
        """The trials whose end is not known."""
        return tuple(trial for trial in self.trials if trial.is_open)


def replay(study: RecordedStudy, setting: Setting, *, open_until_s: float = 0.0) -> Replay:
    """Return the replay of the first `setting.trials` trials of a record, which has at least as many.

    A trial whose end is not known ends as it did in the record, or after `open_until_s` seconds if that is longer.
    """
    return replay_trials(study.trials[: setting.trials], study.spec, setting, open_until_s=open_until_s)


def replay_trials(
    trials: Sequence[RecordedTrial], spec: StudySpec, setting: Setting, *, open_until_s: float = 0.0
) -> Replay:
    """Return the replay of some trials, started in the order given."""
    run = _Run(replace(spec, automated_stopping=setting.rule), trials, open_until_s)
    wall_s = run_clock(run.start, setting.parallel)
    return Replay(tuple(trial.result() for trial in run.started), wall_s, spec.objective.goal)


class _Run:
    """One replay: the trials that have started, as the rule sees them."""

    def __init__(self, spec: StudySpec, recorded: Sequence[RecordedTrial], open_until_s: float) -> None:
        self.spec = spec
        self.recorded = recorded
        self.open_until_s = open_until_s
        self.started: list[_RunningTrial] = []
        self.trials: list[Trial] = []

    def start(self, now_s: float) -> _RunningTrial | None:
        """Start the next trial of the record; None when all have started."""
        if len(self.started) == len(self.recorded):
            return None
        trial = _RunningTrial(self, len(self.started), now_s)
        self.started.append(trial)
        self.trials.append(trial.seen)
        return trial


class _RunningTrial:
    """One trial on the clock. `seen` is the trial as the rule sees it: with what it has measured by now."""

    def __init__(self, run: _Run, index: int, start_s: float) -> None:
        self._run = run
        self.number = index
        self._recorded = run.recorded[index]
        self._start_s = self._end_s = start_s
        self._made = 0
        self._stop: EarlyStop | None = None
        self.seen = _active(self._recorded.trial, start_s)

    @property
    def next_s(self) -> float:
        """The time of the next measurement, or of the end."""
        reports = self._recorded.reports
        return self._start_s + (reports[self._made].at_s if self._made < len(reports) else self._duration_s)

    def advance(self, now_s: float, /) -> bool:
        """Make the next measurement, or end. Returns False if the trial has ended."""
        self._end_s = now_s
        is_over = self._made == len(self._recorded.reports)
        if not is_over:
            self._measure()
            self._stop = self._decision()
        if is_over or self._stop is not None:
            self._put(self._ended(now_s))
            return False
        return True

    def result(self) -> ReplayedTrial:
        """Return what the trial cost and found."""
        metric = self._run.spec.objective.id
        value = self._recorded.value if self._stop is None else self.seen.objective(metric)
        return ReplayedTrial(
            id=self.seen.id,
            start_s=self._start_s,
            end_s=self._end_s,
            value=value,
            step=None if self._stop is None else self._last_step,
            is_open=self._stop is None and self._recorded.is_cut,
        )

    @property
    def _duration_s(self) -> float:
        duration_s = self._recorded.duration_s
        return max(duration_s, self._run.open_until_s) if self._recorded.is_cut else duration_s

    @property
    def _last_step(self) -> int:
        return self._recorded.reports[self._made - 1].measurement.step_count

    def _measure(self) -> None:
        measurement = self._recorded.reports[self._made].measurement
        self._made += 1
        self._put(replace(self.seen, measurements=(*self.seen.measurements, measurement)))

    def _decision(self) -> EarlyStop | None:
        """Return the decision of the rule about the trial; None if it goes on, or ends by itself now."""
        left_s = self._duration_s - self._recorded.reports[self._made - 1].at_s
        if self._made == len(self._recorded.reports) and not self._recorded.is_cut and left_s < OWN_END_S:
            return None
        return decide(self._run.spec, self.seen, self._run.trials)

    def _ended(self, now_s: float) -> Trial:
        """Return the trial as it is for the trials after it: stopped now, or as it ended in the record."""
        now = _BEGIN + timedelta(seconds=now_s)
        if self._stop is not None:
            return stopped(self.seen, self._stop, self._run.spec, now)
        ended = completed(self.seen, self._recorded.final, now)
        return replace(ended, stopping_reason=self._recorded.trial.stopping_reason)

    def _put(self, trial: Trial) -> None:
        self.seen = trial
        if self.number < len(self._run.trials):
            self._run.trials[self.number] = trial


def _active(recorded: Trial, start_s: float) -> Trial:
    """Return a recorded trial as it was at its start."""
    return replace(
        recorded,
        state=TrialState.ACTIVE,
        final_measurement=None,
        infeasible_reason="",
        stopping_reason="",
        start_time=_BEGIN + timedelta(seconds=start_s),
        end_time=None,
    )
