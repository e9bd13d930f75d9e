"""Reporting of measurements: the objective, learning curves and the metric file."""
