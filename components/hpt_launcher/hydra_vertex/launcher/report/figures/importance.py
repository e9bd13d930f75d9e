"""Builds the figure of parameter importances."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from inspect import signature
from typing import TYPE_CHECKING

from hydra_vertex.launcher.report.labels import line_count, wrapped
from hydra_vertex.launcher.report.palette import LIGHT

from .figure import Figure, apply_style, plot_json
from .view import View

if TYPE_CHECKING:
    from optuna.importance import PedAnovaImportanceEvaluator

LABEL_LENGTH = 22
"""Characters of a parameter's name in one line: it takes less than half of a narrow page."""

MIN_TRIALS = 20
"""Minimum number of trials: importances from fewer trials are mostly chance."""

TOP_TRIALS = 5
"""Minimum number of good trials that PED-ANOVA compares with the rest. Source: Optuna's documentation of it."""


def importance_figure(view: View) -> Figure | None:
    """Return Optuna's importances by PED-ANOVA; None where they cannot be computed. Needs Optuna 3.6 or newer."""
    shares = importances(view)
    if not shares:
        return None
    import plotly.graph_objects as go

    names = list(reversed(shares))
    labels = [wrapped(name, LABEL_LENGTH, 4) for name in names]
    lines = max(map(line_count, labels))
    figure = go.Figure(
        go.Bar(
            x=[shares[name] for name in names],
            y=list(range(len(names))),
            hovertext=names,
            orientation="h",
            marker={"color": LIGHT["succeeded"]},
            texttemplate="%{x:.0%}",
            textposition="outside",
            cliponaxis=False,
            hovertemplate="%{hovertext}: %{x:.1%}<extra></extra>",
        )
    )
    apply_style(figure)
    figure.update_xaxes(visible=False, range=[0, 1.25 * max(shares.values())])
    figure.update_yaxes(tickvals=list(range(len(names))), ticktext=labels, showgrid=False)
    return Figure(
        id="importance",
        title="Parameter importance",
        aid="The share of the difference between the better and the other trials that each parameter explains.",
        alt=", ".join(f"{name} {share:.0%}" for name, share in shares.items()),
        plot=plot_json(figure),
        height_px=60 + max(34, 8 + 15 * lines) * len(shares),
    )


def importances(view: View) -> dict[str, float]:
    """Return the importance of each parameter, the largest first; empty where they cannot be computed."""
    import optuna

    # Optuna 2, which hydra-optuna-sweeper 1.2 and 1.3 need, has only evaluators that need scikit-learn.
    if len(view.ranked) < MIN_TRIALS or not hasattr(optuna.importance, "PedAnovaImportanceEvaluator"):
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        evaluator = _evaluator(max(0.1, TOP_TRIALS / len(view.ranked)))
        try:
            found = optuna.importance.get_param_importances(view.study, evaluator=evaluator)
        except (ValueError, RuntimeError):  # a space without variation has no importances
            return {}
    return {name: float(share) for name, share in found.items() if share == share}


def _evaluator(share: float) -> PedAnovaImportanceEvaluator:
    """Return a PED-ANOVA evaluator that compares the best `share` (0 to 1) of the trials with the rest."""
    from optuna.importance import PedAnovaImportanceEvaluator

    make: Callable[..., PedAnovaImportanceEvaluator] = PedAnovaImportanceEvaluator
    if "target_quantile" in signature(make).parameters:
        return make(target_quantile=share)
    return make(baseline_quantile=share)  # the argument's name in older versions
