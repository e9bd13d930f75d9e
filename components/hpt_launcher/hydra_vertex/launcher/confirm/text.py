"""The result of a confirmation as sentences, table rows and JSON. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from hydra_vertex.protocol.json import Json, JsonObject

from .result import Comparison, Confirmation, Repeated
from .statistics import LEVEL, Estimate

HEADINGS = ("trial", "mean", f"{LEVEL:.0%} interval", "repeats", "in the study")


def sentences(confirmation: Confirmation) -> Iterator[str]:
    """Yield the result in a few sentences: the selected mean, the study's value, and whether the ranking is settled."""
    selected = confirmation.selected
    if selected is None:
        yield f"Not confirmed: {confirmation.stopped or 'too few repeats are measured'}"
        return
    estimate = selected.estimate
    assert estimate is not None  # noqa: S101 - a selectable configuration has values
    yield (
        f"Confirmed with {_count_text(estimate, confirmation)} ({seeds_text(confirmation)}): "
        f"trial {selected.trial.id} has {_mean_of(confirmation)}, {estimate_text(estimate)}"
    )
    yield _study_value(selected)
    if failed := [item for item in confirmation.configurations if item.failed]:
        yield "Repeats that failed: " + ", ".join(f"{item.failed} of trial {item.trial.id}" for item in failed)
    if confirmation.stopped:
        yield f"The repeats were ended early: {confirmation.stopped}"
    yield from _ranking(confirmation)


def _mean_of(confirmation: Confirmation) -> str:
    count, metric = len(confirmation.configurations), confirmation.metric.id
    return f"the mean {metric}" if count == 1 else f"the best mean {metric} of {count}"


def _count_text(estimate: Estimate, confirmation: Confirmation) -> str:
    wanted = len(confirmation.seeds)
    return f"{estimate.count} seeds" if estimate.count == wanted else f"{estimate.count} of {wanted} seeds"


def seeds_text(confirmation: Confirmation) -> str:
    """Return such as `seed = 1000 to 1004`."""
    seeds = confirmation.seeds
    return f"{confirmation.seed_key.lstrip('+')} = {seeds[0]} to {seeds[-1]}"


def estimate_text(estimate: Estimate) -> str:
    """Return the mean with its interval, if there is one."""
    if estimate.low is None or estimate.high is None:
        return _number(estimate.mean)
    return f"{_number(estimate.mean)}, {LEVEL:.0%} interval {interval_text(estimate)}"


def interval_text(estimate: Estimate | None) -> str:
    """Return such as `0.12 to 0.15`; empty without an interval."""
    if estimate is None or estimate.low is None or estimate.high is None:
        return ""
    return f"{_number(estimate.low)} to {_number(estimate.high)}"


def rows(confirmation: Confirmation) -> list[tuple[str, ...]]:
    """Return one row for each configuration, with the HEADINGS."""
    return [
        (
            item.trial.id,
            _number(item.mean) if item.values else "",
            interval_text(item.estimate),
            f"{len(item.values)}{f', {item.failed} failed' if item.failed else ''}",
            _number(item.tuned),
        )
        for item in confirmation.configurations
    ]


def metrics(confirmation: Confirmation) -> dict[str, float]:
    """Return the numbers for a metrics artifact; none when no configuration could be selected."""
    selected = confirmation.selected
    estimate = None if selected is None else selected.estimate
    if estimate is None or estimate.low is None or estimate.high is None:
        return {}
    settled = {} if confirmation.unsettled is None else {"ranking_settled": float(confirmation.is_settled)}
    return {"repeats": estimate.count, "interval_low": estimate.low, "interval_high": estimate.high, **settled}


def document(confirmation: Confirmation) -> JsonObject:
    """Return the result as JSON."""
    selected = confirmation.selected
    return {
        "selectedTrial": None if selected is None else selected.trial.id,
        "seedKey": confirmation.seed_key,
        "seeds": list(confirmation.seeds),
        "settled": None if confirmation.unsettled is None else confirmation.is_settled,
        "notSettledBecause": confirmation.unsettled or "",
        "stoppedBecause": confirmation.stopped,
        "configurations": [_configuration(item) for item in confirmation.configurations],
        "comparisons": [_comparison(item) for item in confirmation.comparisons],
    }


def _study_value(item: Repeated) -> str:
    difference = item.mean - item.tuned
    size = f"{_number(abs(difference))} {'higher' if difference > 0 else 'lower'}" if difference else "equal"
    return f"The study measured {_number(item.tuned)} for it; the mean of the repeats is {size}"


def _ranking(confirmation: Confirmation) -> Iterator[str]:
    if confirmation.unsettled is None:
        return
    for comparison in confirmation.comparisons:
        if interval := interval_text(comparison.difference.estimate):
            yield (
                f"Difference from trial {comparison.other.trial.id}, paired by seed: {LEVEL:.0%} interval {interval}, "
                f"p = {comparison.adjusted_p:.2g} (Holm)"
            )
    yield (
        "The ranking is settled" if confirmation.is_settled else f"The ranking is not settled: {confirmation.unsettled}"
    )


def _configuration(item: Repeated) -> JsonObject:
    return {
        "trial": item.trial.id,
        "studyValue": item.tuned,
        **_estimate(item.estimate),
        "failed": item.failed,
        "values": {str(seed): value for seed, value in item.values.items()},
    }


def _comparison(item: Comparison) -> JsonObject:
    return {
        "trial": item.other.trial.id,
        **_estimate(item.difference.estimate),
        "p": item.difference.p,
        "adjustedP": item.adjusted_p,
    }


def _estimate(estimate: Estimate | None) -> dict[str, Json]:
    if estimate is None:
        return {"mean": None, "interval": None}
    interval: Json = None if estimate.low is None else [estimate.low, estimate.high]
    return {"mean": estimate.mean, "interval": interval}


def _number(value: float) -> str:
    """Format with six significant digits: the ends of a narrow interval differ in the last ones."""
    return f"{value:.6g}"
