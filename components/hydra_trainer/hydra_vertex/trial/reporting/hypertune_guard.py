"""Takes the defects out of cloudml-hypertune for an app that uses it itself.

`hypertune.HyperTune` opens its file for writing at each report and writes its own queue of 100 records into it. So a
reader can find the file empty or torn, a second instance or a second rank erases what the first has written, and old
records vanish. It writes NaN, and a metric named `trial` replaces a field of the record. Two processes that make its
folder at once fail.

Here, and nowhere else, three methods of that class are replaced, in this process: a record is still made by hypertune's
own code, but added to its file by `metric_file`. The class is changed in place, so that instances and names that the
app has already taken are covered too. An app that never imports hypertune pays nothing: an import hook waits for it.
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
"""What hypertune calls a metric without a tag."""


def guard_hypertune() -> None:
    """Guard the class now if the app has imported it, else as soon as it does."""
    module = sys.modules.get(MODULE)
    if module is not None:
        _guard(module.HyperTune)
    elif not any(isinstance(finder, _HypertuneFinder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _HypertuneFinder())


class _HypertuneFinder:
    """Finds hypertune as Python itself does, and guards the class once the module has run."""

    def find_spec(
        self, name: str, _path: Sequence[str] | None = None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """The spec of hypertune's module; None for every other, which Python then looks for elsewhere."""
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
    def __init__(self: object) -> None:  # noqa: N807 - it becomes the class's
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
