"""Learning curves of the trials that report on the way."""

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
"""More curves than this are a blur: the best, and those still running, are drawn."""

MAX_POINTS = 400
"""A curve's points beyond this many are thinned out evenly."""


def curves_figure(view: View) -> Figure | None:
    """Optuna's intermediate values, coloured by rank, the marked trial on top."""
    shown = view.only(_with_curves(view))
    if not shown.trials:
        return None
    from optuna.visualization import plot_intermediate_values

    figure = plot_intermediate_values(shown.study)
    for curve, trial in zip(figure.data, shown.trials, strict=True):
        _restyle(curve, trial, view)
    figure.data = sorted(figure.data, key=lambda curve: float(curve.line.width))
    apply_style(figure)
    figure.update_xaxes(title_text="step", showgrid=False)
    figure.update_yaxes(title_text=view.objective_title, type=view.objective_axis)
    cut = "" if len(shown.trials) < MAX_CURVES else f" The best {MAX_CURVES} are shown."
    return Figure(
        id="curves",
        title="Learning curves",
        aid=f"What each trial reported on the way: the stronger its colour, the better. The best is thick.{cut}",
        alt=f"{view.metric} by step for {len(shown.trials)} trials.",
        plot=plot_json(figure),
    )


def _with_curves(view: View) -> tuple[Trial, ...]:
    """The trials that Optuna draws (measured or running) and that have at least two points."""
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
    """Each so-many-th point, counted from the end: the last one is what counts."""
    return list(points[::-1][::every][::-1])
