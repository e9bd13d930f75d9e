"""Builds the figure of parallel coordinates: one line for each trial, one axis for each parameter.

Optuna's plot is not used, for three reasons: it reorders the trials without identifying their lines, so the best could
not be marked; it sorts the axes by name; and it makes one trace for each trial, which is slow for a thousand trials.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from hydra_vertex.job import ParameterValue, Trial
from hydra_vertex.launcher.report.palette import LIGHT, rank_colours
from hydra_vertex.launcher.report.study import parameters_of
from hydra_vertex.launcher.text.formatting import format_value

from .axis import MISSING_AT, PlotAxis, number_axis, parameter_axis
from .figure import Figure, apply_style, plot_json
from .view import View

if TYPE_CHECKING:
    import plotly.graph_objects as go

AXIS_WIDTH_PX = 112


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
        aid=(
            f"Each line is a trial, from its {view.metric} at the left through its parameters. A stronger colour is "
            "better; the thick orange line is the best."
        ),
        alt=f"The parameters of {len(view.ranked)} trials side by side. {_best_description(view)}",
        plot=plot_json(figure),
        height_px=400,
        min_width_px=AXIS_WIDTH_PX * len(axes),
    )


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
    """Draw one trace for each colour, with gaps between its lines; the worst trials are drawn first."""
    import plotly.graph_objects as go

    figure = go.Figure()
    others = [trial for trial in view.ranked if trial.id != view.best_id]
    opacity = 0.9 if len(others) <= 50 else 0.55 if len(others) <= 300 else 0.3
    for colour in rank_colours(LIGHT):
        trials = [trial for trial in others if view.colours[trial.id] == colour]
        if trials:
            figure.add_trace(_trace(view, axes, trials, {"color": colour, "width": 1.8}, opacity))
    if view.best is not None and view.best in view.ranked:
        figure.add_trace(_trace(view, axes, [view.best], {"color": LIGHT["accent"], "width": 4}, 1.0))
    return figure


def _trace(
    view: View, axes: Sequence[PlotAxis], trials: Sequence[Trial], line: dict[str, str | float], opacity: float
) -> go.Scatter:
    import plotly.graph_objects as go

    x: list[int | None] = []
    y: list[float | None] = []
    text: list[str] = []
    for trial in trials:
        x += [*range(len(axes)), None]
        y += [*(axis.at(value) for axis, value in zip(axes, _values(view, trial), strict=True)), None]
        text += [*_hovers(view, axes, trial), ""]
    return go.Scatter(
        x=x, y=y, text=text, mode="lines", line=line, opacity=opacity, hovertemplate="%{text}<extra></extra>"
    )


def _hovers(view: View, axes: Sequence[PlotAxis], trial: Trial) -> list[str]:
    """Return the tooltips of a trial, one for each axis. They are short: a page may contain thousands."""
    return [
        f"<b>trial {trial.id}</b><br>{axis.label} = {'none' if value is None else format_value(value)}"
        for axis, value in zip(axes, _values(view, trial), strict=True)
    ]


def _values(view: View, trial: Trial) -> list[ParameterValue | None]:
    return [view.value(trial), *(trial.parameters.get(key) for key in view.parameters)]


def _lay_out(figure: go.Figure, axes: Sequence[PlotAxis]) -> None:
    figure.update_layout(
        showlegend=False,
        hovermode="closest",
        margin={"l": 64, "r": 24, "t": 40, "b": 20},
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
        ticktext=[f"<b>{axis.label}</b>" for axis in axes],
        tickfont={"size": 12, "color": LIGHT["ink"]},
        tickangle=0,
        # Space for the last axis's name: Plotly omits a label that does not fit.
        range=[-0.45, len(axes) - 0.55],
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
            "text": text,
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
