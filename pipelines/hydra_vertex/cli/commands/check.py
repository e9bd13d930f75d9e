"""`hydra-vertex check`: checks a search space against the app's composed config, without starting a trial."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from hydra_vertex.cli.output import say, show, show_json, show_table

from .study_options import APP_USAGE, add_json_option, add_parser, add_tuning_options, file_content, plan_from

if TYPE_CHECKING:
    from hydra_vertex.job import ParameterSpec
    from hydra_vertex.pipelines.plan import TuningPlan
    from hydra_vertex.protocol.explanation import Explanation


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
    add_json_option(parser)
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Check the search space and print its parameters with their types in the app's config."""
    from hydra_vertex.launcher.preflight.check import check_space
    from hydra_vertex.launcher.preflight.interpreter import other_interpreter
    from hydra_vertex.launcher.preflight.type_notes import type_notes

    plan = plan_from(arguments)
    explanation = check_space(plan.app, plan.study_spec, plan.monitor, sweeps=plan.sweeps)
    interpreter = other_interpreter(explanation)
    if interpreter is not None:
        say(interpreter)
    if arguments.json:
        _print_json(plan, explanation)
    else:
        _print_table(plan, explanation)
        for line in (*file_content(plan, arguments.search), *type_notes(explanation)):
            show(line)
    return 0


def _print_json(plan: TuningPlan, explanation: Explanation) -> None:
    from hydra_vertex.job import dump_study_spec
    from hydra_vertex.launcher.preflight.type_notes import type_notes

    show_json(
        {
            "displayName": plan.display_name,
            "maxTrialCount": plan.max_trial_count,
            "parallelTrialCount": plan.parallel_trial_count,
            "fileOverrides": list(plan.file_overrides),
            "notices": [*plan.notices, *type_notes(explanation)],
            "studySpec": dump_study_spec(plan.study_spec),
            "types": {argument.key: argument.type for argument in explanation.arguments if argument.type},
        },
        indent=2,
    )


def _print_table(plan: TuningPlan, explanation: Explanation) -> None:
    types = {argument.key: argument.type for argument in explanation.arguments}
    rows = [
        (spec.id, types.get(spec.id, ""), describe_domain(spec), spec.scale.value if spec.scale else "")
        for spec in plan.study_spec.parameters
    ]
    show_table(("parameter", "type in the app", "values", "scale"), rows)
    objective = plan.study_spec.objective
    show(
        f"{objective.goal.value.lower()} {objective.id}, {plan.max_trial_count} trials, "
        f"{plan.parallel_trial_count} at once: the app's config accepts every parameter"
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
