"""The run of a trial or custom job: under a supervisor of this machine, or by an engine."""

from __future__ import annotations

from typing import TypeAlias

from hydra_vertex.service.jobs.write_retry import WriteRetry
from hydra_vertex.service.system.process_identity import ProcessId
from hydra_vertex.service.trials.engines.engine_run import EngineOrder, EngineRun
from hydra_vertex.service.trials.launch_spec import LaunchSpec
from hydra_vertex.service.trials.run import Run, Work
from hydra_vertex.service.trials.supervised_run import SupervisedRun

Order: TypeAlias = LaunchSpec | EngineOrder
"""One trial or custom job for this machine, or for an engine."""


def start_run(order: Order, work: Work, retry: WriteRetry, adopted: ProcessId | None, running_s: float = 0.0) -> Run:
    """Return the run of an order. `running_s` is how long it has already run, in seconds.

    `adopted` is the supervisor that an earlier service recorded; an engine finds its launches by their ids instead.
    """
    match order:
        case LaunchSpec():
            return SupervisedRun(order, work, retry, adopted, running_s)
        case EngineOrder():
            return EngineRun(order, work, retry)
