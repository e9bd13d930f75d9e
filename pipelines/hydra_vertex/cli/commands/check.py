"""`hydra-vertex check`: checks a search space against the app's composed config, without starting a study."""

from __future__ import annotations

import argparse
import dataclasses
import math
from typing import TYPE_CHECKING

from hydra_vertex.cli.option_types import override, seconds
from hydra_vertex.cli.output import say, show, show_json, show_table
from hydra_vertex.protocol.errors import CommandError

from .study_options import (
    APP_USAGE,
    add_json_option,
    add_parser,
    add_retrain_option,
    add_tuning_options,
    check_app,
    environment_of,
    file_content,
    plan_from,
)

if TYPE_CHECKING:
    from hydra_vertex.job import ParameterSpec
    from hydra_vertex.launcher.preflight.findings import CheckResult
    from hydra_vertex.launcher.preflight.smoke import SmokeTrial
    from hydra_vertex.pipelines.plan import TuningPlan
    from hydra_vertex.protocol.json import Json

SMOKE_LIMIT_S = 600.0
"""Time limit of the trial of --smoke in seconds, unless another is given."""


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = add_parser(
        commands,
        "check",
        "check a search space against the app's composed config; nothing is launched",
        "hydra-vertex check --search conf/hparams_search/docs.yaml -- python train.py experiment=docs",
        APP_USAGE,
    )
    add_tuning_options(parser)
    add_retrain_option(parser)
    _add_smoke_options(parser)
    add_json_option(parser)
    parser.set_defaults(run=run)


def _add_smoke_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("one trial")
    group.add_argument(
        "--smoke", action="store_true", help="if nothing is refused, run one trial to its metric, in a temporary folder"
    )
    group.add_argument(
        "--smoke-overrides",
        type=override,
        action="append",
        default=[],
        metavar="OVERRIDE",
        help="with --smoke: a Hydra override for this trial only, such as trainer.max_epochs=1; may be repeated",
    )
    group.add_argument(
        "--smoke-timeout",
        type=seconds,
        default=SMOKE_LIMIT_S,
        metavar="SECONDS",
        help=f"with --smoke: end the trial after this time (default: {SMOKE_LIMIT_S:g})",
    )


def run(arguments: argparse.Namespace) -> int:
    """Check the search space; print its parameters with their types in the app's config. Raises UserError."""
    if arguments.smoke_overrides and not arguments.smoke:
        raise CommandError("--smoke-overrides needs --smoke; add --smoke")
    plan = plan_from(arguments)
    result = check_app(plan)
    trial = _smoke_trial(plan, result, arguments) if arguments.smoke and not result.findings else None
    if trial is not None and trial.finding is not None:
        result = dataclasses.replace(result, findings=(trial.finding,))
    if arguments.json:
        show_json(_document(plan, result, trial), indent=2)
    else:
        _print_result(plan, result, trial)
        for line in () if result.findings else (*file_content(plan), *result.notices):
            show(line)
    result.require()
    return 0


def _smoke_trial(plan: TuningPlan, result: CheckResult, arguments: argparse.Namespace) -> SmokeTrial:
    from hydra_vertex.launcher.preflight.check import trial_options
    from hydra_vertex.launcher.preflight.smoke import smoke_trial

    say(f"running one trial, for at most {arguments.smoke_timeout:g} s")
    metric = plan.study_spec.objective.id
    with environment_of(plan):
        return smoke_trial(
            plan.app,
            (*result.base, *arguments.smoke_overrides),
            metric,
            options=trial_options(metric, plan.monitor, plan.sweeps, plan.aliases),
            limit_s=arguments.smoke_timeout,
        )


def _document(plan: TuningPlan, result: CheckResult, trial: SmokeTrial | None) -> Json:
    from hydra_vertex.job import dump_study_spec

    return {
        "displayName": plan.display_name,
        "maxTrialCount": plan.max_trial_count,
        "parallelTrialCount": plan.parallel_trial_count,
        "fileOverrides": list(plan.file_overrides),
        "findings": [finding.document() for finding in result.findings],
        "notices": [*plan.notices, *result.notices],
        "points": {"tried": result.tried, "notTried": result.not_tried},
        "smoke": None if trial is None else _smoke_document(trial),
        "studySpec": dump_study_spec(plan.study_spec),
        "types": dict(result.types),
    }


def _smoke_document(trial: SmokeTrial) -> Json:
    return {
        "arguments": list(trial.arguments),
        "metric": trial.metric,
        "value": trial.value if trial.value is None or math.isfinite(trial.value) else str(trial.value),
        "seconds": round(trial.duration_s, 3),
        "problem": trial.problem,
        "lastLines": list(trial.last_lines),
    }


def _print_result(plan: TuningPlan, result: CheckResult, trial: SmokeTrial | None) -> None:
    if len(result.findings) > 1:
        rows = [(f.parameter, f.value, " ".join(f.context), f.problem) for f in result.findings]
        show_table(("parameter", "value", "with", "problem"), rows)
    elif not result.findings:
        _print_table(plan, result)
    if trial is not None and not trial.problem:
        show(f"one trial reported {trial.metric} = {trial.value:.6g} after {trial.duration_s:.1f} s")
    elif trial is not None:
        for line in trial.last_lines:
            show(f"  {line}")


def _print_table(plan: TuningPlan, result: CheckResult) -> None:
    from hydra_vertex.job import walk_parameters

    rows = [
        (spec.id, result.types.get(spec.id, ""), describe_domain(spec), spec.scale.value if spec.scale else "")
        for spec in walk_parameters(plan.study_spec.parameters)
    ]
    show_table(("parameter", "type in the app", "values", "scale"), rows)
    objective = plan.study_spec.objective
    show(
        f"{objective.goal.value.lower()} {objective.id}, {plan.max_trial_count} trials, "
        f"{plan.parallel_trial_count} at once: the app's config accepts every parameter ({result.tried} points tried)"
    )


def describe_domain(parameter: ParameterSpec) -> str:
    """Return `1e-05 … 0.1` for a range, or the list of values."""
    from hydra_vertex.job import Categorical, Discrete, DoubleRange, IntegerRange

    match parameter.domain:
        case DoubleRange(low, high) | IntegerRange(low, high):
            return f"{low} … {high}"
        case Categorical(values):
            return ", ".join(values)
        case Discrete(values):
            return ", ".join(f"{value:g}" for value in values)
