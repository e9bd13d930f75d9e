"""Patches cloudml-hypertune's `HyperTune` class, so that an app can use it without loss of records.

`hypertune.HyperTune` truncates its file at each report and writes its own queue of 100 records into it. So a reader can
find the file empty or incomplete, a second instance or a second rank deletes the records of the first, and records
before the last 100 are lost. It writes NaN, and a metric named `trial` overwrites a field of the record. Two processes
that create its folder at the same time fail.

Only this module changes hypertune: it replaces three methods of the class in this process. hypertune's own code still
creates the record, but `metric_file` appends it to the file. The class is modified in place, which also covers existing
instances and imported names. An import hook does this, so an app that never imports hypertune has no cost.
"""

from __future__ import annotations

import functools
import math
import os
import sys
from collections.abc import Callable, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from hydra_vertex.protocol.environment import METRIC_FILE
from hydra_vertex.protocol.errors import MetricError
from hydra_vertex.trial.log import tell

from .metrics import HYPERTUNE_DEFAULT, check_metric_name
from .rank import is_first_process

MODULE = "hypertune.hypertune"
_DEFAULT_TAG = "training/hptuning/metric"
"""hypertune's name of a metric without a tag."""


def guard_hypertune() -> None:
    """Patch the class now if the app has imported it, else when the app imports it."""
    module = sys.modules.get(MODULE)
    if module is not None:
        _guard(module.HyperTune)
    elif not any(isinstance(finder, _HypertuneFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _HypertuneFinder())


class _HypertuneFinder:
    """Finds hypertune with Python's own finders, and patches the class after the module has been executed."""

    def find_spec(
        self, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of hypertune's module; None for every other module, which the next finders then search."""
        if name != MODULE:
            return None
        from importlib.util import find_spec

        sys.meta_path.remove(self)
        spec = find_spec(name)
        if spec is not None and spec.loader is not None:
            execute = spec.loader.exec_module

            def exec_module(module: ModuleType) -> None:
                execute(module)
                _guard(module.HyperTune)

            spec.loader.exec_module = exec_module  # type: ignore[method-assign] # of the loader of this one module
        return spec


def _guard(hyper_tune: Any) -> None:  # the class is published without type information
    if hasattr(hyper_tune.report_hyperparameter_tuning_metric, "__wrapped__"):
        return
    hyper_tune.__init__ = _with_folder(hyper_tune.__init__)
    hyper_tune.report_hyperparameter_tuning_metric = _checked(hyper_tune.report_hyperparameter_tuning_metric)
    hyper_tune._dump_metrics_to_file = _add_newest_record


def _with_folder(initialise: Callable[[object], None]) -> Callable[[object], None]:
    @functools.wraps(initialise)
    def __init__(self: object) -> None:  # noqa: N807 - replaces the class's method
        Path(os.environ.get(METRIC_FILE, HYPERTUNE_DEFAULT)).parent.mkdir(parents=True, exist_ok=True)
        initialise(self)

    return __init__


def _checked(report: Callable[..., None]) -> Callable[..., None]:
    @functools.wraps(report)
    def report_hyperparameter_tuning_metric(
        self: object,
        hyperparameter_metric_tag: str,
        metric_value: float,
        global_step: int | None = None,
        checkpoint_path: str = "",
    ) -> None:
        tag = hyperparameter_metric_tag or _DEFAULT_TAG
        try:
            check_metric_name(tag)
        except MetricError as error:
            tell(f"no measurement of value {metric_value}: {error}")
            return
        if math.isfinite(float(metric_value)):
            report(self, tag, metric_value, global_step, checkpoint_path)
        else:
            tell(f"no measurement: the app reported {tag} = {metric_value}, which is not a finite number")

    return report_hyperparameter_tuning_metric


def _add_newest_record(tuner: Any) -> None:
    from .metric_file import add_line
    from .records import dump_line

    if is_first_process():
        add_line(Path(tuner.metric_path).absolute(), dump_line(tuner.metrics_queue[-1]))
