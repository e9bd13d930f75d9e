"""Builds the figure of the repeats of the best configurations: the value of each seed, the mean and its interval."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hydra_vertex.job import Goal
from hydra_vertex.launcher.confirm.result import Confirmation, Repeated
from hydra_vertex.launcher.confirm.statistics import LEVEL
from hydra_vertex.launcher.confirm.text import estimate_text
from hydra_vertex.launcher.report.labels import escape, unescape
from hydra_vertex.launcher.report.palette import LIGHT
from hydra_vertex.launcher.text.terminal import printable

from .figure import Figure, apply_style, plot_json


def confirmation_figure(confirmation: Confirmation) -> Figure | None:
    """Return the figure, the best configuration at the top; None without a value."""
    import plotly.graph_objects as go

    measured = [item for item in reversed(confirmation.configurations) if item.values]
    if not measured:
        return None
    metric = escape(printable(confirmation.metric.id))
    figure = go.Figure()
    _add_repeats(figure, measured, metric, escape(confirmation.seed_key.lstrip("+")))
    _add_means(figure, measured)
    _add_values_of_study(figure, measured)
    apply_style(figure)
    figure.update_xaxes(title_text=metric)
    better = "lower" if confirmation.metric.goal is Goal.MINIMIZE else "higher"
    return Figure(
        id="confirmation",
        title="Repeats of the best configurations",
        aid=f"Each dot is one seed; {better} is better. The study's own value is not part of the mean.",
        alt=unescape("; ".join(_description(item) for item in reversed(measured))),
        plot=plot_json(figure),
        height_px=130 + 46 * len(measured),
    )


def _add_repeats(figure: Any, measured: Sequence[Repeated], metric: str, seed: str) -> None:
    points = [(item, number, value) for item in measured for number, value in item.values.items()]
    figure.add_scatter(
        x=[value for _, _, value in points],
        y=[_name(item) for item, _, _ in points],
        mode="markers",
        name="repeat",
        marker={"size": 8, "color": LIGHT["succeeded"], "opacity": 0.6},
        text=[f"{seed} = {number}" for _, number, _ in points],
        hovertemplate=f"%{{text}}: {metric} = %{{x:.6g}}<extra></extra>",
    )


def _add_means(figure: Any, measured: Sequence[Repeated]) -> None:
    figure.add_scatter(
        x=[item.mean for item in measured],
        y=[_name(item) for item in measured],
        mode="markers",
        name=f"mean with its {LEVEL:.0%} interval",
        marker={"symbol": "line-ns", "size": 18, "line": {"width": 3, "color": LIGHT["accent"]}},
        error_x={"type": "data", "array": [_half(item) for item in measured], "color": LIGHT["accent"], "width": 6},
        hovertemplate="mean %{x:.6g}<extra></extra>",
    )


def _add_values_of_study(figure: Any, measured: Sequence[Repeated]) -> None:
    figure.add_scatter(
        x=[item.tuned for item in measured],
        y=[_name(item) for item in measured],
        mode="markers",
        name="in the study",
        marker={"symbol": "x-thin", "size": 9, "line": {"width": 2, "color": LIGHT["muted"]}},
        hovertemplate="in the study %{x:.6g}<extra></extra>",
    )


def _name(item: Repeated) -> str:
    return f"trial {escape(printable(item.trial.id))}"


def _half(item: Repeated) -> float:
    """Return the half width of the interval; 0 without one."""
    estimate = item.estimate
    return 0.0 if estimate is None or estimate.high is None else estimate.high - estimate.mean


def _description(item: Repeated) -> str:
    estimate = item.estimate
    return f"trial {item.trial.id}: {'no value' if estimate is None else f'mean {estimate_text(estimate)}'}"
