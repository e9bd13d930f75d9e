"""The parts of benchmarks/several_objectives.py: the hypervolume, the problems' fronts, and one run of each engine."""

from __future__ import annotations

import math

import pytest

from several_objectives import ENGINES, PROBLEMS, Service, Values, branin_currin, dtlz2, hypervolume, simulate, zdt1


@pytest.mark.parametrize(
    ("values", "reference", "volume"),
    [
        ([], (1.0, 1.0), 0.0),
        ([(0.5, 0.5)], (1.0, 1.0), 0.25),
        ([(0.5, 0.5), (0.5, 0.5), (0.6, 0.6)], (1.0, 1.0), 0.25),
        ([(0.25, 0.75), (0.75, 0.25)], (1.0, 1.0), 0.3125),
        ([(2.0, 0.0), (0.0, 1.0)], (1.0, 1.0), 0.0),
        ([(0.5, 0.5, 0.5)], (1.0, 1.0, 1.0), 0.125),
        ([(0.0, 0.5, 0.5), (0.5, 0.0, 0.5), (0.5, 0.5, 0.0)], (1.0, 1.0, 1.0), 0.5),
    ],
)
def test_the_hypervolume_is_the_volume_of_the_union_of_boxes(
    values: list[Values], reference: Values, volume: float
) -> None:
    assert hypervolume(values, reference) == pytest.approx(volume)


def test_points_of_the_front_reach_the_best_hypervolume() -> None:
    steps = [step / 300 for step in range(301)]
    _, zdt, dtlz = PROBLEMS
    assert hypervolume([zdt1((x, 0, 0, 0, 0)) for x in steps], zdt.reference) == pytest.approx(zdt.best, rel=3e-3)
    front = [dtlz2((a / 12, b / 12, 0.5, 0.5, 0.5)) for a in range(13) for b in range(13)]
    assert hypervolume(front, dtlz.reference) == pytest.approx(dtlz.best, rel=0.1)


def test_branin_has_its_known_minimum() -> None:
    assert branin_currin(((math.pi + 5) / 15, 2.275 / 15))[0] == pytest.approx(0.397887, abs=1e-5)


@pytest.mark.parametrize("name", ["random", "Optuna NSGA-II", "Optuna TPE"])
def test_an_engine_suggests_and_is_told_every_trial(name: str) -> None:
    values = simulate(PROBLEMS[1], ENGINES[name](PROBLEMS[1], 0))
    assert len(values) == 48
    assert len(set(values)) > 40


def test_the_service_has_four_trials_running_at_once() -> None:
    engine = Service(PROBLEMS[0], 0)
    points = [engine.ask() for _ in range(4)]
    assert len({tuple(point) for point in points}) == 4
