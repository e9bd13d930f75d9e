"""What a running trial will come to, learnt from the curves of the trials before it.

From where a curve stands and how it got there a Gaussian process predicts what is left to gain. The runs that came to
their own end are certain; where a stopped one was heading is known with some doubt, and counts with that doubt: it
shows how curves go on that were not good. Features, units and numbers are ours, chosen on recorded curves
(benchmarks/early_stopping.py).
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from .curve import Curve, Curves
from .gain_model import predict

LEAST_WHOLE = 4
"""Runs that must have come to their own end first: from fewer nothing can be learnt."""

MOST_WHOLE = 32
MOST_STOPPED = 32
"""The newest of each are learnt from."""

FEW_RUNS = 2.0
"""How unlike the others a run can be is hardly known from few: from so many the variance is taken as double."""

LOOKS_BACK = (0.5, 0.8)
"""The parts of the way so far at which a curve is compared with where it stands."""

MOST_EXCESS = 50.0
"""Of the logarithm of a cost that is expected; beyond it there is nothing to choose."""


@dataclass(frozen=True, slots=True)
class Unit:
    """What costs are measured in: 0 is the best one, 1 is as far above it as the median of the whole runs."""

    best: float
    scale: float

    def of(self, cost: float) -> float:
        """A cost in this unit; logarithmic beyond 1, on the bad side.

        Runs that diverge are off by powers of ten; how bad they are is of no interest.
        """
        excess = (cost - self.best) / self.scale
        return 1 + math.log(excess) if excess > 1 else excess

    def cost(self, value: float) -> float:
        """The cost that is `value` in this unit."""
        return self.best + self.scale * (math.exp(min(value - 1, MOST_EXCESS)) if value > 1 else value)


@dataclass(frozen=True, slots=True)
class Outlook:
    """What a run will come to: mean and standard deviation of its final cost, in the unit."""

    unit: Unit
    mean: float
    deviation: float

    @property
    def best(self) -> float:
        """The best final cost so far."""
        return self.unit.best

    @property
    def chance_to_be_best(self) -> float:
        """The probability that the final cost is lower than the best one."""
        return 0.5 * math.erfc(self.mean / (self.deviation * math.sqrt(2)))

    @property
    def cost(self) -> float:
        """The expected final cost, not below the best one."""
        return self.unit.cost(max(self.mean, 0.0))


@dataclass(frozen=True, slots=True)
class Known:
    """A curve and its final cost in the unit, with the standard deviation of what is not certain about it."""

    curve: Curve
    final: float
    deviation: float = 0.0


def outlook_of(curves: Curves) -> Outlook | None:
    """The outlook of the running trial; None while too few whole runs have been where it is."""
    now = curves.running.end
    longer = [curve for curve in curves.ended if curve.covers(now) and curve.end > now]
    finals = [(curve, curve.final) for curve in longer if curve.is_whole and curve.final is not None][-MOST_WHOLE:]
    if len(finals) < LEAST_WHOLE:
        return None
    unit = _unit([final for _, final in finals], curves.ended)
    whole = [Known(curve, unit.of(final)) for curve, final in finals]
    stopped = [curve for curve in longer if not curve.is_whole][-MOST_STOPPED:]
    ((mean, deviation),) = ends_of([*whole, *_guessed(stopped, whole, unit)], [curves.running], unit)
    return Outlook(unit, mean, deviation)


def _unit(finals: Sequence[float], ended: Sequence[Curve]) -> Unit:
    best = min(curve.final for curve in ended if curve.final is not None)
    return Unit(best, statistics.median(finals) - min(finals) or abs(best) or 1.0)


def _guessed(stopped: Sequence[Curve], whole: Sequence[Known], unit: Unit) -> Iterator[Known]:
    """Where stopped runs were heading, those of them beyond which enough whole ones went."""
    for end in sorted({curve.end for curve in stopped}):
        longer = [known for known in whole if known.curve.end > end]
        if len(longer) >= LEAST_WHOLE:
            there = [curve for curve in stopped if curve.end == end]
            yield from (Known(curve, *of) for curve, of in zip(there, ends_of(longer, there, unit), strict=True))


def ends_of(others: Sequence[Known], curves: Sequence[Curve], unit: Unit) -> list[tuple[float, float]]:
    """Mean and standard deviation, in the unit, of the final cost of each of the curves, which are at one position."""
    import numpy as np

    now = curves[0].end
    features = np.array([_features(known.curve, now, unit) for known in others])
    at = np.array([_features(curve, now, unit) for curve in curves])
    gained = features[:, 0] - np.array([known.final for known in others])
    variances = np.array([known.deviation for known in others]) ** 2
    # A run whose end is in doubt is less than a run.
    runs = (1 / (1 + variances / (gained.var() or 1.0))).sum()
    gains, deviations = predict(features, gained, variances, at)
    # From a few good runs a bad one is extrapolated, and its cost is a logarithm: it loses no more than any has lost.
    finals, spreads = at[:, 0] - np.maximum(gains, min(gained.min(), 0.0)), deviations * math.sqrt(1 + FEW_RUNS / runs)
    return [(float(final), float(spread)) for final, spread in zip(finals, spreads, strict=True)]


def _features(curve: Curve, now: float, unit: Unit) -> list[float]:
    """Where the curve is, and how far it has come lately."""
    start, cost = curve.positions[0], unit.of(curve.at(now))
    return [cost, *(unit.of(curve.at(start + part * (now - start))) - cost for part in LOOKS_BACK)]
