"""The parts of benchmarks/search_quality.py: the simulated clock, the problems' minima, interpolation, and
paired comparisons."""

from __future__ import annotations

import math
import random
import statistics
from collections.abc import Mapping, Sequence

import pytest
from scipy.stats import wilcoxon

from hydra_vertex.job import DoubleRange, ParameterSpec, Trial, TrialState
from search.clock import regrets, simulate
from search.engines import Random
from search.functions import FUNCTIONS
from search.kinds import DEVELOPMENT, HELD_OUT, Shape, kinds
from search.paired import interval, ranked
from search.problem import Problem
from search.trained import MIXED, Table

LINE = Problem("line", (ParameterSpec("x", DoubleRange(0.0, 1.0)),), lambda p: float(p["x"]) or None, 0.0)
BEST = {
    "Branin": (math.pi, 2.275),
    "Hartmann-6": (0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573),
    "Ackley-5": (0.0,) * 5,
    "Rosenbrock-4, failing": (1.0,) * 4,
}


class RecordingEngine:
    """Suggests 1, 1/2, 0 (which fails), 1/4, 1/5, … and records how many trials run and have ended at each call."""

    def __init__(self) -> None:
        self.running: list[int] = []
        self.ended: list[int] = []

    def suggest(self, number: int, history: Sequence[Trial]) -> dict[str, float | str]:
        assert len(history) == number - 1
        ended = sum(trial.state.is_terminal for trial in history)
        self.running.append(len(history) - ended)
        self.ended.append(ended)
        return {"x": 1.0 / number if number != 3 else 0.0}


def test_a_free_worker_gets_a_trial_at_once_and_the_engine_sees_the_running_trials() -> None:
    engine = RecordingEngine()
    history = simulate(LINE, engine, seed=1, trials=12, parallel=3, in_batches=False)
    assert engine.running == [0, 1, 2] + [2] * 9
    assert [t.state is TrialState.INFEASIBLE for t in history] == [n == 2 for n in range(12)]


def test_a_batch_waits_for_its_slowest_trial() -> None:
    engine = RecordingEngine()
    simulate(LINE, engine, seed=1, trials=7, parallel=3, in_batches=True)
    assert engine.running == [0, 1, 2, 0, 1, 2, 0]
    assert engine.ended == [0, 0, 0, 3, 3, 3, 6]


def test_the_regret_is_that_of_the_best_value_so_far() -> None:
    history = simulate(LINE, RecordingEngine(), seed=0, trials=4, parallel=1, in_batches=False)
    assert regrets(LINE, history) == pytest.approx([1.0, 0.5, 0.5, 0.25])


@pytest.mark.parametrize("problem", FUNCTIONS, ids=lambda problem: problem.name)
def test_a_function_has_its_minimum_at_its_best_point_and_not_in_the_centre(problem: Problem) -> None:
    best = dict(zip([spec.id for spec in problem.parameters], BEST[problem.name], strict=True))
    assert problem.evaluate(best) == pytest.approx(problem.minimum, abs=1e-5)
    centre = {spec.id: (spec.domain.min + spec.domain.max) / 2 for spec in problem.parameters}  # type: ignore[union-attr]
    value = problem.evaluate(centre)
    assert value is None or value > problem.minimum + 0.1


def test_a_lattice_returns_the_losses_of_its_nodes_and_interpolates_between_them() -> None:
    losses = {node: float(index) for index, node in enumerate(MIXED.nodes())}
    table = Table(MIXED, losses)
    node = MIXED.nodes()[100]
    assert table.loss(dict(zip(MIXED.values, node, strict=True))) == 100.0
    between = dict(zip(MIXED.values, node, strict=True)) | {"alpha": 1e-4}
    assert table.loss(between) == pytest.approx((losses[(*node[:-1], 1e-6)] + losses[(*node[:-1], 1e-2)]) / 2)


@pytest.mark.parametrize(
    ("values", "ranks"),
    [
        ({"a": 2.0, "b": 1.0, "c": 3.0}, {"a": 2, "b": 1, "c": 3}),
        ({"a": 1.0, "b": 1.0, "c": 3.0}, {"a": 1.5, "b": 1.5, "c": 3}),
    ],
)
def test_equal_values_get_the_mean_of_their_ranks(values: Mapping[str, float], ranks: Mapping[str, float]) -> None:
    assert ranked(values) == ranks


def test_the_interval_of_a_difference_is_that_of_the_signed_rank_test() -> None:
    rng = random.Random(0)  # noqa: S311 - test data
    differences = [rng.gauss(0.3, 1.0) for _ in range(20)]
    low, high = interval(differences)
    assert low < statistics.median(differences) < high
    for end, inside in ((low, 1e-6), (low, -1e-6), (high, -1e-6), (high, 1e-6)):
        p_value = wilcoxon([d - end - inside for d in differences], method="approx").pvalue
        is_inside = (inside > 0) == (end == low)
        assert p_value > 0.04 if is_inside else p_value < 0.06


def test_few_differences_show_nothing_and_infinite_ones_count() -> None:
    assert interval([1.0] * 5) == (-math.inf, math.inf)
    assert interval([0.0] * 20) == (0.0, 0.0)
    assert interval([math.inf] * 12 + [1.0] * 8)[0] > 0
    assert interval([math.inf] * 10 + [-math.inf] * 10)[0] < 0


@pytest.mark.parametrize("shape", [DEVELOPMENT, HELD_OUT], ids=lambda shape: shape.name)
def test_no_point_of_a_kind_is_better_than_its_minimum(shape: Shape) -> None:
    for problem in kinds(shape):
        engine = Random(problem, seed=0)
        for _ in range(300):
            value = problem.evaluate(parameters := engine.suggest(1, ()))
            true = problem.true_loss(parameters) if problem.true_loss else value
            assert true is None or true >= problem.minimum - 1e-9, problem.name


@pytest.mark.parametrize(("share", "name"), [(0.4, "40%"), (0.7, "70%")])
def test_the_stated_share_of_a_failing_space_fails(share: float, name: str) -> None:
    problem = next(p for p in kinds(DEVELOPMENT) if name in p.name)
    engine = Random(problem, seed=0)
    failed = sum(problem.evaluate(engine.suggest(1, ())) is None for _ in range(2000))
    assert failed / 2000 == pytest.approx(share, abs=0.05)
