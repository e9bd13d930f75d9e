"""Reads a trial's metric file, as cloudml-hypertune writes it (one JSON object per line), and its final measurement."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hydra_vertex.job import Goal, Measurement, MeasurementSelection, MetricSpec
from hydra_vertex.protocol.metric_fields import RECORD_FIELDS, fields_of
from hydra_vertex.protocol.shortage import is_shortage
from hydra_vertex.service.system.untrusted_files import read_end

READ_LIMIT_BYTES = 4 << 20
LINE_LIMIT = 1000
"""Ten times as many as cloudml-hypertune keeps in the file. Reading all of them takes 5 ms."""

STEP_LIMIT = 2.0**63
TIME_LIMIT_S = 315_576_000_000.0
"""Limits of the API's messages: steps are 64-bit integers, durations at most 10,000 years."""

CLOCK_TOLERANCE_S = 1.0
"""Tolerated difference between the clocks of a trial and of the service; clock slewing causes less."""

LISTED_METRICS = 10
LISTED_CHARACTERS = 100


@dataclass(frozen=True, slots=True)
class MetricReport:
    """One reported value. `timestamp_s` is in seconds since the epoch; the value may be NaN or infinite."""

    metric: str
    value: float
    step: int
    timestamp_s: float | None


def read_reports(metric_file: Path) -> tuple[MetricReport, ...]:
    """Return the reports of a file's last LINE_LIMIT lines, oldest first; invalid lines are ignored.

    Empty when there is no such file. Raises OSError when it cannot be read because of a shortage
    (`hydra_vertex.protocol.shortage`).
    """
    try:
        text = read_end(metric_file, READ_LIMIT_BYTES)
    except OSError as error:
        if is_shortage(error):
            raise
        return ()
    return tuple(record for line in text.splitlines()[-LINE_LIMIT:] for record in _parse_line(line))


def _parse_line(line: bytes) -> Iterator[MetricReport]:
    fields = fields_of(line)
    if fields is None:
        return
    for name in fields.keys() - {*RECORD_FIELDS}:
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
    """Return the finite values of a metric as measurements, oldest first.

    `started_s` is the start of the trial in seconds since the epoch, `running_s` how long it has run. The study's other
    metrics are added where they were reported at the same step. A timestamp outside the trial's run means that a clock
    was set; that measurement has no elapsed time.
    """
    others = {(r.step, r.metric): r.value for r in records if r.metric in other_ids and math.isfinite(r.value)}
    return tuple(
        Measurement(
            metrics={
                metric_id: record.value,
                **{other: others[record.step, other] for other in other_ids if (record.step, other) in others},
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
    # Rounded to the microsecond like the stored value, so that a recorded measurement is recognised.
    return round(max(elapsed_s, 0.0), 6)


def final_measurement(
    records: Sequence[MetricReport],
    measurements: Sequence[Measurement],
    metric: MetricSpec,
    selection: MeasurementSelection,
    other_ids: Sequence[str] = (),
) -> Measurement | None:
    """Return the measurement that a trial is judged by; None when there is none, or it lacks one of the other metrics.

    `measurements` are in order, the latest last; `records` are the final content of the metric file. An unspecified
    selection means the last one, and there is none if the last reported value is not finite (a diverged loss). The
    best one is the best in the first metric. The other objectives have their values at the same step, or their last
    values where there is none at that step.
    """
    if not measurements:
        return None
    others = _last_values(measurements, records, other_ids)
    if selection is MeasurementSelection.BEST:
        better = min if metric.goal is Goal.MINIMIZE else max
        chosen = better(measurements, key=lambda measurement: measurement.metrics[metric.id])
    else:
        last = next((record for record in reversed(records) if record.metric == metric.id), None)
        if last is not None and not math.isfinite(last.value):
            return None
        if any(not math.isfinite(value) for value in others.values()):
            return None
        chosen = measurements[-1]
    values = {name: value for name, value in others.items() if math.isfinite(value)} | dict(chosen.metrics)
    return replace(chosen, metrics=values) if all(name in values for name in other_ids) else None


def _last_values(
    measurements: Sequence[Measurement], records: Sequence[MetricReport], other_ids: Sequence[str]
) -> dict[str, float]:
    """Return the last reported value of each other metric, perhaps NaN; without a report, the last measured."""
    measured = {name: value for m in measurements for name, value in m.metrics.items() if name in other_ids}
    return measured | {record.metric: record.value for record in records if record.metric in other_ids}


def no_value_reason(records: Sequence[MetricReport], metric_ids: Sequence[str]) -> str:
    """Describe why a trial that exited with code 0 has no final value of one of its metrics, the first without one."""
    last = {record.metric: record.value for record in records}
    without = [metric_id for metric_id in metric_ids if not math.isfinite(last.get(metric_id, math.nan))]
    metric_id = (without or metric_ids)[0]
    unusable = [record.value for record in records if record.metric == metric_id]
    others = sorted({record.metric for record in records} - {metric_id})
    if unusable:
        return f"exited with code 0 but the value that it reported of {metric_id!r} is {unusable[-1]}"
    listed = ", ".join(repr(name[:LISTED_CHARACTERS]) for name in others[:LISTED_METRICS])
    reported = f"; it reported {listed}{' and more' if len(others) > LISTED_METRICS else ''}" if others else ""
    return f"exited with code 0 but reported no value of {metric_id!r}{reported}"
