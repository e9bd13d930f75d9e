"""The decay curve rule: stop a trial whose probability of ending as the best is below a threshold.

Source of the rule: Golovin et al., "Google Vizier: A Service for Black-Box Optimization", KDD 2017, section 3.2.1, and
`DecayCurveAutomatedStoppingSpec` in the API. The prediction of a run's end and the threshold are our own, chosen on
recorded curves (benchmarks/early_stopping.py).
"""

from __future__ import annotations

from .curve import Curves
from .prediction import predict_final_cost

MIN_MEASUREMENTS = 2
MIN_PROBABILITY = 0.01
"""A trial is stopped if its probability of ending as the best is lower than this."""

MIN_STATED_PROBABILITY = 0.001
"""Lower probabilities are reported as "below 0.001": a few runs do not support a Gaussian tail such as 1e-28."""


def unlikely_best(curves: Curves) -> str | None:
    """Return the reason to stop the running trial; None if it continues."""
    running = curves.running
    if len(running.costs) < MIN_MEASUREMENTS:
        return None
    prediction = predict_final_cost(curves)
    if prediction is None or prediction.probability_of_best >= MIN_PROBABILITY:
        return None
    probability = prediction.probability_of_best
    stated = f"{probability:.2g}" if probability >= MIN_STATED_PROBABILITY else f"below {MIN_STATED_PROBABILITY:g}"
    return (
        f"with {curves.value(running.costs[-1]):.6g} at {curves.axis.value} {running.end:g}, its probability of ending "
        f"better than the best value {curves.value(prediction.best):.6g} is {stated}"
    )
