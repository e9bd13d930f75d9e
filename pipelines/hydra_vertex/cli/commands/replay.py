"""`hydra-vertex replay`: what other settings would have cost and found, from the record of a study."""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeVar

from hydra_vertex.cli.documents import show_document
from hydra_vertex.cli.option_types import whole_number
from hydra_vertex.cli.output import say, show, show_table
from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.errors import CommandError, UserError

from .cost_options import prices_of
from .job_options import add_finished_study_arguments, job_from
from .study_options import add_json_option, add_parser

if TYPE_CHECKING:
    from hydra_vertex.job import AutomatedStopping
    from hydra_vertex.service.replay import Outcome, RecordedStudy, Setting

    from .replay_money import Money

T = TypeVar("T")

RULES = ("none", "median", "decay-curve", "convex", "recorded")
MAX_SETTINGS = 100
MAX_RESAMPLES = 10_000
DEFAULT_RULES = ("none", "median", "decay-curve")


def add_command(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command and its options."""
    parser = add_parser(
        commands,
        "replay",
        "replay the recorded trials of a study: what another stopping rule, parallelism or number of trials would have "
        "cost and found",
        "hydra-vertex replay runs/docs --early-stopping none,median,decay-curve --parallel 1,4,8\n"
        "  hydra-vertex replay sqlite:///optuna.db --study docs --early-stopping decay-curve --trials 24",
    )
    add_finished_study_arguments(parser)
    _add_setting_options(parser)
    parser.add_argument(
        "--hourly-price",
        action="append",
        default=[],
        metavar="PRICE",
        help="your price of one worker for one hour, as for `submit`, for the costs",
    )
    parser.add_argument(
        "--resamples",
        type=_resamples,
        metavar="N",
        help="random orders, and random halves of the trials, for the intervals of each setting; 0: no intervals "
        "(default: 20 to 100, fewer with more measurements)",
    )
    parser.add_argument(
        "--seed", type=whole_number(0), default=0, metavar="N", help="seed of the resamples (default: 0)"
    )
    add_json_option(parser)
    parser.set_defaults(run=run)


def _add_setting_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("settings", "every combination is replayed")
    group.add_argument(
        "--early-stopping",
        type=_listed(_rule),
        action="extend",
        metavar="RULE[,RULE]",
        help=f"stopping rules: {', '.join(RULES[:-1])}, or recorded, the study's own (default: "
        f"{', '.join(DEFAULT_RULES)}; none for a study without curves)",
    )
    for option, default in (("--parallel", "as many as the study ran at once"), ("--trials", "all that have ended")):
        group.add_argument(
            option,
            type=_listed(whole_number(1)),
            action="extend",
            metavar="N[,N]",
            help=f"{'trials at once' if option == '--parallel' else 'numbers of trials'} (default: {default})",
        )


def run(arguments: argparse.Namespace) -> int:
    """Replay the study with each setting. Raises UserError for a study or a setting that cannot be replayed."""
    from hydra_vertex.service.replay import outcome_of, recorded_study, require_possible

    from .replay_money import money_of

    job = job_from(arguments)
    study = recorded_study(job)
    settings = list(_settings(arguments, study))
    for setting in settings:
        require_possible(study, setting)
    money = money_of(job, prices_of(arguments.hourly_price))
    outcomes: list[Outcome] = []
    for setting in settings:
        _say_progress(setting, len(outcomes), len(settings))
        outcomes.append(outcome_of(study, setting, arguments.resamples, arguments.seed))
    _print(study, outcomes, money, arguments)
    return 0


def _settings(arguments: argparse.Namespace, study: RecordedStudy) -> Iterator[Setting]:
    """Yield every combination once. Raises UserError for too many, and for `recorded` without a rule."""
    from hydra_vertex.service.replay import Setting

    default = DEFAULT_RULES if study.has_curves else ("none",)
    rules = _unique(arguments.early_stopping or default)
    parallel = _unique(arguments.parallel or [study.parallel])
    trials = _unique(arguments.trials or [len(study.trials)])
    count = len(rules) * len(parallel) * len(trials)
    if count > MAX_SETTINGS:
        raise UserError(f"{count} settings: --early-stopping, --parallel and --trials may have {MAX_SETTINGS} at most")
    for number, rule, at_once in itertools.product(trials, rules, parallel):
        yield Setting(rule, _rule_named(rule, study), at_once, number)


def _rule_named(name: str, study: RecordedStudy) -> AutomatedStopping | None:
    from hydra_vertex.pipelines.plan import EARLY_STOPPING

    if name != "recorded":
        return EARLY_STOPPING[name]
    if study.rule is None:
        raise CommandError(
            f"--early-stopping recorded: {study.name} has no stopping rule in its spec; give one of "
            f"{', '.join(RULES[:-1])}"
        )
    return study.rule


def _say_progress(setting: Setting, done: int, of: int) -> None:
    if sys.stderr.isatty():
        say(f"{setting.rule_name}, {setting.parallel} at once, {setting.trials} trials ({done + 1} of {of}) …")


def _print(study: RecordedStudy, outcomes: list[Outcome], money: Money, arguments: argparse.Namespace) -> None:
    if arguments.json:
        from .replay_document import document

        show_document("replay", document(study, outcomes, money, arguments.seed))
        return
    from .replay_text import explanation, headings, rows

    show_table(
        headings(money), rows(study, outcomes, money), title=f"{study.name}: {len(study.trials)} recorded trials"
    )
    for line in explanation(study, outcomes):
        show(line)


def _resamples(text: str) -> int:
    """Parse a number of resamples. Of one there is no interval."""
    try:
        count = whole_number(0, MAX_RESAMPLES)(text)
    except argparse.ArgumentTypeError:
        count = 1
    if count == 1:
        raise argparse.ArgumentTypeError(
            f"{excerpt(repr(text))}: expected 0, or a whole number from 2 to {MAX_RESAMPLES}"
        )
    return count


def _rule(text: str) -> str:
    if text not in RULES:
        raise argparse.ArgumentTypeError(f"{excerpt(repr(text))}: expected one of {', '.join(RULES)}")
    return text


def _listed(parse: Callable[[str], T]) -> Callable[[str], list[T]]:
    """Return a type for one value or several with commas between them."""

    def parse_list(text: str) -> list[T]:
        return [parse(part.strip()) for part in text.split(",")]

    return parse_list


def _unique(values: list[T] | tuple[T, ...]) -> list[T]:
    return list(dict.fromkeys(values))
