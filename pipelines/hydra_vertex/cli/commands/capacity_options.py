"""The options about the machines' capacity: one strategy, or a ladder of strategies and locations."""

from __future__ import annotations

import argparse
import dataclasses
from typing import TYPE_CHECKING

from hydra_vertex.cli.option_types import word
from hydra_vertex.protocol.errors import CommandError, UserError

from .cost_options import duration, parsed

if TYPE_CHECKING:
    from hydra_vertex.pipelines.plan import TuningPlan

MAX_WAIT_S = 1800.0
"""How long a rung of a ladder waits for machines, in seconds, unless given."""


def add_strategy_options(group: argparse._ArgumentGroup) -> None:
    """Add the options of the strategy; `arguments.strategy` has the API's names, None for none."""
    strategy = group.add_mutually_exclusive_group()
    strategy.add_argument(
        "--strategy",
        type=parsed(_strategies),
        metavar="LIST",
        help="spot, flex-start or on-demand; of a list such as spot,flex-start,on-demand, submit tries the next when "
        "one cannot be had within --max-wait (default: the file's, else on-demand)",
    )
    strategy.add_argument(
        "--spot", dest="strategy", action="store_const", const=("SPOT",), help="the same as --strategy spot"
    )
    group.add_argument(
        "--max-wait",
        type=parsed(duration),
        metavar="TIME",
        help="how long to wait for machines, such as 30m: with a list or several regions, before the next is tried "
        f"(default: {MAX_WAIT_S / 60:g}m); with flex-start alone, before a trial is ended (0: no limit; default: 24h)",
    )


def add_location_option(parser: argparse.ArgumentParser) -> None:
    """Add the option of the trials' regions."""
    parser.add_argument_group("regions of the trials").add_argument(
        "--trial-location",
        type=word,
        action="append",
        default=[],
        metavar="REGION",
        help="region of the trials; may be repeated: all are tried with each strategy (default: --location)",
    )


def tries_several(arguments: argparse.Namespace) -> bool:
    """Whether the options describe a ladder: several strategies or several regions."""
    return len(arguments.strategy or ()) > 1 or len(getattr(arguments, "trial_location", ())) > 1


def with_ladder(plan: TuningPlan, arguments: argparse.Namespace) -> TuningPlan:
    """Return the plan with the ladder that the options describe, if any.

    Raises CommandError when a region is given twice, for a wait of 0 s, and beside --attach or --reuse, UserError for a
    strategy that the trials' job cannot have.
    """
    from hydra_vertex.launcher.capacity.rungs import make_ladder
    from hydra_vertex.launcher.capacity.strategies import strategy_of

    locations = tuple(arguments.trial_location) or (arguments.location,)
    if len(set(locations)) < len(locations):
        raise CommandError(f"--trial-location {', '.join(locations)}: give each region once")
    if not tries_several(arguments) and locations == (arguments.location,):
        return plan
    wait_s = arguments.max_wait if arguments.max_wait is not None and tries_several(arguments) else MAX_WAIT_S
    if wait_s <= 0:
        raise CommandError("--max-wait 0: with several strategies or regions, expected a duration above 0, such as 30m")
    if plan.attach:
        raise CommandError(
            f"--{plan.attach} takes a job that exists, and several strategies or regions make new ones; leave one out"
        )
    strategies = arguments.strategy or (strategy_of(plan.trial_job_spec),)
    _require_possible(plan, strategies)
    return dataclasses.replace(plan, ladder=make_ladder(strategies, locations, wait_s))


def _require_possible(plan: TuningPlan, strategies: tuple[str, ...]) -> None:
    from hydra_vertex.pipelines.trial_settings import strategy_problem

    for strategy in strategies:
        if problem := strategy_problem(plan.trial_job_spec, strategy):
            raise UserError(f"--strategy: {problem}")


def _strategies(text: str) -> tuple[str, ...]:
    from hydra_vertex.launcher.capacity.strategies import parse_strategies

    return parse_strategies(text)
