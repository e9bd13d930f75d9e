"""`hydra-vertex check`: checks a search space against the app's composed config, without starting a study."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from hydra_vertex.cli.output import show, show_json, show_table

from .study_options import (
    APP_USAGE,
    add_json_option,
    add_parser,
    add_retrain_option,
    add_tuning_options,
    file_content,
    plan_from,
)

if TYPE_CHECKING:
    from hydra_vertex.job import ParameterSpec
    from hydra_vertex.launcher.preflight.findings import CheckResult
    from hydra_vertex.pipelines.plan import TuningPlan
    from hydra_vertex.protocol.json import Json


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
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Check the search space; print its parameters with their types in the app's config, or everything refused."""
    from hydra_vertex.launcher.preflight.check import check_space

    plan = plan_from(arguments)
    result = check_space(plan.app, plan.study_spec, plan.monitor, plan.retrain_overrides, plan.sweeps)
    if arguments.json:
        show_json(_document(plan, result), indent=2)
    else:
        _print_result(plan, result)
        for line in (*file_content(plan, arguments.search), *result.notices):
            show(line)
    result.require()
    return 0


def _document(plan: TuningPlan, result: CheckResult) -> Json:
    from hydra_vertex.job import dump_study_spec

    return {
        "displayName": plan.display_name,
        "maxTrialCount": plan.max_trial_count,
        "parallelTrialCount": plan.parallel_trial_count,
        "fileOverrides": list(plan.file_overrides),
        "findings": [finding.document() for finding in result.findings],
        "notices": [*plan.notices, *result.notices],
        "points": {"tried": result.tried, "notTried": result.not_tried},
        "studySpec": dump_study_spec(plan.study_spec),
        "types": dict(result.types),
    }


def _print_result(plan: TuningPlan, result: CheckResult) -> None:
    if len(result.findings) > 1:
        rows = [(f.parameter, f.value, " ".join(f.context), f.problem) for f in result.findings]
        show_table(("parameter", "value", "with", "problem"), rows)
    elif not result.findings:
        _print_table(plan, result)


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
