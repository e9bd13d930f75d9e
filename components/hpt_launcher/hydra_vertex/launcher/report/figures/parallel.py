"""Builds the figure of parallel coordinates: one line for each trial, one axis for each parameter.

Optuna's plot is not used, for three reasons: it reorders the trials without identifying their lines, so the best could
not be marked; it sorts the axes by name; and it makes one trace for each trial, which is slow for a thousand trials.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from hydra_vertex.job import ParameterValue, Trial
from hydra_vertex.launcher.report.labels import clipped, line_count, wrapped
from hydra_vertex.launcher.report.palette import LIGHT, rank_colours
from hydra_vertex.launcher.report.schedule import Status, status_of
from hydra_vertex.launcher.report.study import parameters_of
from hydra_vertex.launcher.text.formatting import format_value

from .axis import MISSING_AT, PlotAxis, number_axis, parameter_axis
from .figure import Figure, apply_style, plot_json
from .marks import MARKS, colour_of
from .view import View

if TYPE_CHECKING:
    import plotly.graph_objects as go

AXIS_WIDTH_PX = 112
LABEL_LENGTH = 14
"""Characters of a parameter's name in one line, above its axis."""


def parallel_figure(view: View) -> Figure | None:
    """Return the measured trials as lines coloured by rank, with the marked trial on top; None for fewer than 2."""
    if len(view.ranked) < 2 or not view.parameters:
        return None
    axes = _axes(view)
    figure = _lines(view, axes)
    apply_style(figure)
    _lay_out(figure, axes)
    return Figure(
        id="parallel",
        title="Combinations of parameters",
        aid=f"Each line is a trial, from its {view.metric} at the left through its parameters. A stronger colour is "
        f"better; the thick orange line is the best{_stopped_text(view)}.",
        alt=f"The parameters of {len(view.ranked)} trials side by side. {_best_description(view)}",
        plot=plot_json(figure),
        height_px=380 + 15 * max(line_count(wrapped(axis.label, LABEL_LENGTH)) for axis in axes),
        min_width_px=AXIS_WIDTH_PX * len(axes) + 48,
    )


def _stopped_text(view: View) -> str:
    has_stopped = any(status_of(trial, view.job) is Status.STOPPED for trial in view.ranked)
    return "; a dotted line was stopped early" if has_stopped else ""


def _axes(view: View) -> list[PlotAxis]:
    declared = parameters_of(view.job.study_spec)
    values = [view.value(trial) for trial in view.ranked]
    objective = number_axis(view.metric, values, is_log=view.objective_axis == "log")
    return [
        objective,
        *(
            parameter_axis(key, declared.get(key), [t.parameters[key] for t in view.ranked if key in t.parameters])
            for key in view.parameters
        ),
    ]


def _lines(view: View, axes: Sequence[PlotAxis]) -> go.Figure:
    """Draw one trace for each colour and state, with gaps between its lines; the worst trials are drawn first."""
    import plotly.graph_objects as go

    figure = go.Figure()
    others = [trial for trial in view.ranked if trial.id != view.best_id]
    opacity = 0.9 if len(others) <= 50 else 0.55 if len(others) <= 300 else 0.3
    stopped = [trial for trial in others if status_of(trial, view.job) is Status.STOPPED]
    stopped_ids = {trial.id for trial in stopped}
    if stopped:
        line: dict[str, object] = {"color": colour_of(Status.STOPPED), "width": 1.2, "dash": MARKS[Status.STOPPED].dash}
        _add(figure, view, axes, stopped, line, {"opacity": opacity, "name": Status.STOPPED.value})
    for colour in rank_colours(LIGHT):
        trials = [trial for trial in others if trial.id not in stopped_ids and view.colours[trial.id] == colour]
        if trials:
            style = {"opacity": opacity, "name": "trial", "showlegend": False}
            _add(figure, view, axes, trials, {"color": colour, "width": 1.8}, style)
    if view.best is not None and view.best in view.ranked:
        _add(figure, view, axes, [view.best], {"color": LIGHT["accent"], "width": 4}, {"name": "best"})
    return figure


def _add(
    figure: go.Figure,
    view: View,
    axes: Sequence[PlotAxis],
    trials: Sequence[Trial],
    line: Mapping[str, object],
    style: Mapping[str, object],
) -> None:
    """Add a trace; the page's script repeats the places of the axes, and the tooltips, for each of its lines."""
    y: list[float | None] = []
    for trial in trials:
        y += [*(axis.at(value) for axis, value in zip(axes, _values(view, trial), strict=True)), None]
    figure.add_scatter(
        x=[],
        y=y,
        mode="lines",
        line=dict(line),
        hovertemplate="%{hovertext}<extra></extra>",
        meta={"lines": [view.row(trial) for trial in trials], "axes": len(axes)},
        **style,
    )


def _values(view: View, trial: Trial) -> list[ParameterValue | None]:
    return [view.value(trial), *(trial.parameters.get(key) for key in view.parameters)]


def _lay_out(figure: go.Figure, axes: Sequence[PlotAxis]) -> None:
    labels = [wrapped(axis.label, LABEL_LENGTH) for axis in axes]
    figure.update_layout(
        showlegend=any(trace.name == Status.STOPPED.value for trace in figure.data),
        legend={"y": 0, "yanchor": "top"},
        hovermode="closest",
        margin={"l": 24, "r": 24, "t": 24 + 15 * max(map(line_count, labels)), "b": 30},
        shapes=[
            {
                "type": "line",
                "x0": i,
                "x1": i,
                "y0": 0,
                "y1": 1,
                "layer": "below",
                "line": {"color": LIGHT["cancelled"], "width": 1},
            }
            for i in range(len(axes))
        ],
        annotations=[note for i, axis in enumerate(axes) for note in _tick_notes(i, axis)],
    )
    figure.update_xaxes(
        side="top",
        tickvals=list(range(len(axes))),
        ticktext=[f"<b>{label}</b>" for label in labels],
        tickfont={"size": 11, "color": LIGHT["ink"]},
        tickangle=0,
        # Space for the last axis's name: Plotly omits a label that does not fit.
        range=[-0.6, len(axes) - 0.4],
        showgrid=False,
        fixedrange=True,
    )
    lowest = MISSING_AT if any(MISSING_AT in (trace.y or ()) for trace in figure.data) else 0
    figure.update_yaxes(range=[lowest - 0.04, 1.04], visible=False, fixedrange=True)


def _tick_notes(index: int, axis: PlotAxis) -> list[dict[str, object]]:
    return [
        {
            "x": index,
            "y": place,
            "text": clipped(text, LABEL_LENGTH),
            "showarrow": False,
            "xanchor": "right",
            "xshift": -5,
            "font": {"size": 11, "color": LIGHT["muted"]},
            "bgcolor": LIGHT["card"],
            "borderpad": 1,
        }
        for place, text in axis.ticks().items()
    ]


def _best_description(view: View) -> str:
    if view.best is None:
        return ""
    parameters = ", ".join(f"{key} = {format_value(value)}" for key, value in view.best.parameters.items())
    return f"The best, trial {view.best.id}, has {parameters}."
