"""The stopping rules of a `StudySpec`: at most one rule that stops trials early, and the rules that end the study."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from hydra_vertex.protocol.errors import DocumentError
from hydra_vertex.protocol.json import Json, JsonObject

from .fields import Fields, format_duration, format_time, present
from .quoting import quoted


@dataclass(frozen=True, slots=True)
class MedianStopping:
    """`MedianAutomatedStoppingSpec`. Curves are compared by step, or by seconds with `use_elapsed_duration`."""

    use_elapsed_duration: bool = False
    other: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class DecayCurveStopping:
    """`DecayCurveAutomatedStoppingSpec`. A curve is over steps, or over seconds with `use_elapsed_duration`."""

    use_elapsed_duration: bool = False
    other: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ConvexStopping:
    """`ConvexAutomatedStoppingSpec`. A 0 or an empty text means that the field is unset.

    `max_step_count` and `min_step_count` are in seconds with `use_elapsed_duration`. `update_all_stopped_trials` is
    None when the document does not contain it.
    """

    max_step_count: int = 0
    min_step_count: int = 0
    min_measurement_count: int = 0
    learning_rate_parameter_name: str = ""
    use_elapsed_duration: bool = False
    update_all_stopped_trials: bool | None = None
    other: JsonObject = field(default_factory=dict)


AutomatedStopping: TypeAlias = MedianStopping | DecayCurveStopping | ConvexStopping


@dataclass(frozen=True, slots=True)
class TimeConstraint:
    """`StudyTimeConstraint`: a number of seconds after the study's creation, or a time. Exactly one of them is set."""

    max_duration_s: float | None = None
    end_time: datetime | None = None
    other: JsonObject = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StudyStopping:
    """`StudyStoppingConfig`: the conditions that end a study before its last trial. None means no such condition."""

    should_stop_asap: bool | None = None
    minimum_runtime: TimeConstraint | None = None
    maximum_runtime: TimeConstraint | None = None
    min_num_trials: int | None = None
    max_num_trials: int | None = None
    max_num_trials_no_progress: int | None = None
    max_duration_no_progress_s: float | None = None
    other: JsonObject = field(default_factory=dict)

    @property
    def measures_progress(self) -> bool:
        """Whether a condition depends on the best value so far."""
        return self.max_num_trials_no_progress is not None or self.max_duration_no_progress_s is not None


_MEDIAN = "medianAutomatedStoppingSpec"
_DECAY_CURVE = "decayCurveStoppingSpec"
_CONVEX = "convexAutomatedStoppingSpec"
_RULES = (_MEDIAN, _DECAY_CURVE, _CONVEX)


def parse_automated_stopping(fields: Fields) -> AutomatedStopping | None:
    """Read the stopping rule of a `StudySpec`; None when it has none. Raises DocumentError when it has two."""
    given = [name for name in _RULES if fields.has(name)]
    if len(given) > 1:
        raise DocumentError(fields.path(given[1]), f"is set together with {given[0]}; a study has at most one rule")
    if not given:
        return None
    body = fields.child(given[0])
    match given[0]:
        case "medianAutomatedStoppingSpec":
            return MedianStopping(_flag(body, "useElapsedDuration") or False, body.rest())
        case "decayCurveStoppingSpec":
            return DecayCurveStopping(_flag(body, "useElapsedDuration") or False, body.rest())
        case _:
            return _parse_convex(body)


def dump_automated_stopping(rule: AutomatedStopping | None) -> JsonObject:
    """Return the rule as a field of a `StudySpec`; no field when there is no rule."""
    match rule:
        case None:
            return {}
        case MedianStopping(elapsed, other):
            return {_MEDIAN: {**other, **_given(useElapsedDuration=elapsed or None)}}
        case DecayCurveStopping(elapsed, other):
            return {_DECAY_CURVE: {**other, **_given(useElapsedDuration=elapsed or None)}}
        case ConvexStopping():
            return {_CONVEX: _dump_convex(rule)}


def parse_study_stopping(value: Json, path: str) -> StudyStopping:
    """Read a `StudyStoppingConfig`. Raises DocumentError naming the field."""
    fields = Fields(value, path)
    return StudyStopping(
        should_stop_asap=_flag(fields, "shouldStopAsap"),
        minimum_runtime=_time_constraint(fields, "minimumRuntimeConstraint"),
        maximum_runtime=_time_constraint(fields, "maximumRuntimeConstraint"),
        min_num_trials=_whole(fields, "minNumTrials"),
        max_num_trials=_whole(fields, "maxNumTrials"),
        max_num_trials_no_progress=_whole(fields, "maxNumTrialsNoProgress"),
        max_duration_no_progress_s=fields.duration_s("maxDurationNoProgress"),
        other=fields.rest(),
    )


def dump_study_stopping(config: StudyStopping) -> JsonObject:
    """Return the JSON of a `StudyStoppingConfig`."""
    return {
        **config.other,
        **_given(
            shouldStopAsap=config.should_stop_asap,
            minimumRuntimeConstraint=_dump_time_constraint(config.minimum_runtime),
            maximumRuntimeConstraint=_dump_time_constraint(config.maximum_runtime),
            minNumTrials=config.min_num_trials,
            maxNumTrials=config.max_num_trials,
            maxNumTrialsNoProgress=config.max_num_trials_no_progress,
            maxDurationNoProgress=_duration(config.max_duration_no_progress_s),
        ),
    }


def _parse_convex(body: Fields) -> ConvexStopping:
    return ConvexStopping(
        max_step_count=body.integer("maxStepCount"),
        min_step_count=body.integer("minStepCount"),
        min_measurement_count=body.integer("minMeasurementCount"),
        learning_rate_parameter_name=body.text("learningRateParameterName"),
        use_elapsed_duration=_flag(body, "useElapsedDuration") or False,
        update_all_stopped_trials=_flag(body, "updateAllStoppedTrials"),
        other=body.rest(),
    )


def _dump_convex(rule: ConvexStopping) -> JsonObject:
    counts = {
        "maxStepCount": rule.max_step_count,
        "minStepCount": rule.min_step_count,
        "minMeasurementCount": rule.min_measurement_count,
    }
    return {
        **rule.other,
        **{name: str(count) for name, count in counts.items() if count},
        **present(learningRateParameterName=rule.learning_rate_parameter_name),
        **_given(
            useElapsedDuration=rule.use_elapsed_duration or None, updateAllStoppedTrials=rule.update_all_stopped_trials
        ),
    }


def _time_constraint(holder: Fields, name: str) -> TimeConstraint | None:
    if not holder.has(name):
        return None
    path, fields = holder.path(name), holder.child(name)
    if fields.has("maxDuration") == fields.has("endTime"):
        raise DocumentError(path, "expected exactly one of maxDuration, endTime")
    return TimeConstraint(fields.duration_s("maxDuration"), fields.time("endTime"), fields.rest())


def _dump_time_constraint(constraint: TimeConstraint | None) -> Json:
    if constraint is None:
        return None
    end_time = None if constraint.end_time is None else format_time(constraint.end_time)
    return {**constraint.other, **_given(maxDuration=_duration(constraint.max_duration_s), endTime=end_time)}


def _duration(seconds: float | None) -> str | None:
    return None if seconds is None else format_duration(seconds)


def _given(**fields: Json) -> JsonObject:
    """Return an object of the fields that are not None; a wrapped 0 or false is a value."""
    return {name: value for name, value in fields.items() if value is not None}


def _whole(fields: Fields, name: str) -> int | None:
    return fields.integer(name) if fields.has(name) else None


def _flag(fields: Fields, name: str) -> bool | None:
    if not fields.has(name):
        return None
    value = fields.take(name)
    if not isinstance(value, bool):
        raise DocumentError(fields.path(name), f"expected true or false, got {quoted(value)}")
    return value
