"""`hydra-vertex check`: checks a search space against the app's composed config, without starting a study."""

from __future__ import annotations

import argparse
import dataclasses
import math
import uuid
from typing import TYPE_CHECKING

from hydra_vertex.cli.documents import show_document
from hydra_vertex.cli.option_types import override, seconds
from hydra_vertex.cli.output import say, show, show_table
from hydra_vertex.protocol.errors import CommandError

from .app_check import check_app, checked_plan, environment_of, file_content
from .cost_options import add_cost_options, estimate_of, with_limits
from .earlier_options import EarlierStudies, add_start_from_option, earlier_studies_from
from .narrow_options import NarrowedPlan, add_narrow_option, narrowed_plan, require_sources, show_narrowed
from .study_options import APP_USAGE, add_json_option, add_parser, add_retrain_option, add_tuning_options, plan_from
from .trial_machine_options import add_machine_check_option

if TYPE_CHECKING:
    from hydra_vertex.launcher.preflight.findings import CheckResult
    from hydra_vertex.launcher.preflight.smoke import SmokeTrial
    from hydra_vertex.pipelines.plan import TuningPlan
    from hydra_vertex.protocol.json import Json, JsonObject

    from .cost_options import CostEstimate

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
    add_start_from_option(parser)
    add_narrow_option(parser)
    add_retrain_option(parser)
    add_cost_options(parser)
    _add_smoke_options(parser)
    add_machine_check_option(parser)
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
        metavar="TIME",
        help=f"with --smoke: end the trial after this time, such as 5m (default: {SMOKE_LIMIT_S / 60:g}m)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Check the search space; print its parameters with their types in the app's config. Raises UserError."""
    from hydra_vertex.pipelines.local.guard import children_marked, guarded, marker

    _require_smoke(arguments)
    require_sources(arguments)
    plan = with_limits(plan_from(arguments), arguments)
    estimate = estimate_of(plan, arguments)
    earlier = earlier_studies_from(plan, arguments, narrows=arguments.narrow)
    mark = marker(uuid.uuid4().hex)
    with guarded(mark), children_marked(mark):
        # A study on Vertex AI has no first trial.
        result = check_app(plan, baseline=not (arguments.no_baseline or arguments.narrow))
        plan = plan if result.findings else checked_plan(plan, result)
        narrowed = NarrowedPlan(plan) if result.findings else narrowed_plan(plan, earlier, arguments)
        trial = _smoke_trial(plan, result, arguments) if arguments.smoke and not result.findings else None
    if trial is not None and trial.finding is not None:
        result = dataclasses.replace(result, findings=(trial.finding,))
    if arguments.json:
        show_document("check", _document(narrowed, result, trial, estimate, earlier))
    else:
        _print_result(plan, result, trial)
        if not result.findings:
            for line in (*_lines(plan, result, estimate), *_earlier_lines(earlier, narrowed)):
                show(line)
            show_narrowed(narrowed)
    result.require()
    return 0


def _lines(plan: TuningPlan, result: CheckResult, estimate: CostEstimate) -> tuple[str, ...]:
    first = (result.first_trial,) if result.first_trial else ()
    return (*file_content(plan), *result.notices, *first, *estimate.lines())


def _earlier_lines(earlier: EarlierStudies, narrowed: NarrowedPlan) -> tuple[str, ...]:
    """Return what is used of the earlier studies, without the ranges that a narrowed space replaces."""
    return earlier.lines() if narrowed.narrowing is None else earlier.notices


def _require_smoke(arguments: argparse.Namespace) -> None:
    for option, value in (
        ("--smoke-overrides", arguments.smoke_overrides),
        ("--smoke-timeout", arguments.smoke_timeout),
    ):
        if value and not arguments.smoke:
            raise CommandError(f"{option} needs --smoke; add --smoke")


def _smoke_trial(plan: TuningPlan, result: CheckResult, arguments: argparse.Namespace) -> SmokeTrial:
    from hydra_vertex.launcher.preflight.check import trial_options
    from hydra_vertex.launcher.preflight.smoke import smoke_trial

    limit_s = arguments.smoke_timeout or SMOKE_LIMIT_S
    say(f"running one trial, for at most {limit_s:g} s")
    metric = plan.study_spec.objective.id
    with environment_of(plan):
        return smoke_trial(
            plan.app,
            (*result.base, *arguments.smoke_overrides),
            metric,
            others=plan.study_spec.other_metric_ids,
            monitor=plan.monitor,
            options=trial_options(plan.study_spec.metric_text, plan.monitor, plan.sweeps, plan.aliases),
            limit_s=limit_s,
        )


def _document(
    narrowed: NarrowedPlan,
    result: CheckResult,
    trial: SmokeTrial | None,
    estimate: CostEstimate,
    earlier: EarlierStudies,
) -> JsonObject:
    from hydra_vertex.job import dump_study_spec

    plan = narrowed.plan
    return {
        "displayName": plan.display_name,
        "maxTrialCount": plan.max_trial_count,
        "parallelTrialCount": plan.parallel_trial_count,
        "fileOverrides": list(plan.file_overrides),
        "findings": [finding.document() for finding in result.findings],
        "estimate": estimate.document(),
        "notices": [*plan.notices, *result.notices, *estimate.notices, *earlier.notices, *narrowed.lines()],
        "firstTrial": result.first_trial,
        "earlierRanges": list(earlier.ranges),
        "narrowed": narrowed.document(),
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
        **({"otherValues": dict(trial.values)} if trial.values else {}),
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
        values = {trial.metric: trial.value, **trial.values}
        reported = ", ".join(f"{name} = {value:.6g}" for name, value in values.items())
        show(f"one trial reported {reported} after {trial.duration_s:.1f} s")
    elif trial is not None:
        for line in trial.last_lines:
            show(f"  {line}")


def _print_table(plan: TuningPlan, result: CheckResult) -> None:
    from hydra_vertex.launcher.preflight.space_table import space_rows

    columns, rows = space_rows(plan.study_spec.parameters, result.types)
    show_table(columns, rows)
    goals = " and ".join(f"{metric.goal.value.lower()} {metric.id}" for metric in plan.study_spec.metrics)
    show(
        f"{goals}, {plan.max_trial_count} trials, "
        f"{plan.parallel_trial_count} at once: the app's config accepts every parameter ({result.tried} points tried)"
    )
