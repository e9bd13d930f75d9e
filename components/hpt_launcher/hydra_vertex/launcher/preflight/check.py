"""Checks that the app's config accepts the search space, before any trial is started."""

from __future__ import annotations

import math
import shlex
from collections.abc import Iterator, Sequence

from hydra_vertex.job import (
    Categorical,
    Discrete,
    DoubleRange,
    IntegerRange,
    ParameterSpec,
    ParameterValue,
    ScaleType,
    StudySpec,
)
from hydra_vertex.protocol.command import parameter_argument, trial_command
from hydra_vertex.protocol.errors import UserError
from hydra_vertex.protocol.explanation import Explanation

from .ask_app import explain
from .single_run import check_single_run


def check_space(
    app: Sequence[str],
    spec: StudySpec,
    monitor: Sequence[str] = (),
    retrain_overrides: Sequence[str] = (),
    sweeps: Sequence[str] = (),
    aliases: Sequence[str] = (),
) -> Explanation:
    """Compose the app's config with test values of every parameter, as trials will, and return the first composition.

    `monitor` are the metrics that trials report, `retrain_overrides` the overrides that only the retraining gets,
    `sweeps` the sweeps of a Hydra search file (`KEY=SWEEP`), which determine the types of the values, `aliases` texts
    `ID=KEY`: the parameter ID sets the app's KEY.
    Raises UserError naming the key, the value and what is allowed when a trial or the retraining could not be started,
    and AppError when the app fails before its config is composed.
    """
    options = trial_options(spec.objective.id, monitor, sweeps, aliases)
    first, *branches = probes(spec)
    explanation = explain(app, first, options=options)
    for branch in branches:
        explain(app, branch, options=options)
    check_single_run(explanation)
    if retrain_overrides:
        _check_retraining(app, first, retrain_overrides, options)
    return explanation


def _check_retraining(
    app: Sequence[str], parameters: Sequence[str], overrides: Sequence[str], options: Sequence[str]
) -> None:
    try:
        check_single_run(explain((*app, *overrides), parameters, options=options))
    except UserError as error:
        raise UserError(f"--retrain {shlex.join(overrides)}: {error}") from error


def trial_options(
    metric: str, monitor: Sequence[str], sweeps: Sequence[str] = (), aliases: Sequence[str] = ()
) -> tuple[str, ...]:
    """Return the options of hydra-trial that a trial is started with; it refuses metric names that it cannot record."""
    return trial_command((), metric, monitor, sweeps, aliases)[1:-1]


def probes(spec: StudySpec) -> Iterator[tuple[str, ...]]:
    """Yield command lines in which every parameter takes its extreme values, or all of its values if they are listed.

    The first has the parameters without conditions; the trial side composes it with each option of a config group. It
    is followed by one for each parent value with conditional parameters, because an app may have their keys only with
    that value.
    """
    yield tuple(argument for parameter in spec.parameters for argument in _probe(parameter))
    for parameter in spec.parameters:
        yield from _branches(parameter, ())


def _branches(parent: ParameterSpec, above: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for value in dict.fromkeys(value for child in parent.children for value in child.when):
        active = [child.spec for child in parent.children if value in child.when]
        is_integer = isinstance(parent.domain, IntegerRange) and not isinstance(value, str)
        conditions = (*above, parameter_argument(parent.id, int(value) if is_integer else value))
        yield (*conditions, *(argument for parameter in active for argument in _probe(parameter)))
        for parameter in active:
            yield from _branches(parameter, conditions)


def _probe(parameter: ParameterSpec) -> Iterator[str]:
    return (parameter_argument(parameter.id, value) for value in probe_values(parameter))


def probe_values(parameter: ParameterSpec) -> tuple[ParameterValue | int, ...]:
    """Return values that show whether a key accepts this domain.

    These are both ends of a range, for doubles also a value between them that is not an integer; or all listed values.
    """
    match parameter.domain:
        case DoubleRange(low, high):
            return (low, high, _between(low, high, parameter.scale))
        case IntegerRange(low, high):
            return (low, high)
        case Categorical(values):
            return values
        case Discrete(values):
            return values


def _between(low: float, high: float, scale: ScaleType | None) -> float:
    # The product of the two ends may exceed the range of a double.
    middle = math.sqrt(low) * math.sqrt(high) if scale is ScaleType.LOG and low > 0 else low + (high - low) * 0.53125
    return middle if not middle.is_integer() else low + (high - low) * 0.4140625
