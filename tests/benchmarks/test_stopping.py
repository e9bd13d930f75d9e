"""The parts of benchmarks/early_stopping.py: every method runs, and the table's figures have their stated meaning."""

from __future__ import annotations

import dataclasses
import warnings

import optuna
import pytest

from early_stopping import row, table
from hydra_vertex.job import Trial
from hydra_vertex.service.stopping import EarlyStop
from stopping.methods import METHODS, Method
from stopping.optimisers import METRIC, TRIALS
from stopping.recorded import load, unit_of
from stopping.study import Run, Study

GPT = load("gpt")
STOPPING = [method for method in METHODS if not method.name.startswith("no stopping")]
BY_NAME = {method.name: method for method in METHODS}


def final_value(trial: Trial) -> float:
    return GPT.curves[GPT.points.index(dict(trial.parameters))][-1][2]


@pytest.mark.parametrize("optimiser", ["hydra-vertex", "tpe"])
def test_no_recorded_run_is_used_twice_and_each_trial_has_the_parameters_of_its_run(optimiser: str) -> None:
    study = Study(GPT, BY_NAME["no stopping"], optimiser, 0)
    study.run()

    assert len({GPT.points.index(dict(trial.parameters)) for trial in study.trials}) == TRIALS["gpt"]


def test_the_run_nearest_to_a_recorded_point_is_the_run_of_that_point() -> None:
    point = {"optimizer.lr": 1e-4, "model.depth": 4.0, "model.width": 16.0, "data.batch_size": 64.0}

    assert unit_of("gpt", point) == pytest.approx((0.0, 1.0, 0.0, 1.0))
    for index, recorded in enumerate(GPT.points):
        assert GPT.nearest(recorded) == index
    assert GPT.nearest(GPT.points[7], {7}) != 7


@pytest.mark.parametrize("optimiser", ["hydra-vertex", "tpe"])
def test_without_stopping_all_measurements_are_made_and_with_half_of_the_trials_half_of_them(optimiser: str) -> None:
    everything = Study(GPT, BY_NAME["no stopping"], optimiser, 0).run()
    half = Study(GPT, BY_NAME["no stopping, half of the trials"], optimiser, 0).run()

    assert (everything.share, half.share) == (1.0, 0.5)
    assert (everything.stopped, everything.wrongly) == (0, 0)
    assert 0.0 <= everything.regret <= half.regret


@pytest.mark.parametrize("method", STOPPING, ids=lambda method: method.name)
def test_every_rule_saves_steps_and_has_no_negative_regret(method: Method) -> None:
    optimiser = "hydra-vertex" if method.suits("hydra-vertex") else "tpe"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        result = Study(GPT, method, optimiser, 1).run()

    assert 0.1 < result.share < 1.0
    assert result.regret >= 0.0
    assert 0 <= result.wrongly <= result.stopped <= TRIALS["gpt"]
    assert result.stopped > 0


def test_the_brackets_of_hyperband_are_the_same_in_every_run() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        first, second = (Study(GPT, BY_NAME["Optuna Hyperband"], "tpe", 3).run() for _ in range(2))

    assert (first.share, first.regret, first.wrongly) == (second.share, second.regret, second.wrongly)


class StopsAtFirst(Study):
    """Stops every trial at its first measurement as soon as one trial is complete."""

    def _stop(self, run: Run, value: float) -> EarlyStop | None:
        return EarlyStop("at once") if any(not trial.stopped_early for trial in self.trials if trial.end_time) else None


def test_a_trial_is_stopped_wrongly_if_it_would_have_ended_better_than_every_complete_one() -> None:
    study = StopsAtFirst(GPT, BY_NAME["no stopping"], "tpe", 0)
    result = study.run()
    ends = [final_value(trial) for trial in study.trials]
    stopped = [trial.stopped_early for trial in study.trials]
    best = min(end for end, early in zip(ends, stopped, strict=True) if not early)

    assert result.stopped == sum(stopped) > 20
    assert result.wrongly >= sum(early and end < best for end, early in zip(ends, stopped, strict=True))
    assert result.wrongly > 0


def test_perfect_foresight_stops_no_trial_wrongly_and_reports_every_final_value() -> None:
    study = Study(GPT, BY_NAME["perfect foresight"], "hydra-vertex", 0)
    result = study.run()

    assert (result.wrongly, result.stopped > 10) == (0, True)
    for trial in study.trials:
        assert trial.objective(METRIC) == final_value(trial)


def test_the_table_has_means_and_standard_errors_of_the_regret_and_of_its_paired_difference() -> None:
    without, convex = (row(GPT, "tpe", BY_NAME[name], (0, 1)) for name in ("no stopping", "convex"))
    (first, second), (base_first, base_second) = convex.regrets, without.regrets
    more = (first - base_first, second - base_second)

    assert convex.regrets == tuple(Study(GPT, BY_NAME["convex"], "tpe", seed).run().regret for seed in (0, 1))
    assert table([without, convex]).splitlines()[-1] == (
        f"| gpt | tpe | convex | {convex.share:.0%} | {(first + second) / 2:.4f} ± {abs(first - second) / 2:.4f} "
        f"| {sum(more) / 2:+.4f} ± {abs(more[0] - more[1]) / 2:.4f} | {convex.wrongly_stopped:.1%} |"
    )
    assert table([without]).count("±") == table([convex]).count("±") == 1


def test_a_difference_that_rounds_to_zero_has_no_minus_sign() -> None:
    without = row(GPT, "tpe", BY_NAME["no stopping"], (0,))
    better = dataclasses.replace(without, method="median", regrets=(without.regrets[0] - 1e-6,))

    assert "| +0.0000 ± 0.0000 |" in table([without, better]).splitlines()[-1]


def test_an_eighth_more_trials_are_run_and_their_steps_are_relative_to_the_usual_number() -> None:
    study = Study(GPT, BY_NAME["decay curve, an eighth more trials"], "hydra-vertex", 0)
    made = study.run().share * TRIALS["gpt"]

    assert len(study.trials) == 1.125 * TRIALS["gpt"]
    assert made == pytest.approx(sum(len(t.measurements) for t in study.trials) / len(GPT.curves[0]))
