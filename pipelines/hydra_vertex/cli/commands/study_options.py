"""Options that several commands share."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hydra_vertex.pipelines.plan import TuningPlan


APP_USAGE = "--search FILE [options] -- python train.py [ARGUMENT ...]"


def add_parser(
    commands: argparse._SubParsersAction[argparse.ArgumentParser],
    name: str,
    summary: str,
    example: str,
    usage: str | None = None,
) -> argparse.ArgumentParser:
    """A command's parser, with its summary in the list of commands and an example at the end of its help.

    `usage` is what stands behind the command's name; None lists the options, which leaves out an app's command.
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
    """The options that describe a study."""
    study = parser.add_argument_group("study")
    study.add_argument(
        "--search",
        type=Path,
        required=True,
        metavar="FILE",
        help="search space: a Hydra sweeper file, or the YAML that gcloud ai hp-tuning-jobs create takes",
    )
    study.add_argument("--trials", type=int, metavar="N", help="trials in all (default: the file's n_trials, else 20)")
    study.add_argument("--parallel", type=int, metavar="N", help="trials at once (default: the file's n_jobs, else 2)")
    study.add_argument(
        "--trial-timeout", type=positive_seconds, metavar="SECONDS", help="end a trial that runs longer (default: none)"
    )
    study.add_argument(
        "--max-failed-trials",
        type=count,
        default=0,
        metavar="N",
        help="end the study after so many failed trials (default: failed trials never end it)",
    )
    study.add_argument(
        "--early-stopping",
        choices=("median", "decay-curve", "convex", "none"),
        help="end trials that lead nowhere, by this rule of Vertex AI (default: the file's rule, else none)",
    )
    study.add_argument(
        "--monitor",
        action="append",
        default=[],
        metavar="NAME",
        help="report this metric of Lightning at every validation; may be repeated (default: with early stopping, the "
        "objective)",
    )
    study.add_argument(
        "--name", default="", help="the study's display name (default: from the app and the search file)"
    )


def add_retrain_option(parser: argparse.ArgumentParser) -> None:
    """What the retraining changes in the best config."""
    parser.add_argument(
        "--retrain",
        action="append",
        default=[],
        metavar="OVERRIDE",
        help="a Hydra override for the retraining alone, such as trainer.max_steps=2000; may be repeated",
    )


def add_json_option(parser: argparse.ArgumentParser) -> None:
    """Machine-readable output."""
    parser.add_argument("--json", action="store_true", help="print the result as one JSON object on stdout")


def plan_from(arguments: argparse.Namespace) -> TuningPlan:
    """The plan that the shared options describe."""
    from hydra_vertex.pipelines.plan import make_plan

    return make_plan(
        arguments.search,
        arguments.app,
        trials=arguments.trials,
        parallel=arguments.parallel,
        trial_timeout_s=arguments.trial_timeout,
        max_failed_trials=arguments.max_failed_trials,
        name=arguments.name,
        retrain_overrides=tuple(getattr(arguments, "retrain", ())),
        early_stopping=arguments.early_stopping,
        monitor=tuple(arguments.monitor),
    )


def positive_seconds(text: str) -> float:
    """A duration above zero, for argparse."""
    seconds = float(text)
    if not 0 < seconds < float("inf"):
        raise argparse.ArgumentTypeError(f"{text} is no number of seconds above 0")
    return seconds


def count(text: str) -> int:
    """A whole number from 0 up, for argparse."""
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError(f"{text} is below 0")
    return number
