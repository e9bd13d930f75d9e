"""Reports Lightning's metrics at every validation, with no line of user code: `hydra-trial --monitor val/loss`.

Lightning calls the two factories here each time that an app makes a Trainer: they are entry points of the groups
`lightning.pytorch.callbacks_factory` and `pytorch_lightning.callbacks_factory`. hydra-trial leaves the monitored names
in an environment variable, so that the processes which Lightning starts for DDP have the same callbacks as the first.
Nothing of Lightning is imported unless it asks and there is something to monitor.

A monitored metric is recorded under its own name, never under the study's: the two may be different quantities,
and a study that takes the best measurement would take a loss for an accuracy. A service's early stopping looks at the
study's metric alone, so it has to be among the monitored ones: `--metric val/loss --monitor val/loss`. What main
returns comes behind the curve as its last value, also when it is the best of the curve and not the last.
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
    """What is used of Lightning's Trainer."""

    is_global_zero: bool
    sanity_checking: bool
    global_step: int
    callback_metrics: Mapping[str, object]
    state: Any


def lightning_callbacks() -> list[object]:
    """The callbacks for a Trainer of the package `lightning`."""
    return _callbacks("lightning.pytorch")


def pytorch_lightning_callbacks() -> list[object]:
    """The callbacks for a Trainer of the package `pytorch_lightning`."""
    return _callbacks("pytorch_lightning")


def _callbacks(package: str) -> list[object]:
    monitored = os.environ.get(MONITOR)
    if not monitored:
        return []
    import json

    from .hypertune_guard import guard_hypertune

    guard_hypertune()  # The other ranks of DDP are started without hydra-trial, and would erase what the first writes.
    names = tuple(json.loads(monitored))
    return [make_monitor(package, names)] if names else []


def make_monitor(package: str, names: Sequence[str]) -> object:
    """A callback that reports these metrics, of the class that the package's Trainer takes for a callback."""
    base = importlib.import_module(package).Callback
    return type("HydraTrialMonitor", (_Monitor, base), {})(package, names)


class _Monitor:
    """Each metric after each validation of a fit, at most once a step; the step is Lightning's `global_step`."""

    def __init__(self, package: str, names: Sequence[str]) -> None:
        self._package = package
        self._names = tuple(names)
        self._reported_steps: dict[str, int] = {}
        self._validated = False

    def __reduce__(self) -> tuple[object, ...]:
        """The class is made at run time, so pickle, which ddp_spawn needs, gets the function that makes it."""
        return make_monitor, (self._package, self._names)

    def on_validation_end(self, trainer: _Trainer, _module: object) -> None:
        """Lightning's hook: the validation's metrics are complete."""
        if trainer.sanity_checking or trainer.state.fn != "fit" or not trainer.is_global_zero:
            return
        self._validated = True
        for name in self._names:
            if name in trainer.callback_metrics and self._reported_steps.get(name) != trainer.global_step:
                self._reported_steps[name] = trainer.global_step
                _report(name, trainer.callback_metrics[name], trainer.global_step)

    def on_fit_end(self, trainer: _Trainer, _module: object) -> None:
        """Lightning's hook: what never came is a misspelt name, or a metric that the app does not log."""
        missing = [name for name in self._names if name not in self._reported_steps]
        if missing and trainer.is_global_zero:
            logged = ", ".join(sorted(trainer.callback_metrics)) or "none"
            where = "at its validations" if self._validated else "and ran no validation"
            tell(
                f"--monitor {', '.join(missing)}: Lightning logged no such metric {where}; the metrics there: {logged}"
            )


def _report(name: str, value: object, step: int) -> None:
    """A training goes on when its curve cannot be recorded: what main returns may still be."""
    try:
        report(name, value, step)
    except HydraVertexError as error:
        tell(str(error))
