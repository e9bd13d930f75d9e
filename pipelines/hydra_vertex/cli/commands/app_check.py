"""Checks a plan with the app itself, and says what the check found."""

from __future__ import annotations

import argparse
import dataclasses
import os
import shlex
from typing import TYPE_CHECKING

from hydra_vertex.cli.output import say

from .confirm_options import confirmation_lines

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from hydra_vertex.launcher.preflight.findings import CheckResult
    from hydra_vertex.pipelines.plan import TuningPlan


def check_app(plan: TuningPlan, *, baseline: bool = True) -> CheckResult:
    """Check the plan with the app, in the environment that the search file gives it. Raises UserError, AppError.

    `baseline`: the app's own values become the defaults of the result's study.
    """
    from hydra_vertex.launcher.preflight.check import check_space

    with environment_of(plan):
        return check_space(
            plan.app,
            plan.study_spec,
            plan.monitor,
            plan.retrain_overrides,
            plan.sweeps,
            plan.aliases,
            plan.model.warm_start_key,
            *(() if plan.confirm is None else (plan.confirm.seed_key, plan.confirm.seeds)),
            baseline=baseline,
        )


def checked_plan(plan: TuningPlan, result: CheckResult, *, here: bool = False) -> TuningPlan:
    """Return the plan with the study of the check, its conditions and defaults. Raises UserError as `plan_from`."""
    from hydra_vertex.pipelines.refusals import require_acceptable
    from hydra_vertex.pipelines.sizes import require_sizes

    if result.study_spec is None or result.study_spec == plan.study_spec:
        return plan
    checked = dataclasses.replace(plan, study_spec=result.study_spec)
    require_acceptable(checked, checked.source, here=here)
    require_sizes(checked, checked.source, os.environ)
    return checked


def environment_of(plan: TuningPlan) -> AbstractContextManager[None]:
    """Set the variables that the search file gives the app, as long as the context lasts."""
    from hydra_vertex.job.env_references import expanded
    from hydra_vertex.launcher.preflight.app_environment import app_environment

    return app_environment(expanded(plan.app_env, {}))


def file_content(plan: TuningPlan) -> Iterator[str]:
    """Yield lines with what the search file sets in the app's config, and which parts of it have no effect."""
    if plan.file_overrides:
        yield f"{plan.source} sets {shlex.join(plan.file_overrides)}"
    yield from (f"{plan.source}: {notice}" for notice in plan.notices)
    yield from confirmation_lines(plan)


def require_checked(result: CheckResult, source: str) -> None:
    """Print the notices of a check, and its findings if there are several. Raises UserError if there are findings."""
    for notice in (*result.notices, *filter(None, [result.first_trial])):
        say(f"{source}: {notice}")
    if len(result.findings) > 1:
        for finding in result.findings:
            say(f"  {finding}")
    result.require()


def require_checked_plan(
    plan: TuningPlan, arguments: argparse.Namespace, *, here: bool = False, on_vertex: bool = False
) -> TuningPlan:
    """Check the plan with the app, and return it with the study of the check. Raises UserError, AppError.

    With `on_vertex`, the study gets no default values, which is said.
    """
    from hydra_vertex.pipelines.effect import NO_BASELINE_ON_VERTEX

    result = check_app(plan, baseline=not (arguments.no_baseline or on_vertex))
    if on_vertex and not arguments.no_baseline:
        say(NO_BASELINE_ON_VERTEX)
    require_checked(result, plan.source)
    return checked_plan(plan, result, here=here)
