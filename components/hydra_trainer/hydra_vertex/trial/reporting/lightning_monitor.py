"""Lightning callback that reports metrics after every validation: `hydra-trial --monitor val/loss`.

Lightning calls the two factories of this module each time that an app creates a Trainer: they are entry points of the
groups `lightning.pytorch.callbacks_factory` and `pytorch_lightning.callbacks_factory`. hydra-trial passes the monitored
names in an environment variable, so that the processes that Lightning starts for DDP have the same callbacks as the
first one. Lightning is imported only by its own call, and only if a metric is monitored.

A monitored metric is recorded under its own name, never under that of the study's metric: the two may be different
quantities, and a study that uses the best measurement would treat a loss as an accuracy. A service's early stopping
uses only the study's metric, so that one has to be monitored: `--metric val/loss --monitor val/loss`. The return value
of main is added as the last value of the curve, also if it is the curve's best value and not its last one.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from hydra_vertex.protocol.errors import HydraVertexError
from hydra_vertex.trial.log import tell

from .reporting import MONITOR, report


class _Trainer(Protocol):
    """The used attributes of Lightning's Trainer."""

    is_global_zero: bool
    sanity_checking: bool
    global_step: int
    callback_metrics: Mapping[str, object]
    state: Any


def lightning_callbacks() -> list[object]:
    """Return the callbacks for a Trainer of the package `lightning`."""
    return _callbacks("lightning.pytorch")


def pytorch_lightning_callbacks() -> list[object]:
    """Return the callbacks for a Trainer of the package `pytorch_lightning`."""
    return _callbacks("pytorch_lightning")


def _callbacks(package: str) -> list[object]:
    monitored = os.environ.get(MONITOR)
    if not monitored:
        return []
    import json

    from .hypertune_guard import guard_hypertune

    guard_hypertune()  # DDP starts the other ranks without hydra-trial; they would delete the first rank's records.
    names = tuple(json.loads(monitored))
    return [make_monitor(package, names)] if names else []


def make_monitor(package: str, names: Sequence[str]) -> object:
    """Return a callback that reports these metrics, derived from the package's Callback class."""
    base = importlib.import_module(package).Callback
    return type("HydraTrialMonitor", (_Monitor, base), {})(package, names)


class _Monitor:
    """Reports each metric after each validation of a fit, at most once per step (Lightning's `global_step`)."""

    def __init__(self, package: str, names: Sequence[str]) -> None:
        self._package = package
        self._names = tuple(names)
        self._reported_steps: dict[str, int] = {}
        self._validated = False

    def __reduce__(self) -> tuple[object, ...]:
        """Support pickle, which ddp_spawn needs: the class is created at run time, so `make_monitor` is pickled."""
        return make_monitor, (self._package, self._names)

    def on_validation_end(self, trainer: _Trainer, _module: object) -> None:
        """Report the metrics. Lightning calls this hook when the validation's metrics are complete."""
        if trainer.sanity_checking or trainer.state.fn != "fit" or not trainer.is_global_zero:
            return
        self._validated = True
        for name in self._names:
            if name in trainer.callback_metrics and self._reported_steps.get(name) != trainer.global_step:
                self._reported_steps[name] = trainer.global_step
                _report(name, trainer.callback_metrics[name], trainer.global_step)

    def on_fit_end(self, trainer: _Trainer, _module: object) -> None:
        """Log the monitored names that Lightning never logged. Lightning calls this hook at the end of a fit."""
        missing = [name for name in self._names if name not in self._reported_steps]
        if missing and trainer.is_global_zero:
            logged = ", ".join(sorted(trainer.callback_metrics)) or "none"
            when = "at its validations" if self._validated else "and ran no validation"
            tell(f"--monitor {', '.join(missing)}: Lightning logged no such metric {when}; logged metrics: {logged}")


def _report(name: str, value: object, step: int) -> None:
    """Report a value; an error is logged, not raised, because the training can still return its result."""
    try:
        report(name, value, step)
    except HydraVertexError as error:
        tell(str(error))
