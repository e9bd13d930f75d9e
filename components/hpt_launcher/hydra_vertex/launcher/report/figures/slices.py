"""Builds the slice plot: the objective over each parameter by itself."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from hydra_vertex.launcher.report.palette import LIGHT

from .figure import Figure, apply_style, plot_json
from .history import marker_size
from .view import View

if TYPE_CHECKING:
    import plotly.graph_objects as go

_PANEL_WIDTH_PX = 160
MOST_TICKS = 3


def slice_figure(view: View) -> Figure | None:
    """Return Optuna's slice plot, with the marked trial as a star; None for fewer than 2 measured trials."""
    if len(view.ranked) < 2 or not view.parameters:
        return None
    from optuna.visualization import plot_slice

    figure = plot_slice(view.study, params=list(view.parameters), target_name=view.metric)
    for panel in figure.data:
        _restyle(panel, view)
    apply_style(figure)
    figure.update_layout(width=None, height=None, showlegend=False)
    figure.update_yaxes(type=view.objective_axis)
    figure.update_xaxes(nticks=4, tickangle=0)
    texts = _texts_of_choices(view)
    for panel in figure.data:
        _label(figure.layout["xaxis" + (panel.xaxis or "x")[1:]], panel.x, texts)
    return Figure(
        id="slices",
        title="One parameter at a time",
        aid="Each dot is a trial, the star is the best. A slope or a valley shows that the parameter alone matters.",
        alt=f"{view.metric} of {len(view.ranked)} trials over each of {', '.join(view.parameters)}.",
        plot=plot_json(figure),
        height_px=300,
        min_width_px=_PANEL_WIDTH_PX * len(view.parameters),
    )


def _restyle(panel: go.Scatter, view: View) -> None:
    """Restyle a panel. Optuna sets each point's colour value to its trial number, which identifies the trial."""
    trials = [view.trials[int(number)] for number in panel.marker.color]
    best = [trial.id == view.best_id for trial in trials]
    size = marker_size(len(trials))
    panel.marker = {
        "color": [LIGHT["accent"] if is_best else LIGHT["succeeded"] for is_best in best],
        "symbol": ["star" if is_best else "circle" for is_best in best],
        "size": [size + 5 if is_best else size for is_best in best],
        "opacity": 0.8,
        "line": {"width": 0},
    }
    panel.text = [trial.id for trial in trials]
    panel.hovertemplate = "<b>trial %{text}</b><br>%{x}<br>%{y:.5g}<extra></extra>"


def _texts_of_choices(view: View) -> dict[str, str]:
    """Return each text choice by its `repr` (`'gelu'`), which Optuna 5 uses as its label."""
    from optuna.distributions import CategoricalDistribution

    kinds = (kind for trial in view.study.trials for kind in trial.distributions.values())
    choices = (choice for kind in kinds if isinstance(kind, CategoricalDistribution) for choice in kind.choices)
    return {repr(choice): choice for choice in choices if isinstance(choice, str)}


def _label(axis: go.layout.XAxis, values: Sequence[float], texts: Mapping[str, str]) -> None:
    """Label a log axis with powers of ten, and a choice as the user wrote it, as Optuna before version 5 does."""
    if axis.type == "log":
        ticks = powers_of_ten(min(values), max(values))
        axis.update(tickvals=ticks, ticktext=[f"{tick:g}" for tick in ticks])
    if axis.categoryarray is not None:
        choices = list(axis.categoryarray)
        axis.update(tickvals=choices, ticktext=[texts.get(choice, str(choice)) or "(empty)" for choice in choices])


def powers_of_ten(low: float, high: float) -> list[float]:
    """Return a few equally spaced powers of ten from `low` to `high`, inclusive; both ends when there is none."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    if last < first:
        return [low, high]
    return [float(f"1e{power}") for power in range(first, last + 1, (last - first) // MOST_TICKS + 1)]
