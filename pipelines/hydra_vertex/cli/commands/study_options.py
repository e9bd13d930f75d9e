"""Command line options that several commands share, and the plan that they describe."""

from __future__ import annotations

import argparse
import os
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
from hydra_vertex.cli.output import hide_secrets_of
from hydra_vertex.launcher.decisions import FAIL, ON_MISSED_THRESHOLD, ON_UNSUCCESSFUL_JOB

from .confirm_options import add_confirm_options, with_confirmation
from .engine_options import with_engine_pools
from .model_options import add_model_options, model_decisions_from

if TYPE_CHECKING:
    from hydra_vertex.pipelines.plan import TuningPlan
    from hydra_vertex.pipelines.trial_settings import TrialSettings
    from hydra_vertex.service.trials.engines.options import EngineOptions


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
    add_confirm_options(parser)


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
        "`run` draws one)",
    )
    study.add_argument(
        "--no-baseline",
        action="store_true",
        help="do not make the app's own config the first trial (default: its values are the defaults of the space)",
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
        metavar="TIME",
        help="end a trial that runs longer, such as 90m or 5400 (seconds); default: no limit",
    )
    study.add_argument(
        "--max-failed-trials",
        type=whole_number(0),
        metavar="N",
        help="end the study after N failed trials; 0: no number ends it, but a study whose first 8 trials (or twice as "
        "many as run at once) all fail with the same reason is cancelled (default: the file's maxFailedTrialCount, "
        "else 0)",
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
    add_prefer_option(study)


def add_prefer_option(group: argparse._ActionsContainer) -> None:
    """Add the option that selects one trial of a Pareto set."""
    group.add_argument(
        "--prefer",
        type=word,
        metavar="METRIC",
        help="with several objectives, select the trial of the Pareto set with the best value of this one (default: "
        "the closest to the best value of every objective)",
    )


def add_retrain_option(parser: argparse.ArgumentParser) -> None:
    """Add the options for the retraining and for the model."""
    parser.add_argument(
        "--retrain",
        type=override,
        action="append",
        default=[],
        metavar="OVERRIDE",
        help="a Hydra override for the retraining only, such as trainer.max_steps=2000; may be repeated",
    )
    add_model_options(parser)


def add_no_check_option(parser: argparse.ArgumentParser) -> None:
    """Add the option that leaves out the check of the app."""
    parser.add_argument(
        "--no-check", action="store_true", help="do not check the app's config, for a machine without the app"
    )


def add_json_option(parser: argparse._ActionsContainer) -> None:
    """Add the option for JSON output."""
    parser.add_argument("--json", action="store_true", help="print one JSON object on stdout, and nothing else there")


def plan_from(
    arguments: argparse.Namespace,
    *,
    here: bool = False,
    trials: TrialSettings | None = None,
    engine: EngineOptions | None = None,
) -> TuningPlan:
    """Return the plan that the shared options describe, checked against the rules of every service.

    With `here`, it is also checked against the limits of the embedded service; otherwise its machines are checked.
    `trials` are settings for jobs on Vertex AI; `engine` runs the trials of the embedded service, which then has
    options of their worker pools. Raises UserError.
    """
    from hydra_vertex.pipelines.machine_pairs import require_known_machines
    from hydra_vertex.pipelines.plan import make_plan
    from hydra_vertex.pipelines.refusals import require_acceptable
    from hydra_vertex.pipelines.secret_syntax import require_secret_syntax
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
        model=model_decisions_from(arguments, here=here),
        prefer=arguments.prefer or "",
    )
    if trials is not None:
        from hydra_vertex.pipelines.trial_machine import with_trial_settings

        plan = with_trial_settings(plan, trials)
    if engine is not None:
        plan = with_engine_pools(plan, arguments, engine)
    if not here and not arguments.no_machine_check:
        require_known_machines(plan.trial_job_spec, plan.source if trials is None else f"{plan.source} and the options")
    require_acceptable(plan, plan.source, here=here)
    plan = with_confirmation(plan, arguments)
    require_sizes(plan, plan.source, os.environ)
    require_secret_syntax(plan, plan.source)
    hide_secrets_of((*arguments.typed, *plan.app))
    return plan
