"""What the repeats of a study's best configurations show: their means, the best of them, and whether that is settled.

The values that the study measured are not part of the means. The best of many noisy values is on average better than
the configuration is, because its noise was favourable too (the winner's curse). Pure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hydra_vertex.job import Categorical, Goal, HyperparameterTuningJob, IntegerRange, MetricSpec, Trial, TrialState
from hydra_vertex.protocol.errors import DocumentError

from .settings import FEWEST_REPEATS, TRIAL_PARAMETER
from .statistics import LEVEL, Difference, Estimate, estimate_mean, holm, paired_difference


@dataclass(frozen=True, slots=True)
class Repeated:
    """One configuration. `tuned` is the value that the study measured, `values` are those of the repeats by seed.

    `failed` is the number of repeats that ended without a value.
    """

    trial: Trial
    tuned: float
    values: Mapping[int, float]
    failed: int

    @property
    def estimate(self) -> Estimate | None:
        """The mean of the repeats; None without a value."""
        return estimate_mean(list(self.values.values()))

    @property
    def mean(self) -> float:
        """The mean of the repeats; not a number without a value."""
        found = self.estimate
        return math.nan if found is None else found.mean

    @property
    def is_selectable(self) -> bool:
        """Whether enough repeats are measured for a variance."""
        return len(self.values) >= FEWEST_REPEATS


@dataclass(frozen=True, slots=True)
class Comparison:
    """The selected configuration compared with another; `adjusted_p` is corrected for the number of comparisons."""

    other: Repeated
    difference: Difference
    adjusted_p: float


@dataclass(frozen=True, slots=True)
class Confirmation:
    """The result. `configurations` are in the order of their means, the best first, then those that cannot be selected.

    `unsettled` is the reason for which the ranking is not settled; empty when it is, and None when there is only one
    configuration. `stopped` is why the repeats were not all run; empty when they were. `job` is that of the repeats.
    """

    job: HyperparameterTuningJob
    metric: MetricSpec
    seed_key: str
    seeds: range
    configurations: tuple[Repeated, ...]
    comparisons: tuple[Comparison, ...]
    unsettled: str | None
    stopped: str = ""

    @property
    def selected(self) -> Repeated | None:
        """The configuration with the best mean; None when too little is measured to select one."""
        first = self.configurations[0] if self.configurations else None
        return first if first is not None and first.is_selectable else None

    @property
    def is_settled(self) -> bool:
        """Whether the selected configuration is better than each of the others, beyond the noise."""
        return self.unsettled == ""


def confirmation_of(study: HyperparameterTuningJob, job: HyperparameterTuningJob) -> Confirmation:
    """Return what a job of `confirmation_job` shows. Raises DocumentError when it is not one of this study."""
    ids, seed_key, seeds = _grid_of(job)
    metric = job.study_spec.objective
    by_id = {trial.id: trial for trial in study.trials}
    if unknown := [id_ for id_ in ids if id_ not in by_id]:
        raise DocumentError("confirmation", f"repeats trial {', '.join(unknown)}, which the study does not have")
    repeated = [_repeated(by_id[id_], job, seed_key) for id_ in ids]
    ordered = _ordered(repeated, metric)
    comparisons = _comparisons(ordered)
    return Confirmation(
        job=job,
        metric=metric,
        seed_key=seed_key,
        seeds=seeds,
        configurations=ordered,
        comparisons=comparisons,
        unsettled=_unsettled(ordered, comparisons, seeds, seed_key),
        stopped=job.stopping_reason,
    )


def _grid_of(job: HyperparameterTuningJob) -> tuple[tuple[str, ...], str, range]:
    match [(spec.id, spec.domain) for spec in job.study_spec.parameters]:
        case [(key, IntegerRange(min=low, max=high)), (id_, Categorical(values=ids))] if id_ == TRIAL_PARAMETER:
            return ids, key, range(low, high + 1)
        case _:
            raise DocumentError("confirmation", f"{job.name or job.display_name} is not a job that confirms a study")


def _repeated(trial: Trial, job: HyperparameterTuningJob, seed_key: str) -> Repeated:
    metric = job.study_spec.objective.id
    values: dict[int, float] = {}
    failed = 0
    for repeat in job.trials:
        seed = repeat.parameters.get(seed_key)
        if repeat.parameters.get(TRIAL_PARAMETER) != trial.id or isinstance(seed, str) or seed is None:
            continue
        value = repeat.objective(metric) if repeat.state is TrialState.SUCCEEDED else None
        if value is not None and math.isfinite(value):
            values.setdefault(int(seed), value)
        elif repeat.state in {TrialState.SUCCEEDED, TrialState.INFEASIBLE}:
            failed += 1
    tuned = trial.objective(metric)
    return Repeated(trial, math.nan if tuned is None else tuned, dict(sorted(values.items())), failed)


def _ordered(repeated: Sequence[Repeated], metric: MetricSpec) -> tuple[Repeated, ...]:
    """Order by the mean. Of equal means, the one that the study ranked higher comes first."""
    sign = 1 if metric.goal is Goal.MINIMIZE else -1
    selectable = sorted((item for item in repeated if item.is_selectable), key=lambda item: sign * item.mean)
    return (*selectable, *(item for item in repeated if not item.is_selectable))


def _comparisons(ordered: Sequence[Repeated]) -> tuple[Comparison, ...]:
    if not ordered or not ordered[0].is_selectable:
        return ()
    best, *others = ordered
    differences = [paired_difference(best.values, other.values) for other in others]
    adjusted = holm([difference.p for difference in differences])
    return tuple(Comparison(*items) for items in zip(others, differences, adjusted, strict=True))


def _unsettled(
    ordered: Sequence[Repeated], comparisons: Sequence[Comparison], seeds: range, seed_key: str
) -> str | None:
    if len(ordered) < 2:
        return None
    if incomplete := [item for item in ordered if len(item.values) < len(seeds)]:
        return _incomplete(incomplete, seeds)
    if all(len(set(item.values.values())) == 1 for item in ordered):
        return f"the seed ({seed_key}) has no effect: all repeats of a configuration are equal"
    # Of equal p-values, the first is that of the nearest mean.
    worst = max(comparisons, key=lambda item: item.adjusted_p)
    if worst.adjusted_p <= 1 - LEVEL:
        return ""
    return f"the difference from trial {worst.other.trial.id} is within the noise (p = {worst.adjusted_p:.2g})"


def _incomplete(items: Sequence[Repeated], seeds: range) -> str:
    counts = [f"trial {item.trial.id} has {len(item.values)} of {len(seeds)} repeats" for item in items]
    return f"{', '.join(counts)} with a value"
