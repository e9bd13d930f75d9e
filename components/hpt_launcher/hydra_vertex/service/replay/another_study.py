"""Another study of the same app like the recorded one: how far its cost may be from that of the replay.

The trials of a study are a sample. Its spread is measured on random halves of the recorded trials (the delete-half
jackknife; Shao and Wu, "A general theory for jackknife variance estimation", Annals of Statistics 17, 1989): drawn
without replacement, half a sample varies around the whole as the whole varies around the truth. A half keeps the order
of the record and has a half of its startup trials. No trial is in it twice: a stopping rule would recognise the copy.
The interval is one for a new study of as many trials, which varies itself: the variance counts twice.
"""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from .recorded_study import RecordedStudy, RecordedTrial
from .replay import Replay, Setting, replay_trials
from .statistics import Interval, t_quantile

MIN_TRIALS = 8
"""With fewer trials a half says nothing about a rule that stops no trial before 4 or 5 others have ended."""


@dataclass(frozen=True, slots=True)
class AnotherStudy:
    """90 % intervals for another study of as many trials. `saved_share` is None without a rule.

    `halves` is the number of halves from which they are computed.
    """

    halves: int
    worker_s: Interval
    wall_s: Interval
    saved_share: Interval | None

    def until(self, found: Replay, longest: Replay) -> AnotherStudy:
        """Return the intervals with their upper ends raised: trials whose end is not known may take longer."""
        return replace(
            self,
            worker_s=_raised(self.worker_s, longest.worker_s / found.worker_s),
            wall_s=_raised(self.wall_s, longest.wall_s / found.wall_s),
            saved_share=None if self.saved_share is None else _lowered(self.saved_share, found, longest),
        )


@dataclass(frozen=True, slots=True)
class _Half:
    worker_s: float
    wall_s: float
    saved_share: float


def another_study(study: RecordedStudy, found: Replay, setting: Setting, count: int, seed: int) -> AnotherStudy | None:
    """Return the intervals around the replay `found` of a setting; None if there are fewer than MIN_TRIALS trials."""
    trials = study.trials[: setting.trials]
    if len(trials) < MIN_TRIALS or found.worker_s <= 0.0:
        return None
    halves = [_of_half(half, study, setting) for half in random_halves(trials, study.startup, count, seed)]
    factor = _factor(len(trials), count)
    saved = None if setting.rule is None else saved_share(found, study, setting)
    return AnotherStudy(
        halves=count,
        worker_s=_relative(found.worker_s, [half.worker_s for half in halves], factor),
        wall_s=_relative(found.wall_s, [half.wall_s for half in halves], factor),
        saved_share=None if saved is None else _share(saved, [half.saved_share for half in halves], factor),
    )


def saved_share(found: Replay, study: RecordedStudy, setting: Setting) -> float:
    """Return the share of the worker time of the same trials without a rule that the replayed rule saves."""
    return _saved(found, study.trials[: setting.trials])


def random_halves(
    trials: Sequence[RecordedTrial], startup: int, count: int, seed: int
) -> Iterator[list[RecordedTrial]]:
    """Yield random halves of the trials, in their order. Each has half of the startup trials; odd ones are rounded."""
    source = random.Random(seed)  # noqa: S311 - a sample, no secret
    first = min(startup, len(trials))
    for _ in range(count):
        chosen = source.sample(range(first), first // 2)
        chosen += source.sample(range(first, len(trials)), len(trials) // 2 - first // 2)
        yield [trials[index] for index in sorted(chosen)]


def _of_half(half: Sequence[RecordedTrial], study: RecordedStudy, setting: Setting) -> _Half:
    found = replay_trials(half, study.spec, replace(setting, trials=len(half)))
    return _Half(found.worker_s, found.wall_s, _saved(found, half))


def _saved(found: Replay, trials: Sequence[RecordedTrial]) -> float:
    whole_s = math.fsum(trial.duration_s for trial in trials)
    return 1.0 - found.worker_s / whole_s if whole_s > 0.0 else 0.0


def _factor(trials: int, count: int) -> float:
    """Return by what to multiply the standard deviation of the halves for half the width of the interval.

    m of n trials vary by s²/m (1 - m/n), where all n vary by s²/n. The record and the new study both do.
    """
    share = (trials // 2) / trials
    return t_quantile(max(3, min(trials, count) - 1)) * math.sqrt(2.0 * share / (1.0 - share))


def _relative(value: float, halves: Sequence[float], factor: float) -> Interval:
    """Return an interval of a positive quantity, whose logarithm has the deviation of the halves'."""
    logarithms = [math.log(half) for half in halves if half > 0.0]
    width = factor * statistics.stdev(logarithms) if len(logarithms) > 1 else 0.0
    return Interval(value * math.exp(-width), value * math.exp(width))


def _raised(interval: Interval, factor: float) -> Interval:
    return replace(interval, high=interval.high * max(1.0, factor))


def _lowered(saved: Interval, found: Replay, longest: Replay) -> Interval:
    """Return an interval of the saved share if what remains takes longer, compared with the same record."""
    return replace(saved, low=max(0.0, 1.0 - (1.0 - saved.low) * max(1.0, longest.worker_s / found.worker_s)))


def _share(value: float, halves: Sequence[float], factor: float) -> Interval:
    width = factor * statistics.stdev(halves)
    return Interval(max(0.0, value - width), min(1.0, value + width))
