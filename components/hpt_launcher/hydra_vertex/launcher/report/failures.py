"""Groups the trials without a result by their reason, and shortens reasons, which end with a part of a log. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

from hydra_vertex.job import HyperparameterTuningJob, TrialState
from hydra_vertex.launcher.best.selection import trial_order
from hydra_vertex.launcher.text.terminal import excerpt, shortened

_LONGEST = 160
ALL_REASONS, SHORTEST_REASON = 40_000, 400
"""The characters of all reasons together on the page, and those that each may have in any case."""
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


def reason_limit(count: int) -> int:
    """Return the largest number of characters of each of `count` reasons."""
    return max(SHORTEST_REASON, ALL_REASONS // max(1, count))


def reason_excerpt(reason: str, limit: int) -> str:
    """Return a reason without the middle of it if it is longer than `limit`: its first line and its end are kept."""
    if len(reason) <= limit:
        return reason
    line, _, rest = reason.partition("\n")
    first = shortened(line, limit // 2)
    end = rest[-(limit // 2) :] if rest else ""
    cut = len(rest) - len(end)
    return f"{first}\n[... {cut} characters ...]\n{end}" if cut else "\n".join(filter(None, (first, end)))


def _short(reason: str) -> str:
    """Return the first and the last line of a reason."""
    lines = [line.strip() for line in reason.splitlines() if line.strip()]
    if not lines:
        return "without a reason"
    text = lines[0] if len(lines) == 1 else f"{excerpt(lines[0], _LONGEST // 2)} … {lines[-1]}"
    return excerpt(text, _LONGEST)
