"""The sweeps of a search file (`--sweep KEY=SWEEP`): they tell which literal a parameter's value stands for.

A service transfers numbers and texts only: an option `2` arrives as `2.0`, and `null` like the string 'null'. The sweep
gives each value the type and the text that Hydra gives a job of `python app.py -m KEY=SWEEP`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import starmap
from typing import TypeAlias

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import ChoiceSweep, IntervalSweep, Override, QuotedString, RangeSweep
from hydra.errors import HydraException

from hydra_vertex.protocol.errors import ArgumentError
from hydra_vertex.protocol.suggestions import quote_for_message
from hydra_vertex.protocol.sweep_values import SweepOption, option_with

from .arguments import Argument, Parameter


@dataclass(frozen=True, slots=True)
class Numbers:
    """A sweep over numbers between two ends, all of them whole (`is_integer`) or all of them floats."""

    is_integer: bool


@dataclass(frozen=True, slots=True)
class Options:
    """A sweep over listed options."""

    options: tuple[SweepOption, ...]


Sweep: TypeAlias = Numbers | Options


def with_literals(arguments: Sequence[Argument], sweeps: Sequence[str]) -> tuple[Argument, ...]:
    """Give each parameter its literal, by the sweeps `KEY=SWEEP`. Raises ArgumentError for an invalid sweep."""
    by_key = {text.partition("=")[0]: parse_sweep(text) for text in sweeps}
    return tuple(_with_literal(argument, by_key) for argument in arguments)


def _with_literal(argument: Argument, sweeps: Mapping[str, Sweep]) -> Argument:
    if not isinstance(argument, Parameter):
        return argument
    sweep = sweeps.get(f"{argument.sign}{argument.key}")
    return argument if sweep is None else replace(argument, literal=literal_of(argument.text, sweep))


@cache  # A launcher asks about many points of the same sweeps.
def parse_sweep(text: str) -> Sweep:
    """Parse `KEY=SWEEP`. Raises ArgumentError when it is not a sweep in Hydra's grammar."""
    try:
        override = OverridesParser.create().parse_override(text)
        sweep = override.value()
        match sweep:
            case IntervalSweep():
                return Numbers(_are_whole(sweep.start, sweep.end))
            case RangeSweep():
                return _range(sweep)
            case ChoiceSweep():
                return Options(_options(sweep, override))
    except (HydraException, ValueError) as error:
        raise ArgumentError(f"--sweep {quote_for_message(text)}: not Hydra's override grammar ({error})") from error
    raise ArgumentError(f"--sweep {quote_for_message(text)}: not a sweep, such as optimizer.lr=interval(1e-5,1e-1)")


def literal_of(value: str, sweep: Sweep) -> SweepOption | None:
    """Return the literal that the text of a parameter stands for; None when the sweep has no such value."""
    match sweep:
        case Options(options):
            return option_with(value, options)
        case Numbers(is_integer):
            return _number(value, is_integer)


def _are_whole(*numbers: object) -> bool:
    return all(isinstance(number, int) for number in numbers)


def _range(sweep: RangeSweep) -> Sweep:
    if _are_whole(sweep.start, sweep.stop, sweep.step) and sweep.step in (1, -1):
        return Numbers(is_integer=True)  # not listed: it may have more numbers than fit into memory
    return Options(tuple(SweepOption(value, str(value)) for value in sweep.range()))


def _options(sweep: ChoiceSweep, override: Override) -> tuple[SweepOption, ...]:
    sweep.shuffle = False  # The iterator of the texts would shuffle.
    values = (item.text if isinstance(item, QuotedString) else item for item in sweep.list)
    return tuple(starmap(SweepOption, zip(values, override.sweep_string_iterator(), strict=True)))


def _number(value: str, is_integer: bool) -> SweepOption | None:
    try:
        number = float(value)
    except ValueError:
        return None
    if not is_integer:
        return SweepOption(number, repr(number)) if math.isfinite(number) else None
    return SweepOption(int(number), str(int(number))) if number.is_integer() else None
