"""The records of a metric file, one JSON object a line, made by cloudml-hypertune itself. Nothing is written here."""

from __future__ import annotations

import json
import math
import os
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from hydra_vertex.protocol.environment import TRIAL_ID

from .metrics import RECORD_FIELDS

_STEP = "global_step"


@dataclass(frozen=True, slots=True)
class HypertuneRecord:
    """One reported value. A line that names no metric has the metric None, and NaN for a value."""

    metric: str | None
    value: float
    step: int


def make_line(metric: str, value: float, step: int) -> bytes:
    """The record's line as hypertune writes it, with this process's trial id and the present time."""
    import hypertune

    tuner = hypertune.HyperTune.__new__(hypertune.HyperTune)  # its __init__ would make a folder for a file of its own
    tuner.trial_id = os.environ.get(TRIAL_ID, 0)
    tuner.metrics_queue = deque(maxlen=1)
    tuner._dump_metrics_to_file = lambda: None
    tuner.report_hyperparameter_tuning_metric(metric, value, global_step=step)
    return dump_line(tuner.metrics_queue[-1])


def dump_line(record: Mapping[str, object]) -> bytes:
    """A record of hypertune's queue, as hypertune's `_dump_metrics_to_file` writes it."""
    return (json.dumps(record, sort_keys=True) + "\n").encode()


def parse_records(content: bytes) -> Iterator[HypertuneRecord]:
    """The records of a file's lines in their order. Lines that are none belong to somebody else and are passed over."""
    for line in content.splitlines():
        record = _parse_line(line)
        if record is not None:
            yield record


def _parse_line(line: bytes) -> HypertuneRecord | None:
    try:
        fields: object = json.loads(line)
        if not isinstance(fields, Mapping):
            return None
        step = int(str(fields.get(_STEP, 0)))
        metric = next((name for name in fields if name not in RECORD_FIELDS), None)
        value = math.nan if metric is None else float(str(fields[metric]))
    except (ValueError, RecursionError):
        return None
    return HypertuneRecord(metric, value, step)


def next_step(asked: int | None, last: int | None) -> int:
    """The step of a metric's next record. `last` is that of its newest record, None when there is none.

    A step that is not above the last one becomes the one after it: Vertex AI wants a trial's measurements strictly
    ordered by their steps, and a second fit in one app counts from 0 again.
    Source: https://cloud.google.com/vertex-ai/docs/reference/rest/v1/Trial (`measurements`).
    """
    after = (last or 0) + 1
    if asked is None:
        return after
    return asked if last is None or asked > last else after
