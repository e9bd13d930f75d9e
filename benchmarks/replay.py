"""Measure how well `hydra-vertex replay` forecasts a study with a stopping rule from the record of one without a rule.

    python benchmarks/replay.py [--seeds 40] [--curves gpt digits] [--optimiser hydra-vertex random] [--json]

Studies are simulated on recorded learning curves as in benchmarks/early_stopping.py, 4 trials at a time, with the
service's optimiser or at random. For each seed, one study runs without a rule; its record is replayed with a rule. The
forecast is compared with two real studies with this rule:

- the same seed: it begins with the same trials, and the optimiser then proposes others, because it learns of stopped
  trials. The error is what the replay's assumption costs, that the search would propose the same trials.
- another seed: the 90 % intervals are for such a study, and should contain it in 90 % of the cases.

The columns. Saved: the mean share of the worker time that the rule saves, in the replay and in the study of another
seed. Error: mean absolute difference of this share to the study of the same seed, in percentage points; in brackets the
mean of the signed difference, forecast minus study. In: how many studies of another seed have their saved share,
worker time and wall-clock in the interval. Width: the mean width of the interval of the worker time, relative to the
forecast. A seed of gpt takes some 10 s of a core, one of digits a minute or more.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before numpy is imported: one core

import optuna

from hydra_vertex.job import (
    Algorithm,
    AutomatedStopping,
    DecayCurveStopping,
    HyperparameterTuningJob,
    MedianStopping,
    Trial,
    TrialJobSpec,
)
from hydra_vertex.service.replay import Setting, recorded_study
from hydra_vertex.service.replay.another_study import another_study, saved_share
from hydra_vertex.service.replay.replay import replay
from hydra_vertex.service.replay.statistics import Interval
from stopping.methods import METHODS, Method
from stopping.optimisers import TRIALS, parameters_of
from stopping.recorded import Recorded, load
from stopping.study import BEGIN, PARALLEL, Study

OTHER_SEEDS = 5000
"""Added to a seed for the study of another seed."""
FIRST_SEED = 2000
HALVES = 30
RULES: dict[str, AutomatedStopping] = {"median": MedianStopping(), "decay curve": DecayCurveStopping()}
HEAD = """\
| Curves | Search | Rule | Saved, replay | Another seed | Error | Saved in | Time in | Wall in | Width |
| --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"""
BY_NAME = {method.name: method for method in METHODS}


@dataclass(frozen=True)
class Cost:
    """What a simulated study has cost: the share saved, relative to the same trials without a rule."""

    saved: float
    worker_s: float
    wall_s: float


@dataclass(frozen=True)
class Forecast:
    """A forecast with its intervals, and what the studies of the same and of another seed have cost."""

    curves: str
    optimiser: str
    rule: str
    seed: int
    forecast: Cost
    saved: Interval
    worker_s: Interval
    wall_s: Interval
    same: Cost
    other: Cost

    def contains(self) -> tuple[bool, bool, bool]:
        pairs = ((self.saved, self.other.saved), (self.worker_s, self.other.worker_s), (self.wall_s, self.other.wall_s))
        saved, worker, wall = (interval.low <= value <= interval.high for interval, value in pairs)
        return saved, worker, wall


def simulated(recorded: Recorded, method: Method, optimiser: str, seed: int) -> Study:
    study = Study(recorded, method, optimiser, seed)
    study.run()
    return study


def record_of(study: Study, optimiser: str) -> HyperparameterTuningJob:
    """Return a simulated study as the service would have recorded it."""
    algorithm = Algorithm.RANDOM_SEARCH if optimiser == "random" else Algorithm.BAYESIAN
    trials = tuple(replace(trial, start_time=trial_end(trial) - elapsed(trial)) for trial in study.trials)
    spec = replace(study.spec, parameters=parameters_of(study.recorded.name), algorithm=algorithm)
    return HyperparameterTuningJob(
        study.recorded.name,
        spec,
        TrialJobSpec(worker_pools=()),
        max_trial_count=len(trials),
        parallel_trial_count=PARALLEL,
        trials=trials,
    )


def trial_end(trial: Trial) -> datetime:
    assert trial.end_time is not None
    return trial.end_time


def elapsed(trial: Trial) -> timedelta:
    seconds = trial.measurements[-1].elapsed_s
    assert seconds is not None
    return timedelta(seconds=seconds)


def cost_of(study: Study) -> Cost:
    worker_s = sum(elapsed(trial).total_seconds() for trial in study.trials)
    whole_s = sum(study.recorded.curves[index][-1][1] for index in study.used)
    wall_s = max((trial_end(trial) - BEGIN).total_seconds() for trial in study.trials)
    return Cost(1 - worker_s / whole_s, worker_s, wall_s)


def forecasts(recorded: Recorded, optimiser: str, seeds: Iterable[int]) -> Iterable[Forecast]:
    for seed in seeds:
        study = recorded_study(record_of(simulated(recorded, BY_NAME["no stopping"], optimiser, seed), optimiser))
        for name, rule in RULES.items():
            setting = Setting(name, rule, PARALLEL, TRIALS[recorded.name])
            found = replay(study, setting)
            another = another_study(study, found, setting, HALVES, seed)
            assert another is not None
            assert another.saved_share is not None
            yield Forecast(
                recorded.name,
                optimiser,
                name,
                seed,
                Cost(saved_share(found, study, setting), found.worker_s, found.wall_s),
                another.saved_share,
                another.worker_s,
                another.wall_s,
                cost_of(simulated(recorded, BY_NAME[name], optimiser, seed)),
                cost_of(simulated(recorded, BY_NAME[name], optimiser, seed + OTHER_SEEDS)),
            )


def line(found: Sequence[Forecast]) -> str:
    errors = [one.forecast.saved - one.same.saved for one in found]
    widths = [(one.worker_s.high - one.worker_s.low) / one.forecast.worker_s for one in found]
    contained = [sum(column) for column in zip(*(one.contains() for one in found), strict=True)]
    cells = (
        found[0].curves,
        found[0].optimiser,
        found[0].rule,
        f"{statistics.fmean(one.forecast.saved for one in found):.0%}",
        f"{statistics.fmean(one.other.saved for one in found):.0%}",
        f"{100 * statistics.fmean(map(abs, errors)):.1f} ({100 * statistics.fmean(errors):+.1f})",
        *(f"{count} of {len(found)}" for count in contained),
        f"{statistics.fmean(widths):.0%}",
    )
    return f"| {' | '.join(cells)} |"


def table(found: Sequence[Forecast]) -> str:
    keys = dict.fromkeys((one.curves, one.optimiser, one.rule) for one in found)
    return "\n".join(
        [HEAD, *(line([one for one in found if (one.curves, one.optimiser, one.rule) == key]) for key in keys)]
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seeds", type=int, default=40, help="number of records of each space (40)")
    parser.add_argument("--curves", nargs="+", default=["gpt", "digits"], choices=["gpt", "digits"])
    parser.add_argument("--optimiser", nargs="+", default=["hydra-vertex"], choices=["hydra-vertex", "random"])
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    options = parser.parse_args()
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
    found: list[Forecast] = []
    for recorded in map(load, options.curves):
        for optimiser in options.optimiser:
            for one in forecasts(recorded, optimiser, range(FIRST_SEED, FIRST_SEED + options.seeds)):
                found.append(one)
                print(one, file=sys.stderr, flush=True)
    print(json.dumps([asdict(one) for one in found], indent=2) if options.json else table(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
