"""Checks that the app's config accepts the search space, before any trial is started."""

from __future__ import annotations

from collections.abc import Sequence

from hydra_vertex.job import StudySpec
from hydra_vertex.protocol.command import trial_command

from .ask_app import asking
from .findings import CheckResult
from .space_check import SpaceCheck


def check_space(
    app: Sequence[str],
    spec: StudySpec,
    monitor: Sequence[str] = (),
    retrain_overrides: Sequence[str] = (),
    sweeps: Sequence[str] = (),
    aliases: Sequence[str] = (),
) -> CheckResult:
    """Compose the app's config with points of the search space, as trials will, in one process of the app.

    `monitor` are the metrics that trials report, `retrain_overrides` the overrides that only the retraining gets,
    `sweeps` the sweeps of a Hydra search file (`KEY=SWEEP`), which determine the types of the values, `aliases` texts
    `ID=KEY`: the parameter ID sets the app's KEY.
    Raises UserError when the command itself is refused, and AppError when the app fails before its config is composed.
    """
    with asking(app, options=trial_options(spec.objective.id, monitor, sweeps, aliases)) as pending:
        check = SpaceCheck(pending.connected(), spec)
        check.run()
        check.retraining(retrain_overrides)
        return check.result()


def trial_options(
    metric: str, monitor: Sequence[str], sweeps: Sequence[str] = (), aliases: Sequence[str] = ()
) -> tuple[str, ...]:
    """Return the options of hydra-trial that a trial is started with; it refuses metric names that it cannot record."""
    return trial_command((), metric, monitor, sweeps, aliases)[1:-1]
