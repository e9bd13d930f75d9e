"""Checks that the app's config accepts the search space, before any trial is started."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from hydra_vertex.job import StudySpec
from hydra_vertex.protocol.command import trial_command

from .ask_app import asking
from .baseline import Baseline, with_baseline
from .conditions import find_conditions
from .findings import CheckResult
from .space_check import SpaceCheck


def check_space(
    app: Sequence[str],
    spec: StudySpec,
    monitor: Sequence[str] = (),
    retrain_overrides: Sequence[str] = (),
    sweeps: Sequence[str] = (),
    aliases: Sequence[str] = (),
    warm_start_key: str = "",
    seed_key: str = "",
    seeds: range = range(0),
    *,
    baseline: bool = True,
) -> CheckResult:
    """Compose the app's config with points of the search space, as trials will, in one process of the app.

    The result has the study with what the app tells: conditions of its parameters, and with `baseline` the app's own
    values as defaults.

    `monitor` are the metrics that trials report, `retrain_overrides` the overrides that only the retraining gets,
    `sweeps` the sweeps of a Hydra search file (`KEY=SWEEP`), which determine the types of the values, `aliases` texts
    `ID=KEY`: the parameter ID sets the app's KEY. `warm_start_key` is the key for a checkpoint in the retraining,
    `seed_key` the one that repeats of a configuration set to each of the `seeds`.
    Raises UserError when the command itself is refused, and AppError when the app fails before its config is composed.
    """
    with asking(app, options=trial_options(spec.metric_text, monitor, sweeps, aliases)) as pending:
        dialogue = pending.connected()
        found = find_conditions(dialogue, spec)
        if found.findings:
            return CheckResult(found.findings, study_spec=spec)
        check = SpaceCheck(dialogue, found.spec)
        check.run()
        check.retraining(retrain_overrides)
        check.warm_start(warm_start_key, retrain_overrides)
        check.seeds(seed_key, seeds)
        result = check.result()
        is_wanted = baseline and not result.findings
        first = with_baseline(dialogue, found.spec, aliases) if is_wanted else Baseline(found.spec)
    return dataclasses.replace(
        result,
        notices=(*found.notices, *first.notices, *result.notices),
        study_spec=first.spec,
        first_trial=first.first_trial,
    )


def trial_options(
    metric: str, monitor: Sequence[str], sweeps: Sequence[str] = (), aliases: Sequence[str] = ()
) -> tuple[str, ...]:
    """Return the options of hydra-trial that a trial is started with; it refuses metric names that it cannot record."""
    return trial_command((), metric, monitor, sweeps, aliases)[1:-1]
