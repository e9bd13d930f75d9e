"""Replays a study with several settings, each with its uncertainty. Pure; a setting takes seconds."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hydra_vertex.protocol.errors import UserError

from .another_study import AnotherStudy, another_study, saved_share
from .further import MAX_FACTOR, Further, further_trials
from .open_ends import OpenEnds, open_ends
from .orders import Orders, in_other_orders, regret_of
from .recorded_study import RecordedStudy, require_curves
from .replay import Replay, Setting, replay
from .statistics import Bounds, bounds

MIN_RESAMPLES = 20
MAX_RESAMPLES = 100
DECISIONS = 16_000
"""A rule's decision takes milliseconds: by default, about so many are made for the orders of one setting."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """The result of one setting.

    `found` has the trials in their order; a trial whose end is not known ends as in the record. `longest` is the same
    with such trials as long as the longest complete one; equal to `found` without any. `saved_share` is None without a
    rule. `orders` and `another` are None if no resamples were wanted, `further` if no more trials than recorded.
    """

    setting: Setting
    found: Replay
    longest: Replay
    ends: OpenEnds
    regret: float | None
    saved_share: float | None
    orders: Orders | None
    another: AnotherStudy | None
    further: Further | None

    @property
    def worker_s(self) -> Bounds:
        """The worker time: its two bounds, equal if all ends are known, and the interval for another study."""
        if self.further is not None:
            return self.further.worker_s
        interval = None if self.another is None else self.another.worker_s
        return bounds(self.found.worker_s, self.longest.worker_s, interval)

    @property
    def wall_s(self) -> Bounds:
        """The time from the first start to the last end, likewise."""
        if self.further is not None:
            return self.further.wall_s
        interval = None if self.another is None else self.another.wall_s
        return bounds(self.found.wall_s, self.longest.wall_s, interval)


def outcome_of(study: RecordedStudy, setting: Setting, resamples: int | None, seed: int) -> Outcome:
    """Return the outcome of a setting. `resamples` of None means a number that takes seconds; 0 makes none.

    Raises UserError for a rule without curves and for more trials than a record can tell about.
    """
    require_possible(study, setting)
    count = default_resamples(study, setting) if resamples is None else resamples
    known = replace(setting, trials=min(setting.trials, len(study.trials)))
    further = setting.trials - known.trials
    found = replay(study, known)
    longest = replay(study, known, open_until_s=study.longest_s) if found.open else found
    another = another_study(study, found, known, count, seed) if count > 1 else None
    return Outcome(
        setting=setting,
        found=found,
        longest=longest,
        ends=open_ends(study, found),
        regret=regret_of(found, study),
        saved_share=None if setting.rule is None else saved_share(found, study, known),
        orders=in_other_orders(study, known, count, seed) if count else None,
        another=None if another is None else another.until(found, longest),
        further=further_trials(study, (found, longest), known, further, seed) if further else None,
    )


def require_possible(study: RecordedStudy, setting: Setting) -> None:
    """Check that a record can tell about a setting. Raises UserError."""
    if setting.rule is not None:
        require_curves(study)
    recorded = len(study.trials)
    if setting.trials > MAX_FACTOR * recorded:
        raise UserError(
            f"--trials {setting.trials}: {study.name} has {recorded} ended trials, which say nothing about a study of "
            f"more than {MAX_FACTOR} times as many; give at most {MAX_FACTOR * recorded}"
        )


def default_resamples(study: RecordedStudy, setting: Setting) -> int:
    """Return the number of orders and of halves that take seconds: from 20 to 100, by the number of measurements."""
    if setting.rule is None:
        return MAX_RESAMPLES
    measurements = sum(len(trial.reports) for trial in study.trials[: setting.trials])
    return max(MIN_RESAMPLES, min(MAX_RESAMPLES, DECISIONS // max(1, measurements)))
