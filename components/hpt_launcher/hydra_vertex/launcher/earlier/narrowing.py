"""Narrows a search space to where the best trials of earlier studies are. Pure.

A tuning job of Vertex AI takes neither earlier trials nor first points, so this is what it can be given of them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from hydra_vertex.job import (
    Categorical,
    ConditionalParameter,
    Discrete,
    Domain,
    DoubleRange,
    HyperparameterTuningJob,
    IntegerRange,
    ParameterSpec,
    ParameterValue,
    StudySpec,
    Trial,
    TrialState,
    walk_parameters,
)
from hydra_vertex.job.parameters import contains

from .categories import Evidence
from .comparison import lies_in, ranked_trials, shared_parameters
from .interval import narrowed_doubles, narrowed_integers, narrowed_list

LEAST_TRIALS = 3
"""The best quarter of a study has at least this many trials; of a study with fewer, nothing is known to be the best."""


@dataclass(frozen=True, slots=True)
class Change:
    """A parameter that has other values now. `new` is None when all values under which it exists are left out."""

    old: ParameterSpec
    new: ParameterSpec | None


@dataclass(frozen=True, slots=True)
class Narrowing:
    """A narrowed study, and what is different. `best_trials` is the number of trials that it was narrowed to.

    `unknown` are the parameters that none of these has, and `without_default` those whose default value is outside.
    """

    spec: StudySpec
    changes: tuple[Change, ...]
    unknown: tuple[str, ...]
    without_default: tuple[str, ...]
    best_trials: int


def narrow(spec: StudySpec, jobs: Sequence[HyperparameterTuningJob]) -> Narrowing | None:
    """Return the study with the ranges and values of the best earlier trials; None without such a trial.

    The best trials are those of each job that lie in the space: the best quarter, at least three, and requested ones.
    """
    best = [trial for job in jobs for trial in best_trials(job, spec)]
    if not best:
        return None
    known = _Known(_values(best, spec), Evidence.of(jobs, spec))
    parameters = tuple(known.narrowed(parameter) for parameter in spec.parameters)
    new = dataclasses.replace(spec, parameters=parameters)
    after = {parameter.id: parameter for parameter in walk_parameters(new.parameters)}
    old = list(walk_parameters(spec.parameters))
    return Narrowing(
        spec=new,
        changes=tuple(Change(one, after.get(one.id)) for one in old if _is_changed(one, after.get(one.id))),
        unknown=tuple(one.id for one in old if one.id in after and one.id not in known.values),
        without_default=tuple(one.id for one in old if one.id in after and _lost_default(one, after[one.id])),
        best_trials=len(best),
    )


def best_trials(job: HyperparameterTuningJob, spec: StudySpec) -> tuple[Trial, ...]:
    """Return the trials of a job to which the space is narrowed: requested ones, and the best quarter of the others."""
    inside = [trial for trial in ranked_trials(job) if lies_in(trial, spec)]
    quarter = inside[: max(LEAST_TRIALS, len(inside) // 4)] if len(inside) >= LEAST_TRIALS else []
    requested = (trial for trial in job.trials if trial.state is TrialState.REQUESTED and lies_in(trial, spec))
    return (*requested, *quarter)


def _values(trials: Sequence[Trial], spec: StudySpec) -> dict[str, list[ParameterValue]]:
    """Return the values of the trials by parameter, without those that another value makes inactive."""
    found: dict[str, list[ParameterValue]] = {}
    for trial in trials:
        for parameter in shared_parameters(trial, spec.parameters):
            found.setdefault(parameter.id, []).append(trial.parameters[parameter.id])
    return found


@dataclass(frozen=True, slots=True)
class _Known:
    values: Mapping[str, Sequence[ParameterValue]]
    evidence: Evidence

    def narrowed(self, parameter: ParameterSpec) -> ParameterSpec:
        domain = self._domain(parameter)
        if domain.default is not None and not contains(domain, domain.default):
            domain = dataclasses.replace(domain, default=None)
        return dataclasses.replace(parameter, domain=domain, children=tuple(self._children(parameter, domain)))

    def _domain(self, parameter: ParameterSpec) -> Domain:
        values = self.values.get(parameter.id, ())
        if not values:
            return parameter.domain
        match parameter.domain:
            case Categorical(names) as domain:
                kept = tuple(name for name in names if name in values or self.evidence.allows(parameter.id, name))
                return dataclasses.replace(domain, values=kept)
            case DoubleRange() as domain:
                return narrowed_doubles(domain, parameter.scale, [float(value) for value in values])
            case IntegerRange() as domain:
                return narrowed_integers(domain, parameter.scale, [float(value) for value in values])
            case Discrete() as domain:
                return narrowed_list(domain, [float(value) for value in values])

    def _children(self, parent: ParameterSpec, domain: Domain) -> Iterator[ConditionalParameter]:
        """Yield the conditional parameters with those values of the parent that it still has, if any."""
        for child in parent.children:
            if domain == parent.domain:
                yield dataclasses.replace(child, spec=self.narrowed(child.spec))
            elif when := tuple(value for value in child.when if _has(domain, value)):
                yield ConditionalParameter(_condition(when), self.narrowed(child.spec))


def _has(domain: Domain, value: ParameterValue) -> bool:
    return value in domain.values if isinstance(domain, (Categorical, Discrete)) else contains(domain, value)


def _condition(values: Sequence[str | float]) -> tuple[str, ...] | tuple[float, ...]:
    """Return the values as a condition, which are all texts or all numbers."""
    texts = tuple(value for value in values if isinstance(value, str))
    return texts or tuple(value for value in values if not isinstance(value, str))


def _is_changed(old: ParameterSpec, new: ParameterSpec | None) -> bool:
    if new is None:
        return True
    return dataclasses.replace(old.domain, default=None) != dataclasses.replace(new.domain, default=None)


def _lost_default(old: ParameterSpec, new: ParameterSpec) -> bool:
    return old.domain.default is not None and new.domain.default is None
