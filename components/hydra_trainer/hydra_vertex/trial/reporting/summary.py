"""What later records depend on: the newest record and the highest step of each metric. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from .records import HypertuneRecord


@dataclass(frozen=True, slots=True)
class MetricSummary:
    """Of the records of one metric: the newest one, and the highest step."""

    newest: HypertuneRecord
    highest_step: int


@dataclass(slots=True)
class Summary:
    """Of records that follow each other. `highest_step` is None when there is no record."""

    metrics: dict[str, MetricSummary] = field(default_factory=dict)
    highest_step: int | None = None

    def add(self, newer: Summary) -> None:
        """Append the records that follow. Adding the same ones again changes nothing."""
        for name, metric in newer.metrics.items():
            own = self.metrics.get(name)
            highest = metric.highest_step if own is None else max(own.highest_step, metric.highest_step)
            self.metrics[name] = MetricSummary(metric.newest, highest)
        steps = [step for step in (self.highest_step, newer.highest_step) if step is not None]
        self.highest_step = max(steps, default=None)


def summarise(records: Iterable[HypertuneRecord]) -> Summary:
    """Of records in their order."""
    summary = Summary()
    for record in records:
        metrics = {} if record.metric is None else {record.metric: MetricSummary(record, record.step)}
        summary.add(Summary(metrics, record.step))
    return summary
