"""Builds the contour of the objective over the two parameters that matter most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy
from numpy.typing import NDArray

from hydra_vertex.job import Goal, ParameterValue, Trial
from hydra_vertex.launcher.report.labels import clipped, wrapped
from hydra_vertex.launcher.report.palette import LIGHT, rank_colours
from hydra_vertex.launcher.report.schedule import Status, status_of
from hydra_vertex.launcher.report.study import parameters_of

from .axis import PlotAxis, parameter_axis
from .figure import Figure, apply_style, plot_json
from .importance import importances
from .marks import MARKS, colour_of, marker_size, star
from .view import View

if TYPE_CHECKING:
    import plotly.graph_objects as go

MIN_TRIALS = 8
GRID, BANDWIDTH, LEAST_WEIGHT = 31, 0.11, 0.08
"""Points of the grid in each direction; the kernel's standard deviation as a share of an axis; and the sum of weights,
in trials, below which the grid is left empty."""

_WORST_KEPT = 0.9
"""The quantile of the values, from the best, at which the colours end: one diverged trial must not fill the scale."""

Numbers = NDArray[numpy.float64]


def contour_figure(view: View) -> Figure | None:
    """Return a smoothed picture of two parameters; None for fewer than MIN_TRIALS trials that have both of them."""
    pair, how = most_important(view)
    if len(pair) < 2:
        return None
    trials = [trial for trial in view.ranked if all(key in trial.parameters for key in pair)]
    axes = [_axis(view, key, trials) for key in pair]
    if len(trials) < MIN_TRIALS or any(len({trial.parameters[key] for trial in trials}) < 2 for key in pair):
        return None
    import plotly.graph_objects as go

    figure = go.Figure()
    _add_surface(figure, view, trials, pair, axes)
    _add_trials(figure, view, trials, pair, axes)
    apply_style(figure)
    figure.update_xaxes(title_text=wrapped(pair[0], 40, 3), **_ticks(axes[0]))
    figure.update_yaxes(title_text=wrapped(pair[1], 36, 3), **_ticks(axes[1]))
    return Figure(
        id="contour",
        title="The two parameters that matter most",
        aid=f"Selected by {how}. The colour is a weighted mean of the trials near each point (a Gaussian kernel of "
        f"{BANDWIDTH:.0%} of each axis, no model); it averages over all other parameters, and is empty where no trial "
        "is near. A stronger colour is better.",
        alt=f"{view.metric} over {pair[0]} and {pair[1]}, from {len(trials)} trials.",
        plot=plot_json(figure),
        height_px=440,
    )


def most_important(view: View) -> tuple[list[str], str]:
    """Return the two most important parameters, and by what they were selected."""
    shares = importances(view)
    if len(shares) >= 2:
        return list(shares)[:2], "parameter importance"
    found = {key: _rank_correlation(view, key) for key in view.parameters}
    ordered = sorted(found, key=lambda key: -found[key])
    return ordered[:2], "rank correlation with the objective, as there are too few trials for importances"


def _rank_correlation(view: View, key: str) -> float:
    """Return the absolute rank correlation (Spearman) of a parameter with the objective; 0 without variation."""
    trials = [trial for trial in view.ranked if key in trial.parameters]
    axis = _axis(view, key, trials)
    places = numpy.array([axis.at(trial.parameters[key]) for trial in trials])
    if len(trials) < 3 or len(set(places.tolist())) < 2:
        return 0.0
    ranks = numpy.argsort(numpy.argsort(places)).astype(float)
    return float(abs(numpy.corrcoef(ranks, numpy.arange(len(trials), dtype=float))[0, 1]))


def _axis(view: View, key: str, trials: Sequence[Trial]) -> PlotAxis:
    declared = parameters_of(view.job.study_spec)
    return parameter_axis(
        key, declared.get(key), [trial.parameters[key] for trial in trials if key in trial.parameters]
    )


@dataclass(frozen=True, slots=True)
class _Direction:
    """One direction of the grid: its points, and the weight of each trial (column) at each point (row)."""

    points: list[float]
    weights: Numbers


def _direction(axis: PlotAxis, values: Sequence[ParameterValue]) -> _Direction:
    """Return a direction; a choice has a band of its own, to which trials with other choices do not contribute."""
    places = numpy.array([axis.at(value) for value in values])
    if axis.places:
        half = 0.5 / max(1, len(axis.places) - 1) - 1e-3
        points = [edge for place in axis.places.values() for edge in (place - half, place + half)]
        own = [place for place in axis.places.values() for _ in range(2)]
        return _Direction(points, (numpy.abs(numpy.subtract.outer(own, places)) < 1e-9).astype(float))
    grid = numpy.linspace(0, 1, GRID)
    return _Direction(grid.tolist(), numpy.exp(-0.5 * (numpy.subtract.outer(grid, places) / BANDWIDTH) ** 2))


def _add_surface(
    figure: go.Figure, view: View, trials: Sequence[Trial], pair: Sequence[str], axes: Sequence[PlotAxis]
) -> None:
    across, up = (
        _direction(axis, [trial.parameters[key] for trial in trials]) for key, axis in zip(pair, axes, strict=True)
    )
    values, is_log = numpy.array([view.value(trial) for trial in trials]), view.objective_axis == "log"
    values = numpy.log10(values) if is_log else values
    sign = 1.0 if view.goal is Goal.MINIMIZE else -1.0
    worst = float(numpy.quantile(sign * values, _WORST_KEPT))
    values = sign * numpy.minimum(sign * values, worst)
    total = up.weights @ across.weights.T
    with numpy.errstate(invalid="ignore", divide="ignore"):
        means = (up.weights * values) @ across.weights.T / total
    grid = [
        [float(mean) if weight >= LEAST_WEIGHT else None for mean, weight in zip(*row, strict=True)]
        for row in zip(means.tolist(), total.tolist(), strict=True)
    ]
    colours = list(rank_colours(LIGHT))
    scale = colours[::-1] if view.goal is Goal.MINIMIZE else colours
    name = wrapped(f"log10 {view.metric}" if is_log else view.metric, 14, 3)
    figure.add_contour(
        x=across.points,
        y=up.points,
        z=grid,
        colorscale=[[place / (len(scale) - 1), colour] for place, colour in enumerate(scale)],
        ncontours=12,
        line={"width": 0.5, "color": LIGHT["card"]},
        hoverinfo="skip",
        showscale=True,
        colorbar={
            "title": {"text": name, "font": {"size": 11}},
            "thickness": 12,
            "outlinewidth": 0,
            "tickformat": "~g",
        },
    )


def _add_trials(
    figure: go.Figure, view: View, trials: Sequence[Trial], pair: Sequence[str], axes: Sequence[PlotAxis]
) -> None:
    size = marker_size(len(trials)) - 1
    groups: list[tuple[str, list[Trial], dict[str, object]]] = []
    for status in (Status.SUCCEEDED, Status.STOPPED):
        own = [trial for trial in trials if status_of(trial, view.job) is status and trial.id != view.best_id]
        colour = LIGHT["ink"] if status is Status.SUCCEEDED else colour_of(status)
        line = {"width": 1, "color": LIGHT["card"]}
        symbol = MARKS[status].symbol.removesuffix("-open")
        marker: dict[str, object] = {"size": size, "color": colour, "symbol": symbol, "line": line}
        groups.append(("trial" if status is Status.SUCCEEDED else status.value, own, marker))
    groups.append(("best", [trial for trial in trials if trial.id == view.best_id], star()))
    for name, own, marker in groups:
        if own:
            figure.add_scatter(
                x=[axes[0].at(trial.parameters[pair[0]]) for trial in own],
                y=[axes[1].at(trial.parameters[pair[1]]) for trial in own],
                mode="markers",
                name=name,
                marker=marker,
                cliponaxis=False,
                hovertemplate="%{hovertext}<extra></extra>",
                meta={"hover": [view.row(trial) for trial in own]},
            )


def _ticks(axis: PlotAxis) -> dict[str, object]:
    ticks = axis.ticks()
    half = 0.5 / max(1, len(axis.places) - 1) if axis.places else 0.03
    return {
        "tickvals": list(ticks),
        "ticktext": [clipped(text, 16) for text in ticks.values()],
        "range": [-half, 1 + half],
        "showgrid": False,
        "tickangle": 0,
    }
