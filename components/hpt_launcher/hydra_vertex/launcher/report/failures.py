"""Groups the trials without a result by their reason. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hydra_vertex.job import HyperparameterTuningJob, TrialState
from hydra_vertex.launcher.best.selection import trial_order
from hydra_vertex.launcher.text.terminal import excerpt

_LONGEST = 160
_NUMBER = re.compile(r"\d+(?:\.\d+)?")


@dataclass(frozen=True, slots=True)
class Failure:
    """Trials that failed for the same reason, apart from the numbers in it; `text` is the first one's."""

    text: str
    trials: tuple[str, ...]


def failures_of(job: HyperparameterTuningJob) -> tuple[Failure, ...]:
    """Return the infeasible trials by reason, the most frequent first.

    Two reasons are the same when their last lines are, apart from numbers: the last line of a Python log names the
    exception.
    """
    found: dict[str, list[tuple[str, str]]] = {}
    for trial in sorted(job.trials, key=trial_order):
        if trial.state is TrialState.INFEASIBLE:
            text = _short(trial.infeasible_reason)
            found.setdefault(_NUMBER.sub("0", text), []).append((text, trial.id))
    groups = [Failure(same[0][0], tuple(trial for _, trial in same)) for same in found.values()]
    return tuple(sorted(groups, key=lambda group: -len(group.trials)))


def _short(reason: str) -> str:
    """Return the first and the last line of a reason."""
    lines = [line.strip() for line in reason.splitlines() if line.strip()]
    if not lines:
        return "without a reason"
    text = lines[0] if len(lines) == 1 else f"{excerpt(lines[0], _LONGEST // 2)} … {lines[-1]}"
    return excerpt(text, _LONGEST)
