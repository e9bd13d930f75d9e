"""Builds the figure of learning curves, for trials that report measurements while they run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from hydra_vertex.job import Trial
from hydra_vertex.launcher.report.labels import wrapped
from hydra_vertex.launcher.report.palette import LIGHT, rank_colours
from hydra_vertex.launcher.report.schedule import Status, status_of
from hydra_vertex.launcher.report.study import intermediate_values

from .figure import Figure, apply_style, plot_json
from .marks import MARKS, colour_of
from .view import View

if TYPE_CHECKING:
    import plotly.graph_objects as go


def curves_figure(view: View) -> Figure | None:
    """Return the curves of all trials: in few traces, coloured by rank, the best on top; None without curves.

    The page has the points with each trial, so that a live page is sent only the curves that have changed.
    """
    import plotly.graph_objects as go

    trials = [trial for trial in view.trials if len(intermediate_values(trial, view.metric)) > 1]
    if not trials:
        return None
    figure = go.Figure()
    for style in _styles(view, trials):
        _add(figure, view, style)
    apply_style(figure)
    figure.update_xaxes(title_text="step", showgrid=False)
    figure.update_yaxes(title_text=wrapped(view.objective_title, 40, 3), type=view.objective_axis)
    stopped = sum(status_of(trial, view.job) is Status.STOPPED for trial in trials)
    stopped_text = f" {stopped} were stopped early: dotted, with a triangle at the end." if stopped else ""
    return Figure(
        id="curves",
        title="Learning curves",
        aid="The values that each trial reported while it ran. A stronger colour is better; the best is thick."
        f"{stopped_text}",
        alt=f"{view.metric} by step for {len(trials)} trials.",
        plot=plot_json(figure),
        height_px=380,
    )


class _Style:
    """The trials that are drawn alike, in one trace."""

    def __init__(self, name: str, trials: Sequence[Trial], line: Mapping[str, object], *, marks_end: bool = False):
        self.name, self.trials, self.line, self.marks_end = name, trials, line, marks_end


def _styles(view: View, trials: Sequence[Trial]) -> Iterator[_Style]:
    """Yield the traces from the bottom to the top: the failed, the stopped, the others by rank, running, the best."""
    by_status: dict[Status, list[Trial]] = {}
    for trial in trials:
        if trial.id != view.best_id:
            by_status.setdefault(status_of(trial, view.job), []).append(trial)
    for status in (Status.INFEASIBLE, Status.CANCELLED, Status.WAITING, Status.STOPPED):
        if found := by_status.get(status):
            line = {"color": colour_of(status), "width": 1.2, "dash": MARKS[status].dash}
            yield _Style(status.value, found, line, marks_end=status is Status.STOPPED)
    succeeded = by_status.get(Status.SUCCEEDED, [])
    colours = rank_colours(LIGHT)
    for colour in colours:
        if found := [trial for trial in succeeded if view.colours.get(trial.id, colours[0]) == colour]:
            yield _Style("succeeded", found, {"color": colour, "width": 1.6})
    if found := by_status.get(Status.RUNNING):
        yield _Style("running", found, {"color": colour_of(Status.RUNNING), "width": 2})
    if found := [trial for trial in trials if trial.id == view.best_id]:
        yield _Style("best", found, {"color": LIGHT["accent"], "width": 3.5})


def _add(figure: go.Figure, view: View, style: _Style) -> None:
    is_first = not any(trace.name == style.name for trace in figure.data)
    symbol = MARKS[Status.STOPPED].symbol
    figure.add_scatter(
        x=[],
        y=[],
        mode="lines+markers" if style.marks_end else "lines",
        name=style.name,
        legendgroup=style.name,
        showlegend=is_first,
        line=dict(style.line),
        marker={"symbol": symbol, "size": 8, "color": style.line["color"]} if style.marks_end else None,
        opacity=0.85,
        hovertemplate="step %{x}: %{y:.5g}<br>%{hovertext}<extra></extra>",
        meta={
            "curves": {
                "metric": str(view.metric_number),
                "trials": [view.row(trial) for trial in style.trials],
                "marksEnd": style.marks_end,
            }
        },
    )
