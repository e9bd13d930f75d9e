"""Reads what a trial has measured: the records that cloudml-hypertune writes, one JSON object a line."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hydra_vertex.job import Goal, Measurement, MeasurementSelection, MetricSpec
from hydra_vertex.protocol import json
from hydra_vertex.protocol.shortage import is_shortage
from hydra_vertex.service.system.untrusted_files import read_end

READ_LIMIT_BYTES = 4 << 20
LINE_LIMIT = 1000
"""Ten times as many as cloudml-hypertune keeps in the file. All of them are read at each look: 5 ms."""

STEP_LIMIT = 2.0**63
TIME_LIMIT_S = 315_576_000_000.0
"""What the API's messages can hold: steps are 64-bit integers, durations are within 10,000 years."""

CLOCK_TOLERANCE_S = 1.0
"""So far the clocks of a trial and of the service may be apart: a clock is slewed by less."""

LISTED_METRICS = 10
LISTED_CHARACTERS = 100

OWN_FIELDS = {"timestamp", "trial", "global_step", "checkpoint_path"}
"""The fields of a record that are no metric."""


@dataclass(frozen=True, slots=True)
class MetricReport:
    """One reported value. `timestamp_s` is in seconds since the epoch; the value may be NaN or infinite."""

    metric: str
    value: float
    step: int
    timestamp_s: float | None


def read_reports(metric_file: Path) -> tuple[MetricReport, ...]:
    """The reports of a file's last LINE_LIMIT lines, oldest first; lines that are none are passed over.

    Empty when there is no such file. Raises OSError when it cannot be read for a shortage (`system.shortage`).
    """
    try:
        text = read_end(metric_file, READ_LIMIT_BYTES)
    except OSError as error:
        if is_shortage(error):
            raise
        return ()
    return tuple(record for line in text.splitlines()[-LINE_LIMIT:] for record in _parse_line(line))


def _parse_line(line: bytes) -> Iterator[MetricReport]:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError):
        return
    if not isinstance(fields, dict):
        return
    for name in fields.keys() - OWN_FIELDS:
        value = _number(fields[name])
        if value is not None:
            yield MetricReport(
                name, value, _step(fields.get("global_step")), _within(fields.get("timestamp"), TIME_LIMIT_S)
            )


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return float(value)
    except (ValueError, OverflowError):
        return None


def _step(value: object) -> int:
    return int(_within(value, STEP_LIMIT) or 0.0)


def _within(value: object, limit: float) -> float | None:
    number = _number(value)
    return number if number is not None and abs(number) < limit else None


def measurements_of(
    records: Sequence[MetricReport],
    metric_id: str,
    started_s: float,
    running_s: float = math.inf,
    other_ids: Sequence[str] = (),
) -> tuple[Measurement, ...]:
    """The finite values of a metric as measurements, oldest first. `started_s` is when the trial began.

    A study's other metrics stand beside it where they were reported at the same step. A report cannot be from before
    the trial began, nor after the `running_s` for which it has run: then a clock was set, and it has no time.
    """
    beside = {(r.step, r.metric): r.value for r in records if r.metric in other_ids and math.isfinite(r.value)}
    return tuple(
        Measurement(
            metrics={
                metric_id: record.value,
                **{other: beside[record.step, other] for other in other_ids if (record.step, other) in beside},
            },
            step_count=max(record.step, 0),
            elapsed_s=_elapsed_s(record.timestamp_s, started_s, running_s),
        )
        for record in records
        if record.metric == metric_id and math.isfinite(record.value)
    )


def _elapsed_s(timestamp_s: float | None, started_s: float, running_s: float) -> float | None:
    elapsed_s = math.nan if timestamp_s is None else timestamp_s - started_s
    if not -CLOCK_TOLERANCE_S <= elapsed_s <= running_s + CLOCK_TOLERANCE_S:
        return None
    # To the microsecond, as it is recorded: what was recorded is known again.
    return round(max(elapsed_s, 0.0), 6)


def final_measurement(
    records: Sequence[MetricReport],
    measurements: Sequence[Measurement],
    metric: MetricSpec,
    selection: MeasurementSelection,
    other_ids: Sequence[str] = (),
) -> Measurement | None:
    """The measurement that a trial is judged by, of `measurements` with the last one at the end; None without any.

    `records` are those that the metric file has at the end. An unset selection means the last one, and a last value
    that is not finite (a loss that ran away) is none. Of a study's other metrics it has those of the same step, and the
    last values of those that have none there.
    """
    if not measurements:
        return None
    if selection is MeasurementSelection.BEST:
        better = min if metric.goal is Goal.MINIMIZE else max
        chosen = better(measurements, key=lambda measurement: measurement.metrics[metric.id])
    else:
        last = next((record for record in reversed(records) if record.metric == metric.id), None)
        if last is not None and not math.isfinite(last.value):
            return None
        chosen = measurements[-1]
    latest = {k: v for m in measurements for k, v in m.metrics.items()}
    latest |= {r.metric: r.value for r in records if r.metric in other_ids and math.isfinite(r.value)}
    return replace(chosen, metrics={**chosen.metrics, **{k: v for k, v in latest.items() if k not in chosen.metrics}})


def no_value_reason(records: Sequence[MetricReport], metric_id: str) -> str:
    """Why a trial that ended well has no value to be judged by."""
    unusable = [record.value for record in records if record.metric == metric_id]
    others = sorted({record.metric for record in records} - {metric_id})
    if unusable:
        return f"ended well but the value that it reported of {metric_id!r} is {unusable[-1]}"
    listed = ", ".join(repr(name[:LISTED_CHARACTERS]) for name in others[:LISTED_METRICS])
    told = f"; it reported {listed}{' and more' if len(others) > LISTED_METRICS else ''}" if others else ""
    return f"ended well but reported no value of {metric_id!r}{told}"
