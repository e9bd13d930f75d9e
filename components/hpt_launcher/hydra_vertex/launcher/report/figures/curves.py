"""Builds the figure of learning curves, for trials that report measurements while they run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hydra_vertex.job import Trial, TrialState
from hydra_vertex.launcher.report.palette import LIGHT
from hydra_vertex.launcher.report.study import intermediate_values

from .figure import Figure, apply_style, plot_json
from .view import View

if TYPE_CHECKING:
    import plotly.graph_objects as go

MAX_CURVES = 60
"""Maximum number of curves, so that they can be distinguished: running trials first, then the best."""

MAX_POINTS = 400
"""Maximum number of points of a curve; a longer curve is thinned evenly."""


def curves_figure(view: View) -> Figure | None:
    """Return Optuna's plot of intermediate values, coloured by rank, with the marked trial on top; None without curves.

    The objective axis is that of the whole study.
    """
    selected = view.only(_with_curves(view))
    if not selected.trials:
        return None
    from optuna.visualization import plot_intermediate_values

    figure = plot_intermediate_values(selected.study)
    for curve, trial in zip(figure.data, selected.trials, strict=True):
        _restyle(curve, trial, view)
    figure.data = sorted(figure.data, key=lambda curve: float(curve.line.width))
    apply_style(figure)
    figure.update_xaxes(title_text="step", showgrid=False)
    figure.update_yaxes(title_text=view.objective_title, type=view.objective_axis)
    limit = "" if len(selected.trials) < MAX_CURVES else f" The best {MAX_CURVES} are shown."
    return Figure(
        id="curves",
        title="Learning curves",
        aid=f"The values that each trial reported while it ran. A stronger colour is better; the best is thick.{limit}",
        alt=f"{view.metric} by step for {len(selected.trials)} trials.",
        plot=plot_json(figure),
    )


def _with_curves(view: View) -> tuple[Trial, ...]:
    """Return the trials that Optuna draws (measured or running) and that have at least two points."""
    running = [t for t in view.trials if t.state in {TrialState.ACTIVE, TrialState.STOPPING}]
    found = [t for t in (*running, *view.ranked) if len(intermediate_values(t, view.metric)) > 1]
    return tuple(found[:MAX_CURVES])


def _restyle(curve: go.Scatter, trial: Trial, view: View) -> None:
    is_best = trial.id == view.best_id
    every = -(-len(curve.x) // MAX_POINTS)
    curve.update(
        x=_thinned(curve.x, every),
        y=_thinned(curve.y, every),
        name=f"trial {trial.id}",
        mode="lines",
        line={
            "color": LIGHT["accent"] if is_best else view.colours.get(trial.id, LIGHT["running"]),
            "width": 3.5 if is_best else 1.6,
        },
        opacity=1 if is_best else 0.85,
        text=[],
        hovertemplate=f"<b>trial {trial.id}</b><br>step %{{x}}<br>{view.metric} = %{{y:.5g}}<extra></extra>",
    )


def _thinned(points: tuple[float, ...], every: int) -> list[float]:
    """Return every `every`-th point, counted from the end so that the last point is kept."""
    return list(points[::-1][::every][::-1])
