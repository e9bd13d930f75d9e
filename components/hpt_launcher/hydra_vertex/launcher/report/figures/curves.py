"""Learning curves, where trials reported on the way."""

from __future__ import annotations

from ..palette import LIGHT
from ..study import intermediate_values
from .figure import Figure, apply_style, plot_json
from .view import View

_MAX_CURVES = 200


def curves_figure(view: View) -> Figure | None:
    """The metric over the steps of each trial; the best trial stands out."""
    curves = {trial.id: intermediate_values(trial, view.metric) for trial in view.trials[-_MAX_CURVES:]}
    curves = {trial_id: points for trial_id, points in curves.items() if len(points) > 1}
    if not curves:
        return None
    import plotly.graph_objects as go

    figure = go.Figure()
    for trial_id, points in sorted(curves.items(), key=lambda item: item[0] == view.best_id):
        is_best = trial_id == view.best_id
        figure.add_scatter(
            x=list(points),
            y=list(points.values()),
            mode="lines",
            name=f"trial {trial_id}",
            line={
                "color": LIGHT["accent"] if is_best else view.colours.get(trial_id, LIGHT["cancelled"]),
                "width": 3 if is_best else 1.2,
            },
            showlegend=is_best,
        )
    apply_style(figure)
    figure.update_xaxes(title_text="step")
    figure.update_yaxes(title_text=view.objective_title, type=view.objective_axis)
    return Figure(
        id="curves",
        title="Learning curves",
        aid="Each line is a trial's metric over its steps; the best trial is the thick one.",
        alt=f"{view.metric} over the steps of {len(curves)} trials.",
        plot=plot_json(figure),
    )
