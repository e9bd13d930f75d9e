"""Builds the figure of each trial's objective and the best value so far."""

from __future__ import annotations

from typing import Any

from hydra_vertex.job import Goal
from hydra_vertex.launcher.report.palette import LIGHT
from hydra_vertex.launcher.report.schedule import Status, status_of
from hydra_vertex.launcher.text.formatting import format_value

from .figure import Figure, apply_style, plot_json
from .view import View

_FEW_TRIALS = 30
"""Up to this number of trials, each trial has a tick label."""


def history_figure(view: View) -> Figure | None:
    """Return Optuna's optimization history, with marks on the best and infeasible trials; None without values."""
    if not view.ranked:
        return None
    from optuna.visualization import plot_optimization_history

    figure = plot_optimization_history(view.study, target_name=view.metric)
    points, best_so_far, *_ = figure.data  # Optuna 3 and later add the infeasible trials
    figure.data = (best_so_far, points)
    _restyle(points, best_so_far, view)
    _add_marks(figure, view)
    apply_style(figure)
    figure.update_xaxes(
        title_text="trial", showgrid=False, tickformat="d", dtick=1 if len(view.trials) <= _FEW_TRIALS else None
    )
    figure.update_yaxes(title_text=view.objective_title, type=view.objective_axis)
    figure.update_layout(yaxis2={"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True})
    better = "lower" if view.goal is Goal.MINIMIZE else "higher"
    return Figure(
        id="history",
        title="Best so far",
        aid=f"Each dot is a trial and the line is the best value up to it; {better} is better.",
        alt=_description(view),
        plot=plot_json(figure),
    )


def _restyle(points: Any, best_so_far: Any, view: View) -> None:
    """Restyle both traces, and replace Optuna's trial numbers, which start at 0, by the trials' ids."""
    measured = [view.trials[number] for number in points.x]
    points.update(
        x=[_position(trial.id) for trial in measured],
        name="trial",
        marker={"size": marker_size(len(measured)), "color": LIGHT["succeeded"]},
        text=[view.hover(trial) for trial in measured],
        hovertemplate="%{text}<extra></extra>",
    )
    best_so_far.update(
        x=[_position(view.trials[number].id) for number in best_so_far.x],
        name="best so far",
        line={"color": LIGHT["accent"], "width": 2, "shape": "hv"},
        mode="lines",
        hoverinfo="skip",
    )


def _add_marks(figure: Any, view: View) -> None:
    """Add a star on the marked trial, and a cross at the bottom for each infeasible trial."""
    if view.best in view.ranked and view.best is not None:
        figure.add_scatter(
            x=[_position(view.best.id)],
            y=[view.value(view.best)],
            mode="markers",
            name="best",
            marker={"symbol": "star", "size": 16, "color": LIGHT["accent"]},
            text=[view.hover(view.best)],
            hovertemplate="%{text}<extra></extra>",
        )
    failed = [trial for trial in view.trials if status_of(trial, view.job) is Status.INFEASIBLE]
    if failed:
        figure.add_scatter(
            x=[_position(trial.id) for trial in failed],
            y=[0.03] * len(failed),
            yaxis="y2",
            mode="markers",
            name="infeasible",
            marker={"symbol": "x", "size": marker_size(len(failed)), "color": LIGHT["infeasible"]},
            text=[view.hover(trial) for trial in failed],
            hovertemplate="%{text}<extra></extra>",
        )


def marker_size(count: int) -> int:
    """Return the diameter of dots in px: smaller for many trials, so that dots do not overlap."""
    return 9 if count <= 40 else 7 if count <= 200 else 5


def _position(trial_id: str) -> int | str:
    return int(trial_id) if trial_id.isdecimal() else trial_id


def _description(view: View) -> str:
    worst, best = view.ranked[-1], view.ranked[0]
    return (
        f"{len(view.ranked)} trials with a value of {view.metric}, from {format_value(view.value(best))} "
        f"(trial {best.id}) to {format_value(view.value(worst))} (trial {worst.id})."
    )
