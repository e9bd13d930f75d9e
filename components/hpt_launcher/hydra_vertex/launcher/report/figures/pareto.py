"""Builds the figures of several objectives: one objective against another, with the Pareto set marked."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import TYPE_CHECKING

from hydra_vertex.job import Goal, MetricSpec, Trial
from hydra_vertex.launcher.best.selection import pareto_set
from hydra_vertex.launcher.report.labels import wrapped
from hydra_vertex.launcher.report.palette import LIGHT
from hydra_vertex.launcher.text.formatting import format_value

from .figure import Figure, apply_style, plot_json
from .marks import marker_size
from .view import View

if TYPE_CHECKING:
    import plotly.graph_objects as go

MOST_OBJECTIVES = 4
"""Each pair of this many objectives has a figure; the table of trials has the others."""


def pareto_figures(view: View) -> Iterator[Figure]:
    """Yield a figure for each pair of objectives; none while no trial has a value of every objective."""
    if not view.ranked:
        return
    pairs = combinations(view.job.study_spec.metrics[:MOST_OBJECTIVES], 2)
    for number, (first, second) in enumerate(pairs, start=1):
        yield _pair(view, first, second, number)


def _pair(view: View, first: MetricSpec, second: MetricSpec, number: int) -> Figure:
    import plotly.graph_objects as go

    members = pareto_set(view.job)
    others = [trial for trial in view.ranked if trial not in members]
    figure = go.Figure()
    size = marker_size(len(view.ranked))
    _add(figure, view, others, (first, second), "other trials", {"size": size, "color": LIGHT["waiting"]})
    if len(view.job.study_spec.metrics) == 2:
        _add_front(figure, members, first, second)
    _add(figure, view, members, (first, second), "Pareto set", {"size": size, "color": LIGHT["succeeded"]})
    chosen = [trial for trial in members if trial.id == view.best_id]
    star: dict[str, str | int] = {"symbol": "star", "size": 16, "color": LIGHT["accent"]}
    _add(figure, view, chosen, (first, second), "selected", star)
    apply_style(figure)
    figure.update_xaxes(title_text=wrapped(first.id, 40, 3))
    figure.update_yaxes(title_text=wrapped(second.id, 40, 3))
    better = f"{_better(first)} {first.id} and {_better(second)} {second.id} are better"
    return Figure(
        id=f"pareto-{number}",
        title=f"{first.id} against {second.id}",
        aid=f"Each dot is a trial; {better}. No other trial is better in one objective of a trial of the Pareto set "
        "and as good in all others.",
        alt=_description(view, members, first, second),
        plot=plot_json(figure),
        height_px=400,
    )


def _add(
    figure: go.Figure,
    view: View,
    trials: tuple[Trial, ...] | list[Trial],
    axes: tuple[MetricSpec, MetricSpec],
    name: str,
    marker: dict[str, str | int],
) -> None:
    if trials:
        first, second = axes
        figure.add_scatter(
            x=[trial.objective(first.id) for trial in trials],
            y=[trial.objective(second.id) for trial in trials],
            mode="markers",
            name=name,
            marker=marker,
            cliponaxis=False,
            hovertemplate="%{hovertext}<extra></extra>",
            meta={"hover": [view.row(trial) for trial in trials]},
        )


def _add_front(figure: go.Figure, members: tuple[Trial, ...], first: MetricSpec, second: MetricSpec) -> None:
    """Add the border of what the Pareto set dominates: a staircase in the order of the first objective."""
    points = sorted((trial.objective(first.id), trial.objective(second.id)) for trial in members)
    figure.add_scatter(
        x=[x for x, _ in points],
        y=[y for _, y in points],
        mode="lines",
        line={"color": LIGHT["succeeded"], "width": 1, "shape": "hv" if first.goal is Goal.MINIMIZE else "vh"},
        hoverinfo="skip",
        showlegend=False,
    )


def _better(metric: MetricSpec) -> str:
    return "lower" if metric.goal is Goal.MINIMIZE else "higher"


def _description(view: View, members: tuple[Trial, ...], first: MetricSpec, second: MetricSpec) -> str:
    def text(trial: Trial) -> str:
        values = (trial.objective(metric.id) for metric in (first, second))
        return f"trial {trial.id} ({', '.join(format_value(value) for value in values if value is not None)})"

    listed = ", ".join(map(text, members[:10]))
    more = f" and {len(members) - 10} more" if len(members) > 10 else ""
    return f"{first.id} and {second.id} of {len(view.ranked)} trials. Pareto set: {listed}{more}."
