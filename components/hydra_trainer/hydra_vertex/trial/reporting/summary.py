"""Summarizes records: the newest record and the highest step of each metric. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .records import HypertuneRecord


@dataclass(frozen=True, slots=True)
class MetricSummary:
    """The newest record and the highest step of one metric."""

    newest: HypertuneRecord
    highest_step: int


@dataclass(slots=True)
class Summary:
    """Summary of consecutive records. `highest_step` is that of all metrics; None when there is no record."""

    metrics: dict[str, MetricSummary] = field(default_factory=dict)
    highest_step: int | None = None

    def add(self, newer: Summary) -> None:
        """Add the summary of the records that follow. Adding the same records again changes nothing."""
        for name, metric in newer.metrics.items():
            own = self.metrics.get(name)
            highest = metric.highest_step if own is None else max(own.highest_step, metric.highest_step)
            self.metrics[name] = MetricSummary(metric.newest, highest)
        steps = [step for step in (self.highest_step, newer.highest_step) if step is not None]
        self.highest_step = max(steps, default=None)


def summarise(records: Iterable[HypertuneRecord]) -> Summary:
    """Summarize records, in their order."""
    summary = Summary()
    for record in records:
        metrics = {} if record.metric is None else {record.metric: MetricSummary(record, record.step)}
        summary.add(Summary(metrics, record.step))
    return summary
