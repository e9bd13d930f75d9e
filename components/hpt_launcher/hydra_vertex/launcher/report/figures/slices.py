"""The objective over each parameter on its own."""

from __future__ import annotations

from ..palette import LIGHT
from .figure import Figure, apply_style, plot_json
from .view import View

_PANEL_WIDTH_PX = 150


def slice_figure(view: View) -> Figure | None:
    """Optuna's slice plot: a panel for each parameter."""
    if len(view.ranked) < 2 or not view.parameters:
        return None
    from optuna.visualization import plot_slice

    figure = plot_slice(view.study, params=list(view.parameters), target_name=view.metric)
    for panel in figure.data:
        panel.update(
            marker={
                "color": LIGHT["succeeded"],
                "size": 8,
                "opacity": 0.8,
                "line": {"width": 0},
                "showscale": False,
            },
            showlegend=False,
        )
    apply_style(figure)
    figure.update_layout(width=None, height=None)
    figure.update_yaxes(type=view.objective_axis)
    figure.update_xaxes(nticks=4, tickangle=0)
    return Figure(
        id="slices",
        title="One parameter at a time",
        aid="Each dot is a trial; a slope or a valley in a panel says that its parameter matters by itself.",
        alt=f"{view.metric} of {len(view.ranked)} trials over each of {', '.join(view.parameters)}.",
        plot=plot_json(figure),
        height_px=300,
        min_width_px=_PANEL_WIDTH_PX * len(view.parameters),
    )
