"""The options about time and money that `check`, `run` and `submit` share, and the estimate that they give."""

from __future__ import annotations

import argparse
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, TypeVar

from hydra_vertex.protocol.errors import CommandError

if TYPE_CHECKING:
    from hydra_vertex.launcher.cost.durations import DurationRange
    from hydra_vertex.launcher.cost.estimate import Amount, Estimate, Workload
    from hydra_vertex.launcher.cost.limits import SpendingLimits
    from hydra_vertex.launcher.cost.prices import Prices
    from hydra_vertex.pipelines.plan import TuningPlan
    from hydra_vertex.protocol.json import Json

T = TypeVar("T")

PROVISIONING_S = 300.0
"""Seconds from the start of a trial's job to that of its app on Vertex AI, unless given: machine and image."""


@dataclasses.dataclass(frozen=True, slots=True)
class CostEstimate:
    """The estimate of a study: one for each strategy that its trials may have, by the strategy's word."""

    prices: Prices
    by_strategy: tuple[tuple[str, Workload, Estimate], ...]
    notices: tuple[str, ...] = ()

    def lines(self) -> Iterator[str]:
        """Yield the estimate as lines for the user."""
        from hydra_vertex.launcher.cost.workload import estimate_lines

        for word, work, found in self.by_strategy:
            if len(self.by_strategy) > 1:
                yield f"with {word} machines:"
            yield from estimate_lines(work, found, self.prices)
        yield from self.notices

    def document(self) -> Json:
        """Return the estimate as JSON; null when no duration of a trial was given."""
        if not self.by_strategy:
            return None
        return {
            "currency": self.prices.currency,
            "strategies": {word: _document(work, found) for word, work, found in self.by_strategy},
        }


def add_cost_options(parser: argparse.ArgumentParser) -> None:
    """Add the options."""
    group = parser.add_argument_group("time and money")
    group.add_argument(
        "--trial-duration",
        type=parsed(_range),
        metavar="TIME",
        help="how long a trial takes, such as 30m or 20m..1h: prints the study's time and cost before it starts",
    )
    group.add_argument(
        "--hourly-price",
        action="append",
        default=[],
        metavar="PRICE",
        help="your price of one worker for one hour, such as '2.1 EUR'; by machine and strategy: g2-standard-8=0.85, "
        "g2-standard-8@spot=0.30, @spot=0.30; may be repeated",
    )
    group.add_argument(
        "--provisioning",
        type=parsed(duration),
        metavar="TIME",
        help=f"time before each trial for machine and image (default: {PROVISIONING_S / 60:g}m; with `run` 0)",
    )
    group.add_argument(
        "--max-cost",
        type=parsed(_positive),
        metavar="AMOUNT",
        help="end the study when its trials have cost this much, and keep the best so far; needs --hourly-price",
    )
    group.add_argument(
        "--max-worker-hours",
        type=parsed(_positive),
        metavar="HOURS",
        help="end the study when its workers have run for this long together, and keep the best so far",
    )


def with_limits(plan: TuningPlan, arguments: argparse.Namespace) -> TuningPlan:
    """Return the plan with the spending limits and prices of the options.

    Raises CommandError for prices that contradict each other and for a limit without a price, UserError when a machine
    has no price.
    """
    from hydra_vertex.launcher.cost.limits import SpendingLimits
    from hydra_vertex.launcher.cost.prices import hourly_rate

    prices = prices_of(arguments.hourly_price)
    if arguments.max_cost is not None and not prices.prices:
        raise CommandError("--max-cost needs --hourly-price, your price of one worker for one hour")
    limits = SpendingLimits(arguments.max_cost, arguments.max_worker_hours, prices)
    plan = dataclasses.replace(plan, spending=limits)
    for spec in plan.possible_trial_jobs():
        hourly_rate(spec, prices)
    return plan


def prices_of(texts: Sequence[str]) -> Prices:
    """Return the prices of the option. Raises CommandError when one has another form or contradicts another."""
    from hydra_vertex.launcher.cost.prices import parse_prices

    try:
        return parse_prices(texts)
    except ValueError as error:
        raise CommandError(f"--hourly-price {error}") from error


def estimate_of(
    plan: TuningPlan, arguments: argparse.Namespace, *, slots: int | None = None, is_local: bool = False
) -> CostEstimate:
    """Return the estimate of a plan with its limits; without a trial duration it has only notices.

    `slots` is the number of trials at once (None: the plan's). `is_local`: the trials run on this machine.
    """
    from hydra_vertex.launcher.capacity.strategies import strategy_of, word_of
    from hydra_vertex.launcher.cost.estimate import estimate
    from hydra_vertex.launcher.cost.workload import workload

    duration: DurationRange | None = arguments.trial_duration
    prices = plan.spending.prices
    found: list[tuple[str, Workload, Estimate]] = []
    for spec in plan.possible_trial_jobs() if duration is not None else ():
        work = workload(
            plan.study_spec,
            spec,
            trials=plan.max_trial_count,
            repeats=0 if plan.confirm is None else plan.confirm.trials,
            slots=slots or plan.parallel_trial_count,
            duration=duration or arguments.trial_duration,
            provisioning_s=_provisioning_s(arguments, is_local=is_local),
            prices=prices,
            is_local=is_local,
        )
        found.append((word_of(strategy_of(spec)), work, estimate(work)))
    return CostEstimate(prices, tuple(found), tuple(_notices(plan, arguments, found)))


def _provisioning_s(arguments: argparse.Namespace, *, is_local: bool) -> float:
    given: float | None = arguments.provisioning
    return (0.0 if is_local else PROVISIONING_S) if given is None else given


def _notices(
    plan: TuningPlan, arguments: argparse.Namespace, found: Sequence[tuple[str, Workload, Estimate]]
) -> Iterator[str]:
    from hydra_vertex.launcher.cost.prices import unused

    for price in unused(plan.spending.prices, plan.possible_trial_jobs()):
        yield f"the price for {price.name or 'any machine'} has no effect: no worker of the trials has it"
    if not found and arguments.provisioning is not None:
        yield "--provisioning has no effect without --trial-duration"
    yield from _limit_notices(plan.spending, found)


def _limit_notices(limits: SpendingLimits, found: Sequence[tuple[str, Workload, Estimate]]) -> Iterator[str]:
    for word, _, estimate in found:
        expected = estimate.expected
        if limits.max_cost is not None and expected.cost is not None and expected.cost > limits.max_cost:
            yield f"the expected cost ({word}) is above --max-cost, so the study ends before its last trial"
        if limits.max_worker_hours is not None and expected.worker_hours > limits.max_worker_hours:
            yield f"the expected worker-hours ({word}) are above --max-worker-hours, so the study ends early"


def _document(work: Workload, found: Estimate) -> Json:
    return {
        "trials": work.trials,
        "repeats": work.repeats,
        "parallelTrials": work.slots,
        "workersPerTrial": work.workers,
        "hourlyRatePerTrial": work.hourly_rate,
        "provisioningSeconds": work.provisioning_s,
        "minimum": _amount(found.minimum),
        "expected": _amount(found.expected),
        "maximum": _amount(found.maximum),
    }


def _amount(amount: Amount) -> Json:
    return {
        "wallClockSeconds": round(amount.wall_s, 3),
        "workerHours": round(amount.worker_hours, 6),
        "cost": None if amount.cost is None else round(amount.cost, 6),
    }


def parsed(parse: Callable[[str], T]) -> Callable[[str], T]:
    """Return a type for argparse, which shows the message of no other error."""

    def convert(text: str) -> T:
        try:
            return parse(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return convert


def _range(text: str) -> DurationRange:
    from hydra_vertex.launcher.cost.durations import parse_range

    return parse_range(text)


def duration(text: str) -> float:
    """Return the seconds of a duration such as `30m`. Raises ValueError."""
    from hydra_vertex.launcher.cost.durations import parse_duration_text

    return parse_duration_text(text)


def _positive(text: str) -> float:
    from hydra_vertex.cli.option_types import finite_number

    number = finite_number(text)
    if number <= 0:
        raise ValueError(f"{text}: expected a number above 0")
    return number
