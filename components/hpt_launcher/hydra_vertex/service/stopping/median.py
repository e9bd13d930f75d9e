"""The median rule: stop a trial whose best value is worse than the median of the other trials' running averages.

The averages are taken up to the same position. Source: Golovin et al., "Google Vizier: A Service for Black-Box
Optimization", KDD 2017, section 3.2.2, and the description of `MedianAutomatedStoppingSpec` in the API.
"""

from __future__ import annotations

import statistics

from .curve import Curves

MIN_ENDED = 5
"""No trial is stopped before this many have ended. The API states no number; this is the default of its convex rule."""


def worse_than_median(curves: Curves) -> str | None:
    """Return the reason to stop the running trial; None if it continues."""
    running = curves.running
    averages = [mean for curve in curves.ended if (mean := curve.mean_until(running.end)) is not None]
    if len(averages) < MIN_ENDED:
        return None
    median = statistics.median(averages)
    if running.best <= median:
        return None
    return (
        f"its best value up to {curves.axis.value} {running.end:g}, {curves.value(running.best):.6g}, is worse than "
        f"the median {curves.value(median):.6g} of the averages of {len(averages)} earlier trials"
    )
