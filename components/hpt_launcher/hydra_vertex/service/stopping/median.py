"""The median rule: stop what is, at its best, worse than the median trial was on average up to the same point.

Source: Golovin et al., "Google Vizier: A Service for Black-Box Optimization", KDD 2017, section 3.2.2, and the
description of `MedianAutomatedStoppingSpec` in the API.
"""

from __future__ import annotations

import statistics

from .curve import Curves

LEAST_ENDED = 5
"""Trials that must have ended first. The API names no number; this is the one of its convex rule."""


def worse_than_median(curves: Curves) -> str | None:
    """Why the running trial is to be stopped; None when it may go on."""
    running = curves.running
    averages = [mean for curve in curves.ended if (mean := curve.mean_until(running.end)) is not None]
    if len(averages) < LEAST_ENDED:
        return None
    median = statistics.median(averages)
    if running.best <= median:
        return None
    return (
        f"its best value up to {curves.axis.value} {running.end:g}, {curves.value(running.best):.6g}, is worse than "
        f"the median {curves.value(median):.6g} of the averages of {len(averages)} earlier trials"
    )
