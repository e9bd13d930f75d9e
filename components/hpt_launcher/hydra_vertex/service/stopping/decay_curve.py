"""The decay curve rule: stop what will, in all likelihood, not end as the best.

Source of the rule: Golovin et al., "Google Vizier: A Service for Black-Box Optimization", KDD 2017, section 3.2.1, and
`DecayCurveAutomatedStoppingSpec` in the API; how a run's end is predicted, and the threshold, are ours, chosen on
recorded curves (benchmarks/early_stopping.py).
"""

from __future__ import annotations

from .curve import Curves
from .prediction import outlook_of

LEAST_MEASUREMENTS = 2
LEAST_PROBABILITY = 0.01
"""A trial goes on while it is at least as likely as this to end as the best."""

LEAST_STATED = 0.001
"""Below it a reason does not say how far: a Gaussian's tail says 1e-28 after a handful of runs, nobody knows that."""


def unlikely_best(curves: Curves) -> str | None:
    """Why the running trial is to be stopped; None when it may go on."""
    running = curves.running
    if len(running.costs) < LEAST_MEASUREMENTS:
        return None
    outlook = outlook_of(curves)
    if outlook is None or outlook.chance_to_be_best >= LEAST_PROBABILITY:
        return None
    chance = outlook.chance_to_be_best
    stated = f"{chance:.2g}" if chance >= LEAST_STATED else f"below {LEAST_STATED:g}"
    return (
        f"with {curves.value(running.costs[-1]):.6g} at {curves.axis.value} {running.end:g}, its chance to end better "
        f"than the best value {curves.value(outlook.best):.6g} is {stated}"
    )
