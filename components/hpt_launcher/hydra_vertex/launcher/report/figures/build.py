"""Builds all figures of a report, in the order of the page."""

from __future__ import annotations

import warnings
from dataclasses import replace

from hydra_vertex.job import HyperparameterTuningJob, Trial
from hydra_vertex.launcher.report.labels import unescape

from .curves import curves_figure
from .figure import Figure
from .history import history_figure
from .importance import importance_figure
from .parallel import parallel_figure
from .slices import slice_figure
from .timeline import timeline_figure
from .view import view_of

_BUILDERS = (history_figure, parallel_figure, importance_figure, slice_figure, curves_figure, timeline_figure)


def build_figures(job: HyperparameterTuningJob, best: Trial | None) -> tuple[Figure, ...]:
    """Return the figures for which the job has enough data. `best` is the trial to mark; None for no mark."""
    from hydra_vertex.launcher.report.study import quiet_optuna

    view = view_of(job, best)
    with quiet_optuna(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Optuna's plots warn of conditions that the page states in its text
        found = [figure for build in _BUILDERS if (figure := build(view)) is not None]
    return tuple(replace(figure, aid=unescape(figure.aid), alt=unescape(figure.alt)) for figure in found)
