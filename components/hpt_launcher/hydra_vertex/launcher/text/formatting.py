"""Formats numbers and durations for display. Pure."""

from __future__ import annotations

from datetime import timedelta

from hydra_vertex.job import ParameterValue


def format_value(value: ParameterValue) -> str:
    """Format a parameter or metric for a narrow column: four significant digits, whole numbers without decimals."""
    if isinstance(value, str):
        return value
    return str(int(value)) if float(value).is_integer() and abs(value) < 1e15 else f"{value:.4g}"


def format_duration(seconds: float) -> str:
    """Format seconds as `1:05` or `2:01:05`."""
    text = str(timedelta(seconds=round(seconds)))
    return text.removeprefix("0:").removeprefix("0") if seconds < 3600 else text
