"""Worker-hours and money of a replay: the hours of a trial times its workers, by the user's prices."""

from __future__ import annotations

from dataclasses import dataclass

from hydra_vertex.job import HyperparameterTuningJob
from hydra_vertex.launcher.cost.estimate import HOUR_S
from hydra_vertex.launcher.cost.prices import Prices, hourly_rate, unused, workers_of
from hydra_vertex.protocol.errors import CommandError


@dataclass(frozen=True, slots=True)
class Money:
    """What an hour of a trial is: `workers` worker-hours, and a cost of `rate`, None without prices."""

    workers: int
    rate: float | None
    prices: Prices

    def worker_hours(self, trial_s: float) -> float:
        """Return the worker-hours of seconds of trials."""
        return trial_s / HOUR_S * self.workers

    def cost(self, trial_s: float) -> float | None:
        """Return the cost of seconds of trials; None without prices."""
        return None if self.rate is None else trial_s / HOUR_S * self.rate


def money_of(job: HyperparameterTuningJob, prices: Prices) -> Money:
    """Return the workers and the price of the trials of a job.

    Raises UserError when a machine has no price, and CommandError for a price that none of its machines has.
    """
    rate = hourly_rate(job.trial_job_spec, prices)
    other = unused(prices, [job.trial_job_spec])
    if other:
        names = ", ".join(price.name or "any machine" for price in other)
        raise CommandError(f"--hourly-price: no worker of the study has the price for {names}; leave it out")
    return Money(workers_of(job.trial_job_spec), rate, prices)
