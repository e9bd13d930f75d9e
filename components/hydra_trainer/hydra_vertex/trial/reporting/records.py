"""Creates and parses the records of a metric file (cloudml-hypertune's format), one JSON object per line."""

from __future__ import annotations

import json
import math
import os
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hydra_vertex.protocol.environment import TRIAL_ID
from hydra_vertex.protocol.metric_fields import RECORD_FIELDS, fields_of

_STEP = "global_step"


@dataclass(frozen=True, slots=True)
class HypertuneRecord:
    """One reported value. For a line without a metric, `metric` is None and `value` is NaN."""

    metric: str | None
    value: float
    step: int


def make_line(metric: str, value: float, step: int) -> bytes:
    """Return the record's line in hypertune's format, with this process's trial id and the current time."""
    import hypertune

    tuner = hypertune.HyperTune.__new__(hypertune.HyperTune)  # its __init__ would create a folder for its own file
    tuner.trial_id = os.environ.get(TRIAL_ID, 0)
    tuner.metrics_queue = deque(maxlen=1)
    tuner._dump_metrics_to_file = lambda: None
    tuner.report_hyperparameter_tuning_metric(metric, value, global_step=step)
    return dump_line(tuner.metrics_queue[-1])


def dump_line(record: Mapping[str, object]) -> bytes:
    """Return the line of a record, in the format of hypertune's `_dump_metrics_to_file`."""
    return (json.dumps(record, sort_keys=True) + "\n").encode()


def parse_records(content: bytes) -> Iterator[HypertuneRecord]:
    """Yield the records of a file's lines, in their order. Lines that are not records are skipped."""
    for line in content.splitlines():
        record = _parse_line(line)
        if record is not None:
            yield record


def _parse_line(line: bytes) -> HypertuneRecord | None:
    fields = fields_of(line)
    if fields is None:
        return None
    try:
        step = int(str(fields.get(_STEP, 0)))
        metric = next((name for name in fields if name not in RECORD_FIELDS), None)
        value = math.nan if metric is None else float(str(fields[metric]))
    except ValueError:
        return None
    return HypertuneRecord(metric, value, step)


def next_step(requested: int | None, last: int | None) -> int:
    """Return the step of a metric's next record. `last` is the step of its newest record, None without a record.

    A requested step that is not greater than `last` becomes `last` plus 1: Vertex AI requires strictly increasing steps
    of a trial's measurements, and a second fit in one app counts from 0 again.
    Source: https://cloud.google.com/vertex-ai/docs/reference/rest/v1/Trial (`measurements`).
    """
    after = (last or 0) + 1
    if requested is None:
        return after
    return requested if last is None or requested > last else after
