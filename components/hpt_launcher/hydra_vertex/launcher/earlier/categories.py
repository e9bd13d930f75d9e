"""Which values of a categorical parameter earlier studies speak against. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from hydra_vertex.job import HyperparameterTuningJob, ParameterValue, StudySpec, Trial, TrialState

from .comparison import lies_in, ranked_trials, shared_parameters

ENOUGH_TRIALS = 4
"""A value that does not matter is in no better half of as many trials with a probability of about 1/16."""

_Use = tuple[str, ParameterValue]
"""A parameter's id and its value in a trial."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """How many trials had each value, in all studies together, and which values the better half of a study had.

    An infeasible trial is among the worst of its study.
    """

    tried: Counter[_Use]
    good: frozenset[_Use]

    @classmethod
    def of(cls, jobs: Sequence[HyperparameterTuningJob], spec: StudySpec) -> Evidence:
        """Return what the trials that lie in the space say."""
        tried: Counter[_Use] = Counter()
        good: set[_Use] = set()
        for job in jobs:
            ranked = [trial for trial in ranked_trials(job) if lies_in(trial, spec)]
            failed = [trial for trial in job.trials if _has_failed(trial) and lies_in(trial, spec)]
            tried.update(_uses([*ranked, *failed], spec))
            half = (len(ranked) + len(failed) + 1) // 2
            good.update(_uses(ranked[:half], spec))
        return cls(tried, frozenset(good))

    def allows(self, parameter: str, value: str) -> bool:
        """Whether the value stays: few trials had it, or one of the better half of a study did."""
        return self.tried[parameter, value] < ENOUGH_TRIALS or (parameter, value) in self.good


def _uses(trials: Iterable[Trial], spec: StudySpec) -> Iterator[_Use]:
    for trial in trials:
        for parameter in shared_parameters(trial, spec.parameters):
            yield parameter.id, trial.parameters[parameter.id]


def _has_failed(trial: Trial) -> bool:
    return trial.state is TrialState.INFEASIBLE and not trial.stopped_early
