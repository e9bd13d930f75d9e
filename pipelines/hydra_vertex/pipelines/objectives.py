"""Refuses, before anything starts, what a study of several objectives cannot have. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from hydra_vertex.job import StudySpec
from hydra_vertex.job.preference import preference_problem
from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.errors import CommandError

_NEXT = "leave it out, or tune one objective"


def require_possible(spec: StudySpec, metric_threshold: float | None) -> None:
    """Raises CommandError for an option or a field that compares trials by one value, in a study of several objectives.

    Optuna refuses pruning in such studies too. Google's documentation does not say what its service does.
    """
    for problem in _problems(spec, metric_threshold):
        require_one_objective(spec, problem)


def require_one_objective(spec: StudySpec, problem: str) -> None:
    """Raises CommandError in a study of several objectives; `problem` says why this cannot be."""
    if spec.has_several_objectives:
        names = ", ".join(excerpt(metric.id) for metric in spec.metrics)
        raise CommandError(f"{problem}, and the study has several objectives ({names}); {_NEXT}")


def require_objective(spec: StudySpec, prefer: str) -> None:
    """Raises CommandError for a preferred objective that the study has not, and in a study of one objective."""
    if problem := preference_problem(spec, prefer):
        raise CommandError(f"--prefer {problem}")


def _problems(spec: StudySpec, metric_threshold: float | None) -> Iterator[str]:
    if spec.automated_stopping is not None:
        yield "early stopping (--early-stopping, or the search file's stopping rule) compares the curves of one metric"
    if spec.study_stopping is not None and spec.study_stopping.measures_progress:
        yield "studySpec.studyStoppingConfig has a limit on progress, which is that of one metric"
    if metric_threshold is not None:
        yield f"--metric-threshold {metric_threshold:g} is a limit of one metric"
