"""Selects the trial of a study by the means of the repeats. Pure."""

from __future__ import annotations

from hydra_vertex.job import HyperparameterTuningJob
from hydra_vertex.launcher.best.selection import Choice, select_best
from hydra_vertex.protocol.errors import StudyError

from .result import Confirmation
from .settings import FEWEST_REPEATS
from .text import sentences


def choice_of(study: HyperparameterTuningJob, confirmation: Confirmation) -> Choice:
    """Return the trial with the best mean.

    When a limit of the user has stopped the repeats before a mean could be selected, it is the trial with the best
    value of the study, and the remarks say so. Raises StudyError when too many repeats failed.
    """
    remarks = tuple(sentences(confirmation))
    selected = confirmation.selected
    if selected is not None:
        return Choice(selected.trial, selected.mean, remarks)
    if not confirmation.stopped:
        raise StudyError(_failed(confirmation))
    trial = select_best(study)
    value = trial.objective(study.study_spec.objective.id)
    assert value is not None  # noqa: S101 - select_best takes only trials that have one
    return Choice(trial, value, remarks)


def _failed(confirmation: Confirmation) -> str:
    counts = "; ".join(
        f"trial {item.trial.id}: {len(item.values)} measured, {item.failed} failed"
        for item in confirmation.configurations
    )
    return (
        f"no configuration is confirmed, because each needs {FEWEST_REPEATS} measured repeats ({counts}); see the logs "
        "of the repeats, or run the same command without --confirm, which selects by the study's own values"
    )
