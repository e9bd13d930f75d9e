"""Builds the slice plot: the objective over each parameter by itself, one panel for each.

Optuna's plot is not used: it puts all panels in one row, which does not fit on a page, and only the choices that trials
have tried are on its axes.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from hydra_vertex.job import ParameterValue, Trial
from hydra_vertex.launcher.report.labels import clipped, line_count, wrapped
from hydra_vertex.launcher.report.palette import LIGHT
from hydra_vertex.launcher.report.schedule import Status, status_of
from hydra_vertex.launcher.report.study import parameters_of
from hydra_vertex.launcher.text.formatting import format_value

from .axis import PlotAxis, parameter_axis
from .figure import Figure, Panels, apply_style, plot_json
from .marks import MARKS, colour_of, marker_size, star
from .view import View

if TYPE_CHECKING:
    import plotly.graph_objects as go

MOST_TICKS, MOST_CHOICES = 3, 12
"""The number of powers of ten, and of choices, that an axis has labels for."""

_PADDING = 0.06
_PANEL_WIDTH_PX, _PLOT_HEIGHT_PX = 270, 180


def slice_figure(view: View) -> Figure | None:
    """Return the panels, with the marked trial as a star; None for fewer than 2 measured trials."""
    if len(view.ranked) < 2 or not view.parameters:
        return None
    import plotly.graph_objects as go

    figure, axes = go.Figure(), _axes(view)
    for number, (key, axis) in enumerate(axes.items(), start=1):
        _add_panel(figure, view, key, axis, number)
    apply_style(figure)
    style = figure.layout.to_plotly_json()
    for number, (key, axis) in enumerate(axes.items(), start=1):
        _lay_out(figure, view, key, axis, number, style)
    below_px = 32 + 16 * max(line_count(_title(key)) for key in axes)
    untried = [
        f"{clipped(key, 40)} = {clipped(choice, 40)}" for key in axes for choice in _untried(view, key, axes[key])
    ]
    below_px += 28 if untried else 0
    figure.update_layout(margin={"l": 58, "r": 8, "t": 46, "b": below_px}, legend={"y": 1})
    untried_text = f" Never tried: {', '.join(untried[:10])}{', …' if len(untried) > 10 else ''}." if untried else ""
    return Figure(
        id="slices",
        title="One parameter at a time",
        aid="Each dot is a trial, the star is the best. A slope or a valley shows that the parameter alone matters."
        f"{untried_text}",
        alt=f"{view.metric} of {len(view.ranked)} trials over each of {', '.join(view.parameters)}.",
        plot=plot_json(figure),
        height_px=_PLOT_HEIGHT_PX + below_px + 46,
        panels=Panels(len(axes), _PANEL_WIDTH_PX, _PLOT_HEIGHT_PX + below_px),
    )


def _axes(view: View) -> dict[str, PlotAxis]:
    declared = parameters_of(view.job.study_spec)
    return {
        key: parameter_axis(key, declared.get(key), [t.parameters[key] for t in view.ranked if key in t.parameters])
        for key in view.parameters
    }


def _untried(view: View, key: str, axis: PlotAxis) -> list[str]:
    """Return the choices of a parameter that no trial has tried, measured or not."""
    tried = {trial.parameters.get(key) for trial in view.trials}
    return [format_value(choice) or "(empty)" for choice in axis.places if choice not in tried]


def _place(axis: PlotAxis, value: ParameterValue) -> float:
    """Return the value itself on an axis of numbers, and the number of the choice on one of choices."""
    if axis.places:
        return float(list(axis.places).index(value))
    assert not isinstance(value, str)  # noqa: S101 - an axis of text choices has places
    return value


def _add_panel(figure: go.Figure, view: View, key: str, axis: PlotAxis, number: int) -> None:
    trials = [trial for trial in view.ranked if key in trial.parameters and trial.id != view.best_id]
    size = marker_size(len(view.ranked))
    for status in (Status.SUCCEEDED, Status.STOPPED):
        own = [trial for trial in trials if status_of(trial, view.job) is status]
        marker: dict[str, object] = {"size": size, "color": colour_of(status), "symbol": MARKS[status].symbol}
        name = "trial" if status is Status.SUCCEEDED else status.value
        _add(figure, view, own, (key, axis, number), name, {**marker, "opacity": 0.8})
    if view.best is not None and key in view.best.parameters and view.best in view.ranked:
        _add(figure, view, [view.best], (key, axis, number), "best", star(14))


def _add(
    figure: go.Figure,
    view: View,
    trials: list[Trial],
    panel: tuple[str, PlotAxis, int],
    name: str,
    marker: dict[str, object],
) -> None:
    key, axis, number = panel
    if not trials:
        return
    figure.add_scatter(
        x=[_place(axis, trial.parameters[key]) for trial in trials],
        y=[view.value(trial) for trial in trials],
        xaxis=f"x{number if number > 1 else ''}",
        yaxis=f"y{number if number > 1 else ''}",
        mode="markers",
        name=name,
        legendgroup=name,
        showlegend=not any(trace.name == name for trace in figure.data),
        marker=marker,
        cliponaxis=False,
        hovertemplate="%{hovertext}<extra></extra>",
        meta={"hover": [view.row(trial) for trial in trials]},
    )


def _title(key: str) -> str:
    return wrapped(key, 34, 3)


def _lay_out(figure: go.Figure, view: View, key: str, axis: PlotAxis, number: int, base: Any) -> None:
    suffix = "" if number == 1 else str(number)
    x = {**base["xaxis"], **_scale(view, key, axis), "anchor": f"y{suffix}", "automargin": False, "tickangle": 0}
    x["title"] = {"text": _title(key), "font": base["xaxis"]["title"]["font"], "standoff": 6}
    y = {**base["yaxis"], "type": view.objective_axis, "anchor": f"x{suffix}", "nticks": 5}
    y |= {"automargin": False, "title": {"text": ""}, "tickformat": "~g", "matches": None if number == 1 else "y"}
    figure.update_layout({f"xaxis{suffix}": x, f"yaxis{suffix}": y})


def _scale(view: View, key: str, axis: PlotAxis) -> dict[str, object]:
    """Return the range and the ticks of a panel's horizontal axis."""
    if axis.places:
        return _scale_of_choices(view, key, axis)
    low, high = (math.log10(end) if axis.is_log else end for end in (axis.low, axis.high))
    padding = _PADDING * (high - low) or 0.5 * abs(low) or 0.5
    found: dict[str, object] = {"range": [low - padding, high + padding], "nticks": 4, "tickformat": "~g"}
    if axis.is_log:
        ticks = powers_of_ten(axis.low, axis.high)
        found |= {"type": "log", "tickvals": ticks, "ticktext": [f"{tick:g}" for tick in ticks]}
    return found


def _scale_of_choices(view: View, key: str, axis: PlotAxis) -> dict[str, object]:
    choices, untried = list(axis.places), set(_untried(view, key, axis))
    most = max(4, min(24, 34 // len(choices)))
    every = -(-len(choices) // MOST_CHOICES)
    texts = [clipped(format_value(choice) or "(empty)", most) for choice in choices]
    labels = [
        f"<i>{text}</i><br><i>never<br>tried</i>" if (format_value(choice) or "(empty)") in untried else text
        for text, choice in zip(texts, choices, strict=True)
    ]
    return {
        "range": [-0.5, len(choices) - 0.5],
        "tickvals": list(range(0, len(choices), every)),
        "ticktext": labels[::every],
        "tickfont": {"size": 11 if len(choices) < 6 else 9, "color": LIGHT["muted"]},
    }


def powers_of_ten(low: float, high: float) -> list[float]:
    """Return a few equally spaced powers of ten from `low` to `high`, inclusive; both ends when there is none."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    if last < first:
        return [low, high]
    return [float(f"1e{power}") for power in range(first, last + 1, (last - first) // MOST_TICKS + 1)]
