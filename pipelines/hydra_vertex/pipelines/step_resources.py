"""Resources and retries of the steps `tune` and `select_best`, which train nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class StepResources:
    """Resources in Kubernetes' units, and the retries after a failure.

    Without resources Vertex AI gives a step an e2-standard-4. KFP has no time limit for a step, so the steps have their
    own: `steps.select_best.LIMIT_S`, and for `tune` `study.watch.WATCH_LIMIT_S`.
    """

    cpu: str
    memory: str
    retries: int
    backoff: str

    def apply_to(self, task: Any) -> None:
        """Set a task's request and limit, which are equal, and its retries."""
        task.set_cpu_request(self.cpu).set_cpu_limit(self.cpu)
        task.set_memory_request(self.memory).set_memory_limit(self.memory)
        if self.retries:
            task.set_retry(self.retries, backoff_duration=self.backoff, backoff_factor=2.0)


TUNE = StepResources(cpu="1", memory="2G", retries=2, backoff="60s")
"""It waits most of the time. Started again, it goes on with its job."""
TUNE_ONCE = replace(TUNE, retries=0)
"""With a service of its own whose folder ends with its Pod: a retry would run a study again that has failed."""
SELECT_BEST = StepResources(cpu="2", memory="8G", retries=2, backoff="30s")
"""The report's importances are computed from all trials."""
