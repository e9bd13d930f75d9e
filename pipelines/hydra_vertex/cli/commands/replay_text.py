"""A replay as a table, and the sentences that say what its numbers mean."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from hydra_vertex.job import ConvexStopping
from hydra_vertex.launcher.text.formatting import format_duration, format_value
from hydra_vertex.service.replay import Outcome, RecordedStudy
from hydra_vertex.service.replay.open_ends import OpenEnds
from hydra_vertex.service.replay.statistics import Bounds, bounds

from .replay_money import Money

_MAX_NAMED = 10
_CHANCE_DIGITS = 0.01


def headings(money: Money) -> list[str]:
    """Return the headings of the table; without prices there is no cost."""
    cost = [] if money.rate is None else [f"cost, {money.prices.currency}".rstrip(", ")]
    return ["setting", "best", "worker\nhours", *cost, "wall-clock", "stopped"]


def rows(study: RecordedStudy, outcomes: Sequence[Outcome], money: Money) -> Iterator[list[str]]:
    """Yield the row of the record, then that of each setting. The second line of a time is its interval."""
    columns = _columns(study, money)
    recorded = [bounds(study.worker_s, study.worker_s, None)] * (len(columns) - 1) + [
        bounds(study.wall_s, study.wall_s, None)
    ]
    best = study.best
    yield [
        f"as recorded\n{study.parallel} at once",
        "none" if best is None else _value(best.value, best.trial.id),
        *(_cell(known, text) for known, text in zip(recorded, columns, strict=True)),
        str(study.cut_count),
    ]
    numbers = {one.setting.trials for one in outcomes}
    for one in outcomes:
        found = [one.worker_s] * (len(columns) - 1) + [one.wall_s]
        cells = [_cell(known, text) for known, text in zip(found, columns, strict=True)]
        is_named = numbers != {len(study.trials)}
        yield [_setting(one, is_named=is_named), _best(one), *cells, _stopped(one)]


def _columns(study: RecordedStudy, money: Money) -> list[Callable[[float], str]]:
    """Return the columns of a row as functions of seconds: worker-hours, the cost if there is a price, the time."""
    hours = money.worker_hours(study.worker_s)
    digits = 1 if hours >= 100 else 2 if hours >= 1 else 4
    cost = [] if money.rate is None else [lambda seconds: f"{money.cost(seconds):.2f}"]
    return [lambda seconds: f"{money.worker_hours(seconds):.{digits}f}", *cost, format_duration]


def _setting(one: Outcome, *, is_named: bool) -> str:
    """Return a setting as text; its number of trials `is_named` where it may differ from that of the record."""
    number = f"\n{one.setting.trials} trials" if is_named else ""
    return f"{one.setting.rule_name}\n{one.setting.parallel} at once{number}"


def _best(one: Outcome) -> str:
    """Return the best value and its trial, and how much worse it is than the record's."""
    best = one.found.best
    if best is None:
        return "none"
    regret = f"\nregret {format_value(one.regret)}" if one.regret else ""
    better = "" if one.further is None else "\nor better"
    return f"{_value(best.value, best.id)}{regret}{better}"


def _stopped(one: Outcome) -> str:
    if one.setting.rule is None:
        return "0"
    saved = "" if one.saved_share is None else f"\nsaves {one.saved_share:.0%}"
    best = f"\nbest {one.orders.best_stopped}/{one.orders.count}" if one.orders else ""
    return f"{one.found.stopped}{saved}{best}"


def _cell(known: Bounds, text: Callable[[float], str]) -> str:
    """Return a quantity, or its two bounds, and its interval in brackets on a second line."""
    value = _range(text(known.low), text(known.high))
    interval = known.interval
    return value if interval is None else f"{value}\n[{text(interval.low)} .. {text(interval.high)}]"


def _range(low: str, high: str) -> str:
    return low if low == high else f"{low} .. {high}"


def _value(value: float | None, trial_id: str) -> str:
    return "none" if value is None else f"{format_value(value)}\ntrial {trial_id}"


def explanation(study: RecordedStudy, outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Yield what the numbers of the table mean, and what the record cannot tell."""
    yield from _exact(study, outcomes)
    yield from _unknown_ends(outcomes)
    yield from _intervals(study, outcomes)
    yield from (f"- Further trials: {line}" for line in _further(study, outcomes))
    yield from (f"- The record: {notice}." for notice in study.notices)


def _exact(study: RecordedStudy, outcomes: Sequence[Outcome]) -> Iterator[str]:
    is_predicted = any(isinstance(one.setting.rule, ConvexStopping) for one in outcomes)
    prediction = "; with the convex rule, the value that the rule predicts for its end, as in the service"
    yield (
        "- Exact, as far as curves were recorded: the same trials in the same order. A stopped trial costs its time up "
        "to the measurement at which the rule stops it, and has the value that it had by then"
        f"{prediction if is_predicted else ''}."
    )
    yield (
        "- Assumed: the search proposes the same trials, trials at once do not slow each other down, and a worker gets "
        f"the next trial at once. The record itself took {format_duration(study.wall_s)}; its trials need "
        f"{format_duration(study.least_wall_s)} on {study.parallel} {_workers(study.parallel)}."
    )


def _workers(count: int) -> str:
    return "worker" if count == 1 else "workers"


def _unknown_ends(outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Yield one sentence for all settings under which the same trials have no known end."""
    by_ends: dict[OpenEnds, list[str]] = {}
    for one in outcomes:
        if one.ends.ids:
            by_ends.setdefault(one.ends, []).append(f"{one.setting.rule_name}, {one.setting.parallel} at once")
    for ends, names in by_ends.items():
        more = f" and {len(ends.ids) - _MAX_NAMED} more" if len(ends.ids) > _MAX_NAMED else ""
        ids = f"{', '.join(ends.ids[:_MAX_NAMED])}{more}"
        yield (
            f"- Not known ({'; '.join(dict.fromkeys(names))}): {len(ends.ids)} of the trials were stopped in the "
            f"record and would have gone on ({ids}). The two bounds of the cost: they "
            f"end where the record ends, or run as long as the longest complete trial; {_outlook(ends)}."
        )


def _outlook(ends: OpenEnds) -> str:
    if ends.chance_of_best is None or ends.best_value is None:
        return "how good they might have become is not known: there are too few complete curves like theirs"
    return (
        "predicted from the complete curves, one of them would have become the best with probability "
        f"{_chance(ends.chance_of_best)}, and the best would reach {format_value(ends.best_value)} with 5 %"
    )


def _chance(chance: float) -> str:
    return f"below {_CHANCE_DIGITS:g}" if chance < _CHANCE_DIGITS else f"{chance:.2f}"


def _intervals(study: RecordedStudy, outcomes: Sequence[Outcome]) -> Iterator[str]:
    halves = sorted({one.another.halves for one in outcomes if one.another is not None and one.further is None})
    if halves:
        alike = ""
        if study.startup:
            alike = " The trials of a search with a model are alike: the interval is too narrow (docs/replay.md)."
        yield (
            "- [low .. high]: the 90 % interval for another study like this one with as many trials, from the spread "
            f"of {_counts(halves)} random halves of its trials.{alike}"
        )
    elif not any(one.orders or one.further for one in outcomes):
        yield "- No intervals: --resamples 0."
    elif all(one.another is None and one.further is None for one in outcomes):
        yield "- No intervals for another study: these need at least 8 trials, and trials that took time."
    if any(one.orders and one.setting.rule for one in outcomes):
        later = (
            f" (the first {study.startup}, which depend on no other trial, among themselves)" if study.startup else ""
        )
        yield (
            "- saves: worker-hours, compared with the same trials without a rule. best N/R: in N of R random orders of "
            f"these trials{later} the rule stopped the trial that is the best without it."
        )


def _counts(counts: Sequence[int]) -> str:
    return str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"


def _further(study: RecordedStudy, outcomes: Sequence[Outcome]) -> Iterator[str]:
    """Yield one sentence for each number of further trials."""
    seen = set()
    for further in (one.further for one in outcomes if one.further is not None):
        if further.count not in seen:
            seen.add(further.count)
            has_startup = further.drawn_from < len(study.trials)
            pool = f"the {further.drawn_from} {'after the startup trials' if has_startup else 'recorded trials'}"
            yield (
                f"{further.count} more than recorded are not in the record. Their times are drawn from {pool}, and "
                f"[low .. high] has 90 % of 1,000 draws. One of them is better than {pool} with probability "
                f"{_chance(further.chance_of_better)}, if they were exchangeable with these; "
                f"how much better{', and whether better than the startup trials,' if has_startup else ''} is not known."
            )
