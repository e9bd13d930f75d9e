"""Checks that the best configurations of a planned study can be repeated. Pure."""

from __future__ import annotations

from hydra_vertex.job import walk_parameters
from hydra_vertex.launcher.confirm.job import require_hydra_trial
from hydra_vertex.launcher.confirm.settings import ConfirmSettings
from hydra_vertex.launcher.limits import MAX_COUNT
from hydra_vertex.protocol.errors import UserError

from .objectives import require_one_objective
from .plan import TuningPlan


def require_confirmable(plan: TuningPlan, settings: ConfirmSettings) -> None:
    """Check the settings, and the plan for them. Raises UserError."""
    if problem := settings.problem():
        raise UserError(f"--confirm: {problem}")
    if settings.configurations > plan.max_trial_count:
        raise UserError(
            f"--confirm {settings.configurations}: the study has {plan.max_trial_count} trials; give at most as many, "
            "or raise --trials"
        )
    if settings.trials > MAX_COUNT:
        raise UserError(f"--confirm: {settings.trials} trials; expected at most {MAX_COUNT}")
    require_one_objective(plan.study_spec, "--confirm selects by the mean of one metric")
    _require_not_tuned(plan, settings.seed_key)
    require_hydra_trial(plan.trial_job_spec)


def _require_not_tuned(plan: TuningPlan, key: str) -> None:
    names = dict(alias.partition("=")[::2] for alias in plan.aliases)
    for parameter in walk_parameters(plan.study_spec.parameters):
        if names.get(parameter.id, parameter.id).lstrip("+") == key.lstrip("+"):
            raise UserError(
                f"--seed-key {key}: the search space has this key too, so each configuration has its own; remove it "
                "from the search space"
            )
