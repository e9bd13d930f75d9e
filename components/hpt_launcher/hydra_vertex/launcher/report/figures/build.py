"""Builds all figures of a report, in the order of the page."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from dataclasses import replace

from hydra_vertex.job import HyperparameterTuningJob, Trial
from hydra_vertex.launcher.cost.prices import Prices
from hydra_vertex.launcher.machines import NO_MACHINES, StudyMachines
from hydra_vertex.launcher.report.labels import unescape

from .contour import contour_figure
from .curves import curves_figure
from .figure import Figure
from .history import history_figure
from .importance import importance_figure
from .machines import machines_figures
from .parallel import parallel_figure
from .pareto import pareto_figures
from .slices import slice_figure
from .timeline import timeline_figure
from .view import View, view_of

_OF_AN_OBJECTIVE = (curves_figure, parallel_figure, importance_figure, contour_figure, slice_figure)
_BUILDERS = (history_figure, timeline_figure, *_OF_AN_OBJECTIVE)


def build_figures(
    job: HyperparameterTuningJob,
    best: Trial | None,
    prices: Prices | None = None,
    machines: StudyMachines = NO_MACHINES,
) -> tuple[Figure, ...]:
    """Return the figures for which the job has enough data. `best` is the trial to mark; None for no mark.

    With `prices`, the cost is in money, and in worker-hours without them. `machines` are those of its trials.
    """
    from hydra_vertex.launcher.report.study import quiet_optuna

    view = view_of(job, best, prices or Prices())
    with quiet_optuna(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Optuna's plots warn of conditions that the page states in its text
        if job.study_spec.has_several_objectives:
            found = list(_of_several(view))
        else:
            found = [figure for build in _BUILDERS if (figure := build(view)) is not None]
        found += machines_figures(view, machines)
    return tuple(replace(figure, aid=unescape(figure.aid), alt=unescape(figure.alt)) for figure in found)


def _of_several(view: View) -> Iterator[Figure]:
    """Yield the Pareto set, the timeline, and the figures of each objective by itself."""
    yield from pareto_figures(view)
    if (timeline := timeline_figure(view)) is not None:
        yield timeline
    for number, metric in enumerate(view.job.study_spec.metrics, start=1):
        own = view.of_objective(metric)
        for build in _OF_AN_OBJECTIVE:
            if (figure := build(own)) is not None:
                yield replace(figure, id=f"{figure.id}-{number}", title=f"{figure.title}: {metric.id}")
