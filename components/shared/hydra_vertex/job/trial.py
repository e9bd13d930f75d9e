"""`Trial` and `Measurement`: the parameters, state and measurements of one trial."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from hydra_vertex.protocol.errors import DocumentError
from hydra_vertex.protocol.json import Json, JsonObject

from .enums import TrialState
from .fields import Fields, format_duration, format_time, parse_number, present
from .quoting import quoted

_NOT_FINITE = frozenset({"NaN", "Infinity", "-Infinity"})
"""The texts of proto JSON for doubles that JSON numbers cannot express."""

ParameterValue: TypeAlias = float | str
"""A protobuf number or string: the API returns an integer as a double."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """The values of the metrics at one step. `elapsed_s` is the time since the trial's start; None when unknown."""

    metrics: Mapping[str, float]
    step_count: int = 0
    elapsed_s: float | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """One trial. The ids of a job's trials count from "1". Times are aware and in UTC; None means not reached yet.

    Two attributes are extensions of the embedded service. `stopping_reason` (`stoppingReason`) is the reason for which
    a trial was stopped early; empty when it was not. In Google's API this is the error of the trial's CustomJob.
    `earlier_measurements` (`earlierMeasurementCount`) is the number of measurements, at the beginning of the list, that
    come from an earlier attempt that was lost and have not been reported again.
    """

    id: str
    state: TrialState
    parameters: Mapping[str, ParameterValue]
    name: str = ""
    measurements: tuple[Measurement, ...] = ()
    final_measurement: Measurement | None = None
    infeasible_reason: str = ""
    stopping_reason: str = ""
    earlier_measurements: int = 0
    start_time: datetime | None = None
    end_time: datetime | None = None
    other: JsonObject = field(default_factory=dict)

    @property
    def duration_s(self) -> float | None:
        """Wall-clock seconds from the start to the end; None while either is unknown."""
        if self.start_time is None or self.end_time is None:
            return None
        return (self.end_time - self.start_time).total_seconds()

    @property
    def custom_job(self) -> str:
        """The resource name of the CustomJob that runs the trial; empty while there is none."""
        name = self.other.get("customJob")
        return name if isinstance(name, str) else ""

    @property
    def stopped_early(self) -> bool:
        """Whether a stopping rule ended the trial, or is ending it."""
        return bool(self.stopping_reason)

    def objective(self, metric_id: str) -> float | None:
        """Return the final value of a metric; None when the trial has none."""
        return None if self.final_measurement is None else self.final_measurement.metrics.get(metric_id)


def parse_trial(value: Json, path: str = "trial") -> Trial:
    """Read a `Trial`. Raises DocumentError naming the field."""
    fields = Fields(value, path)
    final = fields.take("finalMeasurement")
    return Trial(
        id=fields.text("id"),
        name=fields.text("name"),
        state=fields.enum("state", TrialState, TrialState.UNSPECIFIED),
        parameters=dict(fields.items("parameters", _parse_parameter)),
        measurements=fields.items("measurements", parse_measurement),
        final_measurement=None if final is None else parse_measurement(final, fields.path("finalMeasurement")),
        infeasible_reason=fields.text("infeasibleReason"),
        stopping_reason=fields.text("stoppingReason"),
        earlier_measurements=fields.integer("earlierMeasurementCount"),
        start_time=fields.time("startTime"),
        end_time=fields.time("endTime"),
        other=fields.rest(),
    )


def dump_trial(trial: Trial) -> JsonObject:
    """Return the JSON of a `Trial`."""
    final = trial.final_measurement
    return {
        **trial.other,
        **present(
            name=trial.name,
            id=trial.id,
            state=trial.state.value,
            parameters=[{"parameterId": key, "value": value} for key, value in trial.parameters.items()],
            measurements=[dump_measurement(m) for m in trial.measurements],
            finalMeasurement=None if final is None else dump_measurement(final),
            infeasibleReason=trial.infeasible_reason,
            stoppingReason=trial.stopping_reason,
            earlierMeasurementCount=trial.earlier_measurements or None,
            startTime=None if trial.start_time is None else format_time(trial.start_time),
            endTime=None if trial.end_time is None else format_time(trial.end_time),
        ),
    }


def parse_measurement(value: Json, path: str = "measurement") -> Measurement:
    """Read a `Measurement`; a metric without a finite value is left out. Raises DocumentError naming the field."""
    fields = Fields(value, path)
    return Measurement(
        metrics={name: number for name, number in fields.items("metrics", _parse_metric) if number is not None},
        step_count=fields.integer("stepCount"),
        elapsed_s=fields.duration_s("elapsedDuration"),
    )


def dump_measurement(measurement: Measurement) -> JsonObject:
    """Return the JSON of a `Measurement`."""
    return {
        "stepCount": str(measurement.step_count),
        "metrics": [{"metricId": key, "value": value} for key, value in measurement.metrics.items()],
        **present(
            elapsedDuration=None if measurement.elapsed_s is None else format_duration(measurement.elapsed_s),
        ),
    }


def _parse_parameter(value: Json, path: str) -> tuple[str, ParameterValue]:
    fields = Fields(value, path)
    key, raw = fields.text("parameterId"), fields.take("value")
    if isinstance(raw, str):
        return key, raw
    if isinstance(raw, bool) or not isinstance(raw, (int, float)):
        raise DocumentError(fields.path("value"), f"expected a number or a string, got {quoted(raw)}")
    return key, parse_number(raw, fields.path("value"))


def _parse_metric(value: Json, path: str) -> tuple[str, float | None]:
    fields = Fields(value, path)
    name, number = fields.text("metricId"), fields.take("value")
    if isinstance(number, str) and number in _NOT_FINITE:
        return name, None
    return name, parse_number(number or 0.0, fields.path("value"))
