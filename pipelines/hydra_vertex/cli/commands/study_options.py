"""Command line options that several commands share, and the plan that they describe."""

from __future__ import annotations

import argparse
import os
import shlex
from typing import TYPE_CHECKING

from hydra_vertex.cli.option_types import (
    alias,
    display_name,
    file_path,
    finite_number,
    override,
    seconds,
    whole_number,
    word,
)
from hydra_vertex.cli.output import hide_secrets_of, say
from hydra_vertex.launcher.decisions import FAIL, ON_MISSED_THRESHOLD, ON_UNSUCCESSFUL_JOB

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from hydra_vertex.launcher.preflight.findings import CheckResult
    from hydra_vertex.pipelines.plan import TuningPlan


APP_USAGE = "[--search FILE] [options] -- python train.py [ARGUMENT ...]"


def add_parser(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    summary: str,
    example: str,
    usage: str | None = None,
) -> argparse.ArgumentParser:
    """Add the parser of a command, with a summary for the list of commands and an example for its help.

    `usage` is the text after the command's name; None generates it from the options, without an app's command.
    """
    return commands.add_parser(
        name,
        help=summary,
        usage=None if usage is None else f"hydra-vertex {name} {usage}",
        description=f"{summary[0].upper()}{summary[1:]}.",
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_tuning_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that describe a study."""
    study = parser.add_argument_group("study")
    _add_space_options(study)
    _add_trial_options(study)
    _add_decision_options(study)


def _add_space_options(study: argparse._ArgumentGroup) -> None:
    study.add_argument(
        "--search",
        type=file_path,
        metavar="FILE",
        help="search space: a Hydra sweeper file, or the YAML that gcloud ai hp-tuning-jobs create takes (default: the "
        "one that the app's command chooses, such as hparams_search=NAME)",
    )
    study.add_argument(
        "--trials", type=whole_number(1), metavar="N", help="number of trials (default: the file's n_trials, else 20)"
    )
    study.add_argument(
        "--parallel",
        type=whole_number(1),
        metavar="N",
        help="trials at once (default: the file's n_jobs, else 2)",
    )
    study.add_argument(
        "--alias",
        type=alias,
        action="append",
        default=[],
        metavar="ID=KEY",
        help="the parameter ID of the search space sets the app's KEY; may be repeated",
    )
    study.add_argument(
        "--seed",
        type=whole_number(0),
        metavar="N",
        help="seed of the suggestions, which only the embedded service has (default: the file's sampler seed, else "
        "made from the job's id)",
    )
    study.add_argument(
        "--name",
        type=display_name,
        help="display name of the study (default: the file's displayName, else made from the app and the search file)",
    )


def _add_trial_options(study: argparse._ArgumentGroup) -> None:
    study.add_argument(
        "--trial-timeout",
        type=seconds,
        metavar="SECONDS",
        help="end a trial that runs longer (default: no limit)",
    )
    study.add_argument(
        "--max-failed-trials",
        type=whole_number(0),
        metavar="N",
        help="end the study after N failed trials; 0: no limit (default: the file's maxFailedTrialCount, else 0)",
    )
    study.add_argument(
        "--early-stopping",
        choices=("median", "decay-curve", "convex", "none"),
        help="end unpromising trials by this rule of Vertex AI (default: the file's rule, else none)",
    )
    study.add_argument(
        "--monitor",
        type=word,
        action="append",
        default=[],
        metavar="NAME",
        help="report this Lightning metric at every validation; may be repeated (default: the objective if there is "
        "early stopping, else none)",
    )


def _add_decision_options(study: argparse._ArgumentGroup) -> None:
    study.add_argument(
        "--on-unsuccessful-job",
        choices=ON_UNSUCCESSFUL_JOB,
        default=FAIL,
        help="when the tuning job failed, was cancelled or expired: fail the run, or select from what was measured "
        "(default: fail)",
    )
    study.add_argument(
        "--metric-threshold",
        type=finite_number,
        metavar="X",
        help="the worst value of the metric that is good enough: at most X when it is minimized, at least X when it is "
        "maximized",
    )
    study.add_argument(
        "--on-missed-threshold",
        choices=ON_MISSED_THRESHOLD,
        default=FAIL,
        help="when no trial reaches --metric-threshold: fail the run, or end it without a retraining (default: fail)",
    )


def add_retrain_option(parser: argparse.ArgumentParser) -> None:
    """Add the option for overrides of the retraining."""
    parser.add_argument(
        "--retrain",
        type=override,
        action="append",
        default=[],
        metavar="OVERRIDE",
        help="a Hydra override for the retraining only, such as trainer.max_steps=2000; may be repeated",
    )


def add_no_check_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that leaves out the check of the app."""
    parser.add_argument(
        "--no-check", action="store_true", help="do not check the app's config, for a machine without the app"
    )


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """Add the option for JSON output."""
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object on stdout")


def plan_from(arguments: argparse.Namespace, *, here: bool = False) -> TuningPlan:
    """Return the plan that the shared options describe, checked against the rules of every service.

    With `here`, it is also checked against the limits of the embedded service. Raises UserError.
    """
    from hydra_vertex.pipelines.plan import make_plan
    from hydra_vertex.pipelines.refusals import require_acceptable
    from hydra_vertex.pipelines.sizes import require_sizes

    plan = make_plan(
        arguments.search,
        arguments.app,
        trials=arguments.trials,
        parallel=arguments.parallel,
        trial_timeout_s=arguments.trial_timeout,
        max_failed_trials=arguments.max_failed_trials,
        name=arguments.name or "",
        retrain_overrides=tuple(getattr(arguments, "retrain", ())),
        early_stopping=arguments.early_stopping,
        monitor=tuple(arguments.monitor),
        aliases=tuple(arguments.alias),
        seed=arguments.seed,
        on_unsuccessful_job=arguments.on_unsuccessful_job,
        metric_threshold=arguments.metric_threshold,
        on_missed_threshold=arguments.on_missed_threshold,
    )
    require_acceptable(plan, plan.source, here=here)
    require_sizes(plan, plan.source, os.environ)
    hide_secrets_of((*arguments.typed, *plan.app))
    return plan


def check_app(plan: TuningPlan) -> CheckResult:
    """Check the plan with the app, in the environment that the search file gives it. Raises UserError, AppError."""
    from hydra_vertex.launcher.preflight.check import check_space

    with environment_of(plan):
        return check_space(plan.app, plan.study_spec, plan.monitor, plan.retrain_overrides, plan.sweeps, plan.aliases)


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


def require_checked(result: CheckResult, source: str) -> None:
    """Print the notices of a check, and its findings if there are several. Raises UserError if there are findings."""
    for notice in result.notices:
        say(f"{source}: {notice}")
    if len(result.findings) > 1:
        for finding in result.findings:
            say(f"  {finding}")
    result.require()
