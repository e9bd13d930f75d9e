"""Compares an earlier study with the search space of a new one, and says what is used. Pure."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence

from hydra_vertex.job import (
    Categorical,
    Discrete,
    Domain,
    DoubleRange,
    Goal,
    HyperparameterTuningJob,
    IntegerRange,
    ParameterSpec,
    StudySpec,
    Trial,
    TrialState,
    walk_parameters,
)
from hydra_vertex.job.parameters import contains
from hydra_vertex.launcher.best.selection import rank
from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.errors import UserError


def notices(job: HyperparameterTuningJob, source: str, spec: StudySpec, *, narrows: bool = False) -> Iterator[str]:
    """Yield sentences about what a new study with the `spec` takes from an earlier one.

    `narrows`: it takes the ranges of the best trials and nothing else. Raises UserError when it takes nothing.
    """
    known = {key for trial in job.trials for key in trial.parameters}
    new = [parameter.id for parameter in walk_parameters(spec.parameters)]
    if not known & set(new):
        raise UserError(
            f"--start-from {source}: has none of the parameters of the search space ({', '.join(new)}), but "
            f"{', '.join(sorted(known)) or 'no trial with parameters'}"
        )
    ranked, requested = ranked_trials(job), [trial for trial in job.trials if trial.state is TrialState.REQUESTED]
    useful = [*requested, *ranked]
    inside = [trial for trial in useful if lies_in(trial, spec)]
    if not inside:
        raise UserError(
            f"--start-from {source}: none of its {len(useful)} trials with a value lies in the search space"
            f"{_example(useful, spec)}; widen the ranges, or leave the option out"
        )
    yield f"{source}: {len(inside)} of {len(useful)} trials lie in the search space"
    if missing := [name for name in new if name not in known]:
        then = (
            ", which it does not narrow"
            if narrows
            else "; its points get the default of the search space, or the middle"
        )
        yield f"{source}: has no {', '.join(missing)}{then}"
    if others := sorted(known - set(new)):
        yield f"{source}: {', '.join(others)} is not in the search space and is not used"
    if ranked and job.study_spec.other_metric_ids:
        yield f"{source}: has several metrics; its trials are ranked by {excerpt(job.study_spec.objective.id)} alone"
    if ranked and job.study_spec.objective.id != spec.objective.id:
        yield (
            f"{source}: its metric is {excerpt(job.study_spec.objective.id)}, not {excerpt(spec.objective.id)}; only "
            "the order of its trials counts"
        )
    if ranked and _verb(job.study_spec) != _verb(spec):
        yield (
            f"{source}: {_verb(job.study_spec)}s {excerpt(job.study_spec.objective.id)}, and the new study "
            f"{_verb(spec)}s {excerpt(spec.objective.id)}; the best trials of each are those by its own goal"
        )


def _verb(spec: StudySpec) -> str:
    """Return the goal of the objective as a verb; an unset goal is MAXIMIZE, as the API defines it."""
    return "minimize" if spec.objective.goal is Goal.MINIMIZE else "maximize"


def ranked_trials(job: HyperparameterTuningJob) -> tuple[Trial, ...]:
    """Return the trials with a value, best first, by the first metric alone: the new study takes no other one."""
    metrics = job.study_spec.metrics[:1]
    return rank(dataclasses.replace(job, study_spec=dataclasses.replace(job.study_spec, metrics=metrics)))


def _example(trials: Sequence[Trial], spec: StudySpec) -> str:
    """Return the values of the first trial that are outside of the space, in brackets; empty without a trial."""
    outside = [
        f"{parameter.id} {excerpt(repr(trial.parameters[parameter.id]))}, allowed {excerpt(_allowed(parameter.domain))}"
        for trial in trials[:1]
        for parameter in shared_parameters(trial, spec.parameters)
        if not contains(parameter.domain, trial.parameters[parameter.id])
    ]
    return f" ({'; '.join(outside)})" if outside else ""


def _allowed(domain: Domain) -> str:
    if isinstance(domain, Categorical):
        return ", ".join(domain.values)
    low, high = (domain.values[0], domain.values[-1]) if isinstance(domain, Discrete) else (domain.min, domain.max)
    return f"{low:.6g} to {high:.6g}"


def lies_in(trial: Trial, spec: StudySpec) -> bool:
    """Whether the trial's values of the parameters that it shares with the space lie in their domains."""
    shared = list(shared_parameters(trial, spec.parameters))
    return bool(shared) and all(contains(item.domain, trial.parameters[item.id]) for item in shared)


def shared_parameters(trial: Trial, parameters: Sequence[ParameterSpec]) -> Iterator[ParameterSpec]:
    """Yield the parameters that a trial has, without those that its values make inactive in the space.

    A conditional parameter without its parent among the trial's parameters counts as active.
    """
    for parameter in parameters:
        if parameter.id in trial.parameters:
            yield parameter
        for child in parameter.children:
            if parameter.id not in trial.parameters or trial.parameters[parameter.id] in child.when:
                yield from shared_parameters(trial, (child.spec,))


def best_ranges(jobs: Sequence[HyperparameterTuningJob], spec: StudySpec) -> Iterator[str]:
    """Yield, for each range of the space, the range of the best quarter of all earlier trials, at least three each."""
    best = [trial for job in jobs for trial in _best_quarter(ranked_trials(job))]
    for parameter in walk_parameters(spec.parameters):
        values = [
            value for trial in best if not isinstance(value := trial.parameters.get(parameter.id), (str, type(None)))
        ]
        if isinstance(parameter.domain, (DoubleRange, IntegerRange)) and len(values) > 1:
            yield (
                f"{parameter.id}: from {min(values):.6g} to {max(values):.6g} in the best {len(values)} earlier trials "
                f"(the search space: {parameter.domain.min:.6g} to {parameter.domain.max:.6g})"
            )


def _best_quarter(ranked: Sequence[Trial]) -> Sequence[Trial]:
    return ranked[: max(3, len(ranked) // 4)] if len(ranked) >= 3 else ()
