"""A replay as a JSON document of the form `replay` (docs/schemas/replay.schema.json)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from hydra_vertex.protocol.json import Json, JsonObject
from hydra_vertex.service.replay import Outcome, RecordedStudy
from hydra_vertex.service.replay.further import Further
from hydra_vertex.service.replay.orders import Orders
from hydra_vertex.service.replay.statistics import LEVEL, Bounds, Interval

from .replay_money import Money

Scale = Callable[[float], float]


def document(study: RecordedStudy, outcomes: Sequence[Outcome], money: Money, seed: int) -> JsonObject:
    """Return the document, without the field `schema`.

    Times are in seconds, worker time in hours of one worker, costs in the currency.
    """
    return {
        "study": study.name,
        "metric": study.metric.id,
        "goal": study.metric.goal.value,
        "currency": money.prices.currency,
        "intervalLevel": LEVEL,
        "seed": seed,
        "recorded": _recorded(study, money),
        "notices": list(study.notices),
        "settings": [_setting(one, money) for one in outcomes],
    }


def _recorded(study: RecordedStudy, money: Money) -> JsonObject:
    best = study.best
    return {
        "trials": len(study.trials),
        "startupTrials": study.startup,
        "parallel": study.parallel,
        "best": None if best is None else _best(best.trial.id, best.value),
        "workerHours": money.worker_hours(study.worker_s),
        "cost": money.cost(study.worker_s),
        "wallClockS": study.wall_s,
        "stopped": study.cut_count,
    }


def _setting(one: Outcome, money: Money) -> JsonObject:
    best = one.found.best
    saved = None if one.another is None or one.another.saved_share is None else one.another.saved_share
    return {
        "earlyStopping": one.setting.rule_name,
        "parallel": one.setting.parallel,
        "trials": one.setting.trials,
        "best": None if best is None else _best(best.id, best.value),
        "regret": one.regret,
        "workerHours": _bounds(one.worker_s, money.worker_hours),
        "cost": None if money.rate is None else _bounds(one.worker_s, lambda s: money.cost(s) or 0.0),
        "wallClockS": _bounds(one.wall_s, float),
        "savedShare": None
        if one.saved_share is None
        else {"value": one.saved_share, "interval": _interval(saved, float)},
        "stopped": [{"trial": t.id, "step": t.step, "afterS": t.duration_s} for t in one.found.trials if t.is_stopped],
        "unknownEnds": _unknown(one),
        "otherOrders": None if one.orders is None else _orders(one.orders, money),
        "furtherTrials": None if one.further is None else _further(one.further),
    }


def _best(trial_id: str, value: float | None) -> JsonObject:
    return {"trial": trial_id, "value": value}


def _bounds(bounds: Bounds, scale: Scale) -> JsonObject:
    return {
        "low": scale(bounds.low),
        "high": scale(bounds.high),
        "interval": _interval(bounds.interval, scale),
    }


def _interval(interval: Interval | None, scale: Scale) -> Json:
    return None if interval is None else {"low": scale(interval.low), "high": scale(interval.high)}


def _unknown(one: Outcome) -> JsonObject:
    return {
        "trials": list(one.ends.ids),
        "chanceOfBest": one.ends.chance_of_best,
        "bestValue": one.ends.best_value,
    }


def _orders(orders: Orders, money: Money) -> JsonObject:
    return {
        "count": orders.count,
        "bestStopped": orders.best_stopped,
        "meanRegret": orders.mean_regret,
        "regret": _interval(orders.regret, float),
        "workerHours": _interval(orders.worker_s, money.worker_hours),
        "wallClockS": _interval(orders.wall_s, float),
    }


def _further(further: Further) -> JsonObject:
    return {
        "count": further.count,
        "drawnFrom": further.drawn_from,
        "chanceOfBetter": further.chance_of_better,
    }
