"""Checks whether a tuning service would refuse a plan, before anything is sent; messages name the search file.

The rules are those of the embedded service, which follow the API.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from pathlib import Path

from hydra_vertex.job import StudySpec
from hydra_vertex.launcher.limits import LONGEST_S
from hydra_vertex.launcher.preflight.job_builder import build_job
from hydra_vertex.launcher.text.terminal import excerpt
from hydra_vertex.protocol.errors import SearchSpaceError
from hydra_vertex.service.status import Refusal, Status
from hydra_vertex.service.validation.jobs import validate

from .plan import TuningPlan

PLACEHOLDER = "{{"
_PARAMETER = re.compile(r"studySpec\.parameters\[(\d+)\]")


def require_acceptable(plan: TuningPlan, search: Path | str, *, here: bool) -> None:
    """Check a plan. Raises SearchSpaceError naming the search file and the field that a service would refuse.

    With `here`, also refuses what the embedded service does not support; otherwise only what every service refuses.
    """
    _require_durations(plan, search)
    _require_plain_texts(plan, search)
    job = build_job(
        display_name=plan.display_name,
        study_spec=plan.study_spec,
        trial_job_spec=plan.trial_job_spec,
        app=plan.app,
        max_trial_count=plan.max_trial_count,
        parallel_trial_count=plan.parallel_trial_count,
        max_failed_trial_count=plan.max_failed_trial_count,
        labels=plan.labels,
        monitor=plan.monitor,
        aliases=plan.aliases,
        other=plan.job_fields,
    )
    try:
        validate(job)
    except Refusal as error:
        if here or error.status is Status.INVALID_ARGUMENT:
            raise SearchSpaceError(f"{search}: {_key(error.field, plan.study_spec)}{error}") from error


def _key(field: str, spec: StudySpec) -> str:
    """Return the parameter's key as the search file has it, for a field of a parameter; empty for any other field."""
    found = _PARAMETER.match(field)
    return "" if found is None else f"{excerpt(spec.parameters[int(found[1])].id)}: "


def _require_plain_texts(plan: TuningPlan, search: Path | str) -> None:
    """KFP replaces placeholders in the parameters that are plain text; in JSON text they can be escaped."""
    texts = {"the display name": plan.display_name, "the metric": plan.study_spec.metric_text}
    for name, text in texts.items():
        if PLACEHOLDER in text:
            raise SearchSpaceError(
                f"{search}: {name} is {excerpt(repr(text))}; Kubeflow Pipelines takes {PLACEHOLDER} for the beginning "
                "of a placeholder, so choose a name without it"
            )


def _require_durations(plan: TuningPlan, search: Path | str) -> None:
    for field, duration_s in _durations_s(plan):
        if duration_s is not None and not (math.isfinite(duration_s) and abs(duration_s) <= LONGEST_S):
            raise SearchSpaceError(f"{search}: {field} is {duration_s:g}s; expected {LONGEST_S}s at most")


def _durations_s(plan: TuningPlan) -> Iterator[tuple[str, float | None]]:
    yield "trialJobSpec.scheduling.timeout", plan.trial_job_spec.timeout_s
    limits = plan.study_spec.study_stopping
    if limits is not None:
        path = "studySpec.studyStoppingConfig"
        yield f"{path}.maxDurationNoProgress", limits.max_duration_no_progress_s
        if limits.minimum_runtime is not None:
            yield f"{path}.minimumRuntimeConstraint.maxDuration", limits.minimum_runtime.max_duration_s
        if limits.maximum_runtime is not None:
            yield f"{path}.maximumRuntimeConstraint.maxDuration", limits.maximum_runtime.max_duration_s
