"""What a study has used, for the report, the metrics and the metadata of the best trial. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from hydra_vertex.job import HyperparameterTuningJob, JobState
from hydra_vertex.launcher.cost.prices import Prices
from hydra_vertex.launcher.cost.spent import Usage, last_time, usage
from hydra_vertex.protocol.errors import UserError

from .schedule import efficiency, intervals


@dataclass(frozen=True, slots=True)
class Spending:
    """A study's usage, with its amounts as texts; `problem` says why there is no cost although there are prices."""

    usage: Usage
    cost: str
    saved_cost: str
    problem: str
    limit: str
    """The spending limit for which the job was ended; empty when it was not."""

    idle_share: float | None
    """The share of the slots' time in which no trial ran, without the study's pauses."""

    def notes(self, parallel: int) -> tuple[str, ...]:
        """Return what the report says beside the worker-hours of a study with `parallel` slots."""
        cost = f"cost {self.cost}" if self.cost else self.problem
        idle, saved = self.idle_share, self.usage.saved_hours
        idle_text = "" if idle is None else f"{100 * idle:.0f} % of the time of {parallel} slots was idle"
        amount = f" ({self.saved_cost})" if self.saved_cost else ""
        saved_text = (
            ""
            if saved is None
            else f"early stopping saved about {saved:.2f} worker-hours{amount}, an estimate: the median trial's time "
            "minus that of each stopped one"
        )
        return tuple(filter(None, (cost, idle_text, saved_text)))

    def metrics(self) -> dict[str, float]:
        """Return the numbers for a metrics artifact."""
        found = {
            "worker_hours": self.usage.worker_hours,
            "cost": self.usage.cost,
            "idle_share": self.idle_share,
            "saved_worker_hours_estimate": self.usage.saved_hours,
            "spending_limit_reached": 1.0 if self.limit else None,
        }
        return {name: number for name, number in found.items() if number is not None}


def repeats_sentence(job: HyperparameterTuningJob, prices: Prices) -> str:
    """Return what the repeats of a study have used, which is not part of the study's numbers; empty when unknown."""
    found = spending_of(job, prices)
    if found is None or not found.usage.worker_hours:
        return ""
    cost = f", cost {found.cost}" if found.cost else ""
    return f"The repeats used {found.usage.worker_hours:.2f} worker-hours{cost}, beside those of the study"


def spending_of(job: HyperparameterTuningJob, prices: Prices) -> Spending | None:
    """Return what a job has used at the latest time in its document; None when it has no times.

    A machine without a price must not fail the report of a finished study: the cost is left out then.
    """
    now = last_time(job)
    if now is None:
        return None
    problem = ""
    try:
        used = usage(job, now, prices)
    except UserError as error:
        problem, used = f"no cost: {error}", usage(job, now, Prices())
    used_share = efficiency(intervals(job), job.parallel_trial_count)
    return Spending(
        usage=used,
        cost="" if used.cost is None else prices.text(used.cost),
        saved_cost="" if used.saved_cost is None else prices.text(used.saved_cost),
        problem=problem,
        limit=job.stopping_reason if job.state is JobState.CANCELLED else "",
        idle_share=None if used_share is None else 1.0 - used_share,
    )
