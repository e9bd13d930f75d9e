"""The objective that decides within a Pareto set, as a label of the job: the API has no field for it. Pure.

The label has the number of the objective in `studySpec.metrics`, from 1, because a name can have characters that a
label cannot. Every command that selects a trial of the job follows it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from hydra_vertex.protocol.errors import DocumentError
from hydra_vertex.protocol.suggestions import suggest

from .document import HyperparameterTuningJob
from .quoting import quoted
from .study_spec import StudySpec

PREFER_LABEL = "hydra-vertex-prefer"
PARAMETER = "prefer"
"""The parameter of the pipeline and of its steps."""


def preferred_objective(job: HyperparameterTuningJob) -> str:
    """Return the name of the preferred objective; empty without one, and for a study of one objective."""
    text = job.labels.get(PREFER_LABEL, "")
    number = int(text) if text.isascii() and text.isdecimal() and len(text) < 4 else 0
    ids = job.study_spec.metric_ids if job.study_spec.has_several_objectives else ()
    return ids[number - 1] if 1 <= number <= len(ids) else ""


def prefer_labels(spec: StudySpec, prefer: str) -> dict[str, str]:
    """Return the label of a preferred objective; none for an empty name. Raises DocumentError when it cannot be."""
    if problem := preference_problem(spec, prefer):
        raise DocumentError(PARAMETER, problem)
    return {PREFER_LABEL: str(spec.metric_ids.index(prefer) + 1)} if prefer else {}


def preference_problem(spec: StudySpec, prefer: str) -> str:
    """Return why an objective cannot be preferred in the study; empty when it can, and for an empty name."""
    if not prefer:
        return ""
    names = [metric.id for metric in spec.metrics]
    if prefer not in names:
        return f"{quoted(prefer)}: the study has no such objective{suggest(prefer, names)}"
    if not spec.has_several_objectives:
        return f"{quoted(prefer)}: the study has one objective, {spec.objective.id}; leave it out"
    return ""


def with_preference(job: HyperparameterTuningJob, prefer: str) -> HyperparameterTuningJob:
    """Return the job with this preference in place of its own; without one when the study has no such objective."""
    kept: Mapping[str, str] = {key: value for key, value in job.labels.items() if key != PREFER_LABEL}
    is_possible = not preference_problem(job.study_spec, prefer)
    return replace(job, labels={**kept, **(prefer_labels(job.study_spec, prefer) if is_possible else {})})
