"""Builds the figure of each trial's objective and the best value so far, by trial, by time and by cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from hydra_vertex.job import Goal, Trial
from hydra_vertex.launcher.best.against_defaults import against_defaults
from hydra_vertex.launcher.best.selection import is_better
from hydra_vertex.launcher.report.labels import wrapped
from hydra_vertex.launcher.report.palette import LIGHT
from hydra_vertex.launcher.report.schedule import Status, status_of
from hydra_vertex.launcher.text.formatting import format_value
from hydra_vertex.protocol.json import JsonObject

from .figure import Figure, Switch, apply_style, plot_json
from .marks import MARKS, colour_of, marker_size, star
from .progress_axes import ProgressAxis, progress_axes
from .view import View

if TYPE_CHECKING:
    import plotly.graph_objects as go

_MARGIN = 0.04
"""Free space at both ends of the horizontal axis, as a share of its length: a star there is not cut off."""


def history_figure(view: View) -> Figure | None:
    """Return the figure, with marks on the best, the stopped and the infeasible trials; None without values."""
    if not view.ranked:
        return None
    import plotly.graph_objects as go

    failed = [trial for trial in view.trials if status_of(trial, view.job) is Status.INFEASIBLE]
    axes = progress_axes(view, [*view.ranked, *failed])
    figure = go.Figure()
    _add_best_so_far(figure, view, axes)
    _add_points(figure, view, axes)
    _add_defaults(figure, view, axes)
    _add_infeasible(figure, view, failed, axes)
    apply_style(figure)
    figure.update_xaxes(title_text="trial", showgrid=False, nticks=10, **_xaxis(axes[0]))
    figure.update_yaxes(title_text=wrapped(view.objective_title, 40, 3), type=view.objective_axis)
    figure.update_layout(yaxis2={"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True})
    better = "lower" if view.goal is Goal.MINIMIZE else "higher"
    return Figure(
        id="history",
        title="Best so far",
        aid=f"Each dot is a trial and the line is the best value up to it; {better} is better.",
        alt=_description(view),
        plot=plot_json(figure),
        switches=tuple(Switch(axis.key, axis.label, axis.title, _xaxis(axis)) for axis in axes)
        if len(axes) > 1
        else (),
    )


def _xaxis(axis: ProgressAxis) -> JsonObject:
    low = min([*axis.places.values(), 1.0]) if axis.key == "trial" else 0.0
    high = max(axis.places.values())
    margin = max(_MARGIN * (high - low), 0.5 if axis.key == "trial" else 1e-9)
    return {"range": [low - margin, high + margin], "tickformat": "d" if axis.key == "trial" and high > 9 else ""}


def _add_best_so_far(figure: go.Figure, view: View, axes: Sequence[ProgressAxis]) -> None:
    steps = {axis.key: list(_best_so_far(view, axis)) for axis in axes}
    first, *_ = axes
    figure.add_scatter(
        x=[x for x, _ in steps[first.key]],
        y=[y for _, y in steps[first.key]],
        name="best so far",
        mode="lines",
        line={"color": LIGHT["accent"], "width": 2, "shape": "hv"},
        hoverinfo="skip",
        meta={"alternatives": {key: {"x": [x for x, _ in s], "y": [y for _, y in s]} for key, s in steps.items()}},
    )


def _best_so_far(view: View, axis: ProgressAxis) -> Iterator[tuple[float, float]]:
    """Yield the places at which the best value changes, and the last place."""
    best: float | None = None
    last = max(axis.places.values())
    for trial in sorted(view.ranked, key=lambda trial: axis.places[trial.id]):
        value = view.value(trial)
        if best is None or is_better(value, best, view.goal):
            best = value
            yield axis.places[trial.id], value
    if best is not None:
        yield last, best


def _add_points(figure: go.Figure, view: View, axes: Sequence[ProgressAxis]) -> None:
    """Add the dots of each state, and the star of the best trial."""
    size = marker_size(len(view.ranked))
    for status in (Status.SUCCEEDED, Status.STOPPED):
        trials = [t for t in view.ranked if status_of(t, view.job) is status and t.id != view.best_id]
        if trials:
            marker: dict[str, object] = {"size": size, "color": colour_of(status), "symbol": MARKS[status].symbol}
            name = "trial" if status is Status.SUCCEEDED else status.value
            _add_trials(figure, view, trials, [view.value(t) for t in trials], axes, {"name": name, "marker": marker})
    if view.best in view.ranked and view.best is not None:
        _add_trials(figure, view, [view.best], [view.value(view.best)], axes, {"name": "best", "marker": star()})


def _add_infeasible(figure: go.Figure, view: View, failed: Sequence[Trial], axes: Sequence[ProgressAxis]) -> None:
    """Add a cross at the bottom for each infeasible trial."""
    if failed:
        status = Status.INFEASIBLE
        marker: dict[str, object] = {
            "size": marker_size(len(failed)),
            "color": colour_of(status),
            "symbol": MARKS[status].symbol,
        }
        style = {"name": status.value, "marker": marker, "yaxis": "y2"}
        _add_trials(figure, view, failed, [0.03] * len(failed), axes, style)


def _add_trials(
    figure: go.Figure,
    view: View,
    trials: Sequence[Trial],
    values: Sequence[float],
    axes: Sequence[ProgressAxis],
    style: Any,
) -> None:
    first, *others = axes
    figure.add_scatter(
        x=[first.places[trial.id] for trial in trials],
        y=list(values),
        mode="markers",
        cliponaxis=False,
        hovertemplate="%{hovertext}<extra></extra>",
        meta={
            "hover": [view.row(trial) for trial in trials],
            "alternatives": {axis.key: {"x": [axis.places[trial.id] for trial in trials]} for axis in others},
        },
        **style,
    )


def _add_defaults(figure: go.Figure, view: View, axes: Sequence[ProgressAxis]) -> None:
    """Add a line at the value of the default config, if a trial measured it."""
    compared = None if view.best is None else against_defaults(view.job, view.best)
    if compared is None or compared.default_value is None:
        return
    ends = {axis.key: {"x": [min(axis.places.values()), max(axis.places.values())]} for axis in axes}
    figure.add_scatter(
        **ends[axes[0].key],
        y=[compared.default_value] * 2,
        mode="lines",
        name="your defaults",
        line={"color": LIGHT["muted"], "width": 1.5, "dash": "dash"},
        hovertemplate=f"your defaults: {format_value(compared.default_value)}<extra></extra>",
        meta={"alternatives": ends},
    )


def _description(view: View) -> str:
    worst, best = view.ranked[-1], view.ranked[0]
    return (
        f"{len(view.ranked)} trials with a value of {view.metric}, from {format_value(view.value(best))} "
        f"(trial {best.id}) to {format_value(view.value(worst))} (trial {worst.id})."
    )
