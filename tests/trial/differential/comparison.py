"""Runs cases with plain Hydra and with hydra-trial on the same app, and compares the configs in value and type.

The cases run in batches, because each run composes a config. A batch in which a run fails is split, down to one case.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum

from trial.corpus.runner import App, Command, Finished
from trial.differential.generator import Case

BATCH = 12


class Outcome(Enum):
    EQUAL = "equal"
    BOTH_REFUSE = "both refuse"
    DIFFERENT = "different"
    TRIAL_REFUSES = "only hydra-trial refuses"
    HYDRA_REFUSES = "only Hydra refuses"


@dataclass(frozen=True, slots=True)
class Result:
    case: Case
    outcome: Outcome
    detail: str = ""


def compare(app: App, cases: Sequence[Case]) -> list[Result]:
    """Return the result of each case, in no particular order."""
    waiting, results = list(_batches(cases)), []
    while waiting:
        commands = [command for batch in waiting for command in (_plain(batch), _trial(batch))]
        finished = app.run(commands)
        pairs = zip(waiting, finished[::2], finished[1::2], strict=True)
        waiting = []
        for batch, plain, trial in pairs:
            outcome = _outcome(plain, trial)
            if outcome is Outcome.EQUAL:
                results += [Result(case, outcome) for case in batch]
            elif len(batch) == 1:
                results.append(Result(batch[0], outcome, _detail(plain, trial)))
            else:
                waiting += [batch[: len(batch) // 2], batch[len(batch) // 2 :]]
    return results


def _batches(cases: Sequence[Case]) -> Iterator[list[Case]]:
    """Yield batches in which no two cases set the same key, or a key and a part of it."""
    batches: list[list[Case]] = []
    for case in cases:
        free = (b for b in batches if len(b) < BATCH and not any(_related(case, other) for other in b))
        batch = next(free, None)
        if batch is None:
            batches.append([case])
        else:
            batch.append(case)
    yield from batches


def _related(case: Case, other: Case) -> bool:
    one, two = (c.key.lstrip("+").replace("@", ".") for c in (case, other))
    return one == two or one.startswith(f"{two}.") or two.startswith(f"{one}.") or {one, two} <= _OF_GROUPS


_OF_GROUPS = frozenset({"model", "data.train.data", "train.data.path", "train.data.workers"})


def _plain(batch: Sequence[Case]) -> Command:
    return Command("python", ("train.py", *(case.plain for case in batch)))


def _trial(batch: Sequence[Case]) -> Command:
    options = (case.option for case in batch)
    return Command("trial", (*options, "--", "python", "train.py", *(case.argument for case in batch)))


def _outcome(plain: Finished, trial: Finished) -> Outcome:
    if plain.configs and trial.configs:
        return Outcome.EQUAL if plain.configs == trial.configs else Outcome.DIFFERENT
    if plain.configs:
        return Outcome.TRIAL_REFUSES
    return Outcome.HYDRA_REFUSES if trial.configs else Outcome.BOTH_REFUSE


def _detail(plain: Finished, trial: Finished) -> str:
    if not (plain.configs and trial.configs):
        return " | ".join(line for f in (plain, trial) for line in f.stderr.strip().splitlines()[:2] or ["runs"])
    one, two = (json.loads(finished.configs[0]) for finished in (plain, trial))
    return (
        "; ".join(
            f"{key}: {one.get(key)!r} != {two.get(key)!r}" for key in {**one, **two} if one.get(key) != two.get(key)
        )
        or "types"
    )
