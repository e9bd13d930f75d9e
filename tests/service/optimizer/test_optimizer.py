"""Suggestions: inside the space, reproducible, without repetition where possible, and better later in a study."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import pytest

from hydra_vertex.job import (
    Algorithm,
    Categorical,
    ConditionalParameter,
    Discrete,
    DoubleRange,
    Goal,
    IntegerRange,
    Measurement,
    MetricSpec,
    ParameterSpec,
    ParameterValue,
    ScaleType,
    StudySpec,
    Trial,
    TrialState,
)
from hydra_vertex.service.optimizer import Parameters, optimizer_for, startup_trials

LR = ParameterSpec("lr", DoubleRange(1e-5, 1e-1), ScaleType.LOG)
DEPTH = ParameterSpec("depth", IntegerRange(1, 8))
BATCH = ParameterSpec("batch", Discrete((16.0, 32.0, 64.0)))
OPTIMIZER = ParameterSpec("optimizer", Categorical(("adam", "sgd")))
MOMENTUM = ParameterSpec("momentum", DoubleRange(0.5, 0.999), ScaleType.REVERSE_LOG)
WIDTH = ParameterSpec("width", IntegerRange(1, 1024), ScaleType.LOG)
EVERY_KIND = (LR, DEPTH, BATCH, OPTIMIZER, MOMENTUM, WIDTH, ParameterSpec("fixed", DoubleRange(2.0, 2.0)))
FINITE = (BATCH, OPTIMIZER, ParameterSpec("layers", IntegerRange(1, 2)))

MODEL = ParameterSpec(
    "model",
    Categorical(("linear", "deep")),
    children=(
        ConditionalParameter(
            ("deep",), ParameterSpec("layers", IntegerRange(1, 3), children=(ConditionalParameter((2.0, 3.0), BATCH),))
        ),
        ConditionalParameter(("linear", "deep"), LR),
    ),
)
CONDITIONAL_FINITE = ParameterSpec("model", MODEL.domain, children=MODEL.children[:1])

Objective = Callable[[Parameters], float | None]


def study(
    parameters: Sequence[ParameterSpec] = EVERY_KIND,
    algorithm: Algorithm = Algorithm.BAYESIAN,
    goal: Goal = Goal.MINIMIZE,
) -> StudySpec:
    return StudySpec((MetricSpec("loss", goal),), tuple(parameters), algorithm)


def trial(number: int, parameters: Parameters, value: float | None) -> Trial:
    state = TrialState.INFEASIBLE if value is None else TrialState.SUCCEEDED
    final = None if value is None else Measurement({"loss": value})
    return Trial(str(number), state, parameters, final_measurement=final)


def run(spec: StudySpec, count: int, objective: Objective, job_id: str = "1") -> list[Trial]:
    optimizer = optimizer_for(spec, job_id, count)
    history: list[Trial] = []
    for number in range(1, count + 1):
        parameters = optimizer.suggest(number, history)
        history.append(trial(number, parameters, objective(parameters)))
    return history


def distance(parameters: Parameters) -> float:
    return abs(math.log10(float(parameters["lr"])) + 2) + abs(float(parameters["depth"]) - 6)


def is_inside(spec: ParameterSpec, value: ParameterValue) -> bool:
    match spec.domain:
        case DoubleRange(low, high):
            return low <= float(value) <= high
        case IntegerRange(low, high):
            return float(value).is_integer() and low <= float(value) <= high
        case Categorical(values):
            return value in values
        case Discrete(values):
            return value in values


@pytest.mark.parametrize("algorithm", [Algorithm.BAYESIAN, Algorithm.RANDOM_SEARCH])
def test_every_suggestion_is_inside_the_space(algorithm: Algorithm) -> None:
    for suggested in run(study(algorithm=algorithm), 20, distance):
        assert list(suggested.parameters) == [spec.id for spec in EVERY_KIND]
        assert all(is_inside(spec, suggested.parameters[spec.id]) for spec in EVERY_KIND)


@pytest.mark.parametrize("algorithm", [Algorithm.BAYESIAN, Algorithm.RANDOM_SEARCH])
def test_a_study_with_the_same_job_id_has_the_same_suggestions(algorithm: Algorithm) -> None:
    spec = study(algorithm=algorithm)
    assert run(spec, 12, distance) == run(spec, 12, distance)
    assert run(spec, 12, distance) != run(spec, 12, distance, job_id="2")


@pytest.mark.parametrize("algorithm", [Algorithm.BAYESIAN, Algorithm.RANDOM_SEARCH])
def test_the_first_suggestion_has_the_default_values(algorithm: Algorithm) -> None:
    parameters = (ParameterSpec("x", DoubleRange(0.0, 1.0, 0.25)), ParameterSpec("y", IntegerRange(1, 8, 7)))
    first, second = run(study(parameters, algorithm), 2, lambda _: 1.0)

    assert first.parameters == {"x": 0.25, "y": 7.0}
    assert second.parameters != first.parameters


def test_a_new_optimiser_makes_the_same_suggestion_from_the_recorded_trials() -> None:
    history = run(study(), 12, distance)
    fresh = optimizer_for(study(), "1", 12)
    assert fresh.suggest(12, history[:11]) == history[11].parameters


@pytest.mark.parametrize(("goal", "sign"), [(Goal.MINIMIZE, 1), (Goal.MAXIMIZE, -1), (Goal.UNSPECIFIED, -1)])
def test_later_suggestions_are_better_for_every_goal(goal: Goal, sign: int) -> None:
    history = run(study((LR, DEPTH), goal=goal), 40, lambda parameters: sign * distance(parameters))
    early, late = history[:10], history[-10:]
    assert sum(distance(t.parameters) for t in late) < 0.5 * sum(distance(t.parameters) for t in early)


def test_the_search_avoids_the_infeasible_region() -> None:
    def objective(parameters: Parameters) -> float | None:
        return None if parameters["optimizer"] == "sgd" else distance(parameters)

    studies = [run(study((LR, DEPTH, OPTIMIZER)), 40, objective, job_id=job_id) for job_id in "1234"]
    failed = [trial.parameters["optimizer"] == "sgd" for history in studies for trial in history[-20:]]
    assert sum(failed) <= 0.35 * len(failed)


def test_trials_that_run_at_the_same_time_have_different_parameters() -> None:
    spec = study((LR, DEPTH))
    history = run(spec, 12, distance)
    optimizer = optimizer_for(spec, "1", 12)
    for number in range(13, 17):
        parameters = optimizer.suggest(number, history)
        history.append(Trial(str(number), TrialState.ACTIVE, parameters))
    assert len({tuple(t.parameters.values()) for t in history[12:]}) == 4


@pytest.mark.parametrize("outcome", [None, 1.0])
@pytest.mark.parametrize("algorithm", [Algorithm.BAYESIAN, Algorithm.RANDOM_SEARCH, Algorithm.GRID_SEARCH])
def test_a_finite_space_is_searched_completely_before_a_point_is_repeated(
    algorithm: Algorithm, outcome: float | None
) -> None:
    history = run(study(FINITE, algorithm), 15, lambda _: outcome)
    points = [tuple(t.parameters.values()) for t in history]
    assert len(set(points[:12])) == 12
    assert set(points[12:]) <= set(points[:12])


@pytest.mark.parametrize("algorithm", [Algorithm.BAYESIAN, Algorithm.RANDOM_SEARCH, Algorithm.GRID_SEARCH])
def test_a_finite_space_with_conditions_is_searched_completely_too(algorithm: Algorithm) -> None:
    history = run(study((CONDITIONAL_FINITE,), algorithm), 8, lambda _: 1.0)
    assert len({tuple(sorted(t.parameters.items())) for t in history}) == 8  # linear; 1 layer; 2 or 3 by 3 batches


BRANCHES = ParameterSpec(
    "model",
    Categorical(("tree", "deep")),
    children=(
        ConditionalParameter(("tree",), ParameterSpec("leaves", IntegerRange(1, 3))),
        ConditionalParameter(("deep",), LR),
    ),
)


@pytest.mark.parametrize("job_id", ["1", "2", "3", "4"])
@pytest.mark.parametrize("algorithm", [Algorithm.BAYESIAN, Algorithm.RANDOM_SEARCH])
def test_no_point_of_a_finite_branch_of_an_infinite_space_is_repeated(algorithm: Algorithm, job_id: str) -> None:
    history = run(study((BRANCHES,), algorithm), 16, lambda parameters: float(parameters.get("lr", 1.0)), job_id)
    assert len({tuple(sorted(t.parameters.items())) for t in history}) == 16


@pytest.mark.parametrize("algorithm", [Algorithm.BAYESIAN, Algorithm.RANDOM_SEARCH])
def test_a_conditional_parameter_is_present_exactly_when_its_condition_holds(algorithm: Algorithm) -> None:
    history = run(study((MODEL,), algorithm), 24, lambda parameters: abs(math.log10(float(parameters["lr"])) + 3))
    for suggested in (t.parameters for t in history):
        assert ("layers" in suggested) == (suggested["model"] == "deep")
        assert ("batch" in suggested) == (suggested.get("layers") in {2.0, 3.0})
        assert "lr" in suggested
    assert {t.parameters["model"] for t in history} == {"linear", "deep"}


def test_a_search_in_a_conditional_space_finds_the_better_branch_and_improves_in_it() -> None:
    def objective(parameters: Parameters) -> float:
        return abs(math.log10(float(parameters["lr"])) + 3) + (0.0 if parameters["model"] == "deep" else 2.0)

    late = run(study((MODEL,)), 30, objective)[-8:]
    assert sum(t.parameters["model"] == "deep" for t in late) >= 6
    assert sum(objective(t.parameters) for t in late) / len(late) < 1.0


def test_the_first_trial_has_the_default_values_and_the_middle_of_each_axis_without_one() -> None:
    spec = study(
        (
            ParameterSpec("lr", DoubleRange(1e-5, 1e-1, 3e-4), ScaleType.LOG),
            ParameterSpec("momentum", DoubleRange(0.0, 1.0)),
            ParameterSpec("batch", Discrete((16.0, 32.0), 32.0)),
            ParameterSpec("model", Categorical(("a", "b"), "b"), children=(ConditionalParameter(("b",), DEPTH),)),
        )
    )
    first = optimizer_for(spec, "1", 10).suggest(1, [])
    assert first == {"lr": 3e-4, "momentum": 0.5, "batch": 32.0, "model": "b", "depth": 5.0}


def test_two_studies_have_only_their_first_trial_in_common() -> None:
    one, other = (run(study((LR, DEPTH)), 4, distance, job_id) for job_id in ("1", "2"))
    assert one[0] == other[0]
    assert all(a.parameters != b.parameters for a, b in zip(one[1:], other[1:], strict=True))


def test_a_study_whose_trials_all_fail_gets_new_suggestions() -> None:
    history = run(study((LR, DEPTH)), 14, lambda _: None)
    assert len({tuple(t.parameters.values()) for t in history}) == 14


@pytest.mark.parametrize("value", [0.0, 1e300, -1e-300])
def test_a_study_whose_trials_have_equal_values_gets_new_suggestions(value: float) -> None:
    history = run(study((LR, DEPTH)), 14, lambda _: value)
    assert len({tuple(t.parameters.values()) for t in history}) == 14


def test_values_of_any_magnitude_are_accepted() -> None:
    sizes = iter([1e300, -1e300, 1e-300, 0.0, 5.0] * 4)
    assert len(run(study((LR, DEPTH)), 16, lambda _: next(sizes))) == 16


def test_a_study_with_more_trials_than_the_model_takes_still_improves() -> None:
    from hydra_vertex.service.optimizer import bayesian

    count = bayesian.MAX_MODELLED + 20
    random = run(study((LR, DEPTH), Algorithm.RANDOM_SEARCH), count, distance)
    found = optimizer_for(study((LR, DEPTH)), "1", count).suggest(count + 1, random)
    assert distance(found) < 1.0


def test_a_large_finite_space_is_not_enumerated() -> None:
    spec = study(tuple(ParameterSpec(f"p{i}", IntegerRange(1, 10**6)) for i in range(6)), Algorithm.RANDOM_SEARCH)
    assert len({tuple(t.parameters.values()) for t in run(spec, 30, lambda _: 1.0)}) == 30


def test_the_first_trial_is_the_centre_and_the_startup_trials_are_spread_over_the_range() -> None:
    history = run(study((LR, MOMENTUM, DEPTH)), 40, distance)
    assert history[0].parameters["lr"] == pytest.approx(1e-3)
    quarters = {int(math.log10(float(t.parameters["lr"])) + 5) for t in history[1:7]}
    assert quarters == {0, 1, 2, 3}


@pytest.mark.parametrize(("count", "startup"), [(1, 4), (16, 4), (24, 6), (1000, 10)])
def test_the_number_of_startup_trials_depends_on_the_number_of_trials(count: int, startup: int) -> None:
    assert startup_trials(study((LR, DEPTH)), count) == startup


def test_the_first_suggestion_after_the_startup_trials_depends_on_their_values() -> None:
    spec, startup = study((LR, DEPTH)), startup_trials(study((LR, DEPTH)), 24)
    tried = [found.parameters for found in run(spec, startup, distance)]
    histories = [[trial(n, p, sign * distance(p)) for n, p in enumerate(tried, start=1)] for sign in (1, -1)]
    for number, count in ((startup, 1), (startup + 1, 2)):
        suggested = [optimizer_for(spec, "1", 24).suggest(number, history[: number - 1]) for history in histories]
        assert len({tuple(found.values()) for found in suggested}) == count


@pytest.mark.parametrize(
    ("parameters", "count", "startup"),
    [
        (tuple(ParameterSpec(f"x{i}", DoubleRange(0, 1)) for i in range(8)), 12, 6),
        (tuple(ParameterSpec(f"x{i}", DoubleRange(0, 1)) for i in range(8)), 20, 8),
        (tuple(ParameterSpec(f"x{i}", DoubleRange(0, 1)) for i in range(30)), 100, 10),
        ((LR, ParameterSpec("c", Categorical(tuple("abcdefg")))), 12, 6),
        ((LR, ParameterSpec("c", Categorical(tuple("abcdefg")))), 16, 7),
        ((LR, ParameterSpec("c", Categorical(tuple("abcdefg")))), 8, 4),
    ],
)
def test_many_parameters_or_categories_have_more_startup_trials(
    parameters: tuple[ParameterSpec, ...], count: int, startup: int
) -> None:
    assert startup_trials(study(parameters), count) == startup
