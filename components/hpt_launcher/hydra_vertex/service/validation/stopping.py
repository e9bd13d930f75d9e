"""Validates the stopping rules of a study. Pure; every message starts with the path of the field."""

from __future__ import annotations

from hydra_vertex.job import ConvexStopping, DoubleRange, IntegerRange, StudySpec, StudyStopping, TimeConstraint
from hydra_vertex.job.quoting import quoted
from hydra_vertex.service.status import Refusal, Status

from .refusals import invalid, refuse_unknown, unimplemented

PATHS = {
    "MedianStopping": "studySpec.medianAutomatedStoppingSpec",
    "DecayCurveStopping": "studySpec.decayCurveStoppingSpec",
    "ConvexStopping": "studySpec.convexAutomatedStoppingSpec",
}


def validate_stopping(spec: StudySpec) -> None:
    """Raises Refusal: INVALID_ARGUMENT as the real API would, UNIMPLEMENTED for what only the real API can do."""
    rule = spec.automated_stopping
    if rule is not None:
        path = PATHS[type(rule).__name__]
        refuse_unknown(path, rule.other)
        require_one_objective(spec, path, "stopping rules")
        if isinstance(rule, ConvexStopping):
            _validate_convex(rule, spec, path)
    if spec.study_stopping is not None:
        _validate_study_stopping(spec.study_stopping)
        if spec.study_stopping.measures_progress:
            require_one_objective(spec, "studySpec.studyStoppingConfig", "limits on progress")


def require_one_objective(spec: StudySpec, path: str, what: str) -> None:
    """Raises Refusal (UNIMPLEMENTED) in a study of several objectives, whose trials have no order."""
    if spec.has_several_objectives:
        names = ", ".join(quoted(metric.id) for metric in spec.metrics)
        unimplemented(path, f"{what} of several objectives ({names})")


def _validate_convex(rule: ConvexStopping, spec: StudySpec, path: str) -> None:
    _require_not_negative(
        path,
        maxStepCount=rule.max_step_count,
        minStepCount=rule.min_step_count,
        minMeasurementCount=rule.min_measurement_count,
    )
    if rule.max_step_count and rule.min_step_count > rule.max_step_count:
        invalid(f"{path}.minStepCount", f"{rule.min_step_count} is more than maxStepCount {rule.max_step_count}")
    name = rule.learning_rate_parameter_name
    numeric = [p.id for p in spec.parameters if isinstance(p.domain, (DoubleRange, IntegerRange))]
    if name and name not in numeric:
        known = ", ".join(numeric) or "none"
        invalid(
            f"{path}.learningRateParameterName",
            f"{quoted(name)} is not a numeric parameter of the study (those are: {known})",
        )
    if rule.update_all_stopped_trials:
        raise Refusal(
            Status.UNIMPLEMENTED,
            f"{path}.updateAllStoppedTrials: the embedded service never changes a final measurement afterwards; "
            "leave it out, or run on Vertex AI",
        )


def _validate_study_stopping(config: StudyStopping) -> None:
    path = "studySpec.studyStoppingConfig"
    refuse_unknown(path, config.other)
    for name, constraint in (
        ("minimumRuntimeConstraint", config.minimum_runtime),
        ("maximumRuntimeConstraint", config.maximum_runtime),
    ):
        if constraint is not None:
            _validate_time(constraint, f"{path}.{name}")
    _require_not_negative(path, minNumTrials=config.min_num_trials)
    for name, number in (
        ("maxNumTrials", config.max_num_trials),
        ("maxNumTrialsNoProgress", config.max_num_trials_no_progress),
    ):
        if number is not None and number < 1:
            invalid(f"{path}.{name}", f"expected 1 or more, got {number}")
    idle_s = config.max_duration_no_progress_s
    if idle_s is not None and idle_s <= 0:
        invalid(f"{path}.maxDurationNoProgress", f"expected more than 0s, got {idle_s:g}s")


def _validate_time(constraint: TimeConstraint, path: str) -> None:
    refuse_unknown(path, constraint.other)
    if constraint.max_duration_s is not None and constraint.max_duration_s < 0:
        invalid(f"{path}.maxDuration", f"expected 0s or more, got {constraint.max_duration_s:g}s")


def _require_not_negative(path: str, **numbers: int | None) -> None:
    for name, number in numbers.items():
        if number is not None and number < 0:
            invalid(f"{path}.{name}", f"expected 0 or more, got {number}")
