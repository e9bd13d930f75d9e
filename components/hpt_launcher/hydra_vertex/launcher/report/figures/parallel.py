"""Every trial as a line from its objective through its parameters."""

from __future__ import annotations

from typing import Any

from ...job import Goal
from ..palette import LIGHT, RANK_STEPS, rank_colours
from .figure import Figure, apply_style, plot_json
from .view import View

_AXIS_WIDTH_PX = 120


def parallel_figure(view: View) -> Figure | None:
    """Optuna's parallel coordinates, coloured by rank from the worst to the best."""
    if len(view.ranked) < 2 or not view.parameters:
        return None
    from optuna.visualization import plot_parallel_coordinate

    figure = plot_parallel_coordinate(view.study, params=list(view.parameters), target_name=view.metric)
    figure.data = _ranked_lines(figure.data, view)
    apply_style(figure)
    figure.update_layout(margin={"l": 8, "r": 8, "t": 24, "b": 36}, legend=None)
    figure.update_xaxes(
        tickfont={"size": 12, "color": LIGHT["ink"]},
        tickangle=0,
        # Room for the last axis's name, which Plotly drops rather than cuts.
        range=[-0.45, len(view.parameters) + 0.55],
        showgrid=False,
        showline=False,
    )
    figure.update_annotations(font={"size": 11, "color": LIGHT["muted"]})
    figure.update_shapes(line={"color": LIGHT["grid"], "width": 1.5})
    return Figure(
        id="parallel",
        title="Parameters and outcome",
        aid="Each line is a trial, the darker the better; the thick one is the best. The first axis is the objective.",
        alt=f"Parallel coordinates of {len(view.ranked)} trials over {', '.join(view.parameters)} and {view.metric}.",
        plot=plot_json(figure),
        height_px=400,
        min_width_px=_AXIS_WIDTH_PX * (len(view.parameters) + 1),
    )


def _ranked_lines(traces: Any, view: View) -> list[Any]:
    """The lines from the worst to the best, so that the best lies on top.

    Optuna orders them as it likes, but a line's first point is its objective, scaled from 0 to 1. The trace without
    points is the colour bar, which a rank has no use for.
    """
    lines = sorted((t for t in traces if t.mode == "lines"), key=lambda t: t.y[0], reverse=view.goal is Goal.MINIMIZE)
    colours = rank_colours(LIGHT)
    for place, line in enumerate(lines):
        step = round((RANK_STEPS - 1) * place / max(1, len(lines) - 1))
        line.update(line={"color": colours[step], "width": 1.6}, opacity=0.85)
    lines[-1].update(line={"color": LIGHT["accent"], "width": 3.5}, opacity=1.0)
    return lines
