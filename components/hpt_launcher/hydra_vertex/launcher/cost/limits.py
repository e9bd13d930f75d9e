"""The spending limits of a study: `--max-cost` and `--max-worker-hours`. Pure."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from hydra_vertex.job import HyperparameterTuningJob, JobState
from hydra_vertex.protocol.errors import DocumentError

from .estimate import HOUR_S
from .prices import Prices, dump_prices, hourly_rate, load_prices, workers_of
from .spent import last_time, trial_hours

TIME_TOLERANCE_S = 5.0
"""How much the times of a job's document may differ from the moment at which its limit was found to be reached."""


@dataclass(frozen=True, slots=True)
class SpendingLimits:
    """The limits; None means no limit. `max_cost` needs `prices`."""

    max_cost: float | None = None
    max_worker_hours: float | None = None
    prices: Prices = field(default_factory=Prices)

    def __bool__(self) -> bool:
        """Whether there is a limit."""
        return self.max_cost is not None or self.max_worker_hours is not None

    def reached(
        self, job: HyperparameterTuningJob, now: datetime, earlier: Sequence[HyperparameterTuningJob] = ()
    ) -> str:
        """Return which limit the job has reached at `now`, as a sentence; empty for none.

        `earlier` are ended jobs of the same study, which count too. Raises UserError when a machine has no price.
        """
        jobs = (job, *earlier)
        return next(self._reached(jobs, now), "")

    def ended(self, job: HyperparameterTuningJob, earlier: Sequence[HyperparameterTuningJob] = ()) -> str:
        """Return the limit for which a cancelled job was ended, also by an earlier start of the step; empty for none.

        A job that nobody cancelled for a limit has not reached one, up to the tolerance of the times.
        """
        at = last_time(job)
        if job.state is not JobState.CANCELLED or at is None:
            return ""
        slots = max(1, job.parallel_trial_count)
        return next(self._reached((job, *earlier), at, slots * TIME_TOLERANCE_S / HOUR_S), "")

    def _reached(
        self, jobs: Sequence[HyperparameterTuningJob], now: datetime, tolerance_h: float = 0.0
    ) -> Iterator[str]:
        hours = [trial_hours(job, now) for job in jobs]
        hours[0] += tolerance_h
        workers = [workers_of(job.trial_job_spec) for job in jobs]
        used_h = math.fsum(h * w for h, w in zip(hours, workers, strict=True))
        spent_h = used_h - tolerance_h * workers[0]
        if self.max_worker_hours is not None and used_h >= self.max_worker_hours:
            yield (
                f"the limit of {self.max_worker_hours:g} worker-hours (--max-worker-hours) is reached: "
                f"{spent_h:.2f} were used"
            )
        if self.max_cost is None:
            return
        rates = [hourly_rate(job.trial_job_spec, self.prices) or 0.0 for job in jobs]
        cost = math.fsum(h * rate for h, rate in zip(hours, rates, strict=True))
        if cost >= self.max_cost:
            spent = self.prices.text(cost - tolerance_h * rates[0])
            yield f"the limit of {self.prices.text(self.max_cost)} (--max-cost) is reached: {spent} were spent"

    def pipeline_arguments(self) -> dict[str, str]:
        """Return the parameters of the pipeline; those without a value are left out."""
        texts = {
            "max_cost": "" if self.max_cost is None else repr(self.max_cost),
            "max_worker_hours": "" if self.max_worker_hours is None else repr(self.max_worker_hours),
            "hourly_prices": dump_prices(self.prices),
        }
        return {name: text for name, text in texts.items() if text}


def parse_limits(max_cost: str, max_worker_hours: str, hourly_prices: str) -> SpendingLimits:
    """Return the limits of a step's parameters. Raises DocumentError naming the parameter."""
    limits = SpendingLimits(
        _positive(max_cost, "max_cost"), _positive(max_worker_hours, "max_worker_hours"), load_prices(hourly_prices)
    )
    if limits.max_cost is not None and not limits.prices.prices:
        raise DocumentError("max_cost", "needs hourly_prices, which is empty")
    return limits


def _positive(text: str, name: str) -> float | None:
    if not text.strip():
        return None
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        raise DocumentError(name, f"expected a number above 0, got {text!r:.100}")
    return number
