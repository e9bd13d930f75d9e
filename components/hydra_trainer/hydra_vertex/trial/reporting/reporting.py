"""Implements `report`: checks a value that the app reports during training, and records it in a trial."""

from __future__ import annotations

import json
import math
import operator
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from hydra_vertex.protocol.environment import METRIC_FILE
from hydra_vertex.protocol.errors import MetricError
from hydra_vertex.trial.log import tell

from .hypertune_guard import guard_hypertune
from .metrics import check_metric_name, metric_file
from .rank import is_first_process
from .scalars import to_float

MONITOR = "HYDRA_TRIAL_MONITOR"
"""Environment variable with the monitored metrics, a JSON array (`[]` for none), for the app and its children."""


MOST_STEP = 2**63 - 1
"""The largest step count of a measurement in the API (int64)."""


def prepare_reporting(monitored: Sequence[str]) -> None:
    """Set up reporting for this process and its children.

    The metric file's path becomes absolute, because Hydra or the app may change the working directory.
    """
    os.environ[MONITOR] = json.dumps(list(monitored))
    file = os.environ.pop(METRIC_FILE, "")
    if file:
        os.environ[METRIC_FILE] = str(Path(file).absolute())
    guard_hypertune()


def report(name: str, value: object, step: object = None) -> None:
    """Report a value; see `hydra_vertex.trial.report`. Raises MetricError and OutputError."""
    check_metric_name(name)
    number, whole_step = _number(name, value), None if step is None else _step(name, step)
    if not is_reporter():
        return
    if not math.isfinite(number):
        tell(f"no measurement: the app reported {name} = {number}, which is not a finite number")
        return
    _record(name, number, whole_step)


def is_reporter() -> bool:
    """Whether values are recorded: only with a metric file, in the first rank, and not in a multirun."""
    return metric_file(os.environ) is not None and is_first_process() and not _is_multirun()


def _record(name: str, value: float, step: int | None) -> None:
    from .metric_file import add_value

    file = metric_file(os.environ)
    if file is not None:
        add_value(file, name, value, step)


def _number(name: str, value: object) -> float:
    try:
        return to_float(value)
    except (TypeError, ValueError) as error:
        raise MetricError(f"{name}: the app reported {error}; report an int, a float or a scalar") from error


def _step(name: str, step: object) -> int:
    try:
        whole = operator.index(step)  # type: ignore[arg-type] # a numpy or torch integer has __index__; others raise
    except TypeError as error:
        raise MetricError(f"{name}: the step is {step!r}; expected a whole number such as 100") from error
    if not 0 <= whole <= MOST_STEP:
        shown = whole if abs(whole) <= MOST_STEP else "beyond 64 bits"
        raise MetricError(f"{name}: the step is {shown}; expected 0 to {MOST_STEP}")
    return whole


def _is_multirun() -> bool:
    """Whether Hydra runs this app as a multirun, whose jobs are not one trial. False without Hydra."""
    module = sys.modules.get("hydra.core.hydra_config")
    if module is None or not module.HydraConfig.initialized():
        return False
    mode = module.HydraConfig.get().get("mode")
    return getattr(mode, "name", None) == "MULTIRUN"
