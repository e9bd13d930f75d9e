from __future__ import annotations

from pathlib import Path

import pytest

from hydra_vertex.job import (
    Categorical,
    Discrete,
    Domain,
    DoubleRange,
    Goal,
    IntegerRange,
    MeasurementSelection,
    ScaleType,
)
from hydra_vertex.launcher.search_space import SearchSpace, load_search_space
from hydra_vertex.protocol.errors import SearchSpaceError

LINEAR, LOG, REVERSE = ScaleType.LINEAR, ScaleType.LOG, ScaleType.REVERSE_LOG


def sweeper(params: str, head: str = "", more: str = "direction: minimize") -> str:
    lines = "".join(f"      {line}\n" for line in params.splitlines())
    return f"# @package _global_\n{head}\nhydra:\n  sweeper:\n    {more}\n    params:\n{lines}"


def load(tmp_path: Path, text: str) -> SearchSpace:
    path = tmp_path / "search.yaml"
    path.write_text(text)
    return load_search_space(path)


@pytest.mark.parametrize(
    ("text", "domain", "scale"),
    [
        ("interval(1, 100)", DoubleRange(1.0, 100.0), LINEAR),
        ("int(interval(1, 100))", IntegerRange(1, 100), LINEAR),
        ("tag(log, interval(1e-5, 1e-1))", DoubleRange(1e-5, 1e-1), LOG),
        ("tag(reverse_log, interval(0.5, 0.999))", DoubleRange(0.5, 0.999), REVERSE),
        ("tag(log, int(interval(1, 64)))", IntegerRange(1, 64), LOG),
        ("range(1, 9)", IntegerRange(1, 8), LINEAR),
        ("range(8, 0, -1)", IntegerRange(1, 8), LINEAR),
        ("range(16, 65, 16)", Discrete((16.0, 32.0, 48.0, 64.0)), LINEAR),
        ("range(0.1, 0.5, 0.1)", Discrete((0.1, 0.2, 0.3, 0.4)), LINEAR),
        ("choice(128, 64)", Discrete((64.0, 128.0)), LINEAR),
        ("tag(log, choice(8, 16, 32))", Discrete((8.0, 16.0, 32.0)), LOG),
        ("0.1, 0.2", Discrete((0.1, 0.2)), LINEAR),
        ("choice(gelu, relu)", Categorical(("gelu", "relu")), None),
        ("choice('16', '32')", Categorical(("16", "32")), None),
        ("choice(true, false)", Categorical(("true", "false")), None),
        ("choice(adamw, 'a b', \"it's\")", Categorical(("adamw", "a b", "it's")), None),
        ("choice([1,2], [3,4])", Categorical(("[1,2]", "[3,4]")), None),
    ],
)
def test_hydra_s_sweeps_become_parameter_specs(
    tmp_path: Path, text: str, domain: Domain, scale: ScaleType | None
) -> None:
    (parameter,) = load(
        tmp_path, sweeper(f"a.b: {text!r}" if "'" not in text else f"a.b: {text}")
    ).study_spec.parameters

    assert (parameter.id, parameter.domain, parameter.scale) == ("a.b", domain, scale)


def test_the_file_s_metric_direction_and_counts_are_taken(tmp_path: Path) -> None:
    more = "direction: maximize\n    n_trials: 7\n    n_jobs: 3"
    space = load(tmp_path, sweeper("x: interval(0, 1)", "optimized_metric: val/acc", more))

    assert space.study_spec.objective.id == "val/acc"
    assert space.study_spec.objective.goal is Goal.MAXIMIZE
    assert space.study_spec.measurement_selection is MeasurementSelection.LAST
    assert (space.max_trial_count, space.parallel_trial_count) == (7, 3)


def test_a_param_with_one_value_becomes_an_override_of_the_app(tmp_path: Path) -> None:
    space = load(tmp_path, sweeper("x: interval(0, 1)\ntrainer.fast: true\nseed: 7"))

    assert space.fixed == ("trainer.fast=true", "seed=7")
    assert [p.id for p in space.study_spec.parameters] == ["x"]


def test_what_gcloud_takes_is_taken_as_it_is(tmp_path: Path) -> None:
    space = load(
        tmp_path,
        """
maxTrialCount: 9
studySpec:
  metrics: [{metricId: loss, goal: MINIMIZE}]
  parameters:
  - parameterId: lr
    scaleType: UNIT_LOG_SCALE
    doubleValueSpec: {minValue: 1.0e-5, maxValue: 0.1}
trialJobSpec:
  workerPoolSpecs:
  - machineSpec: {machineType: n1-standard-4}
    containerSpec: {imageUri: gcr.io/p/i}
""",
    )

    assert space.study_spec.parameters[0].domain == DoubleRange(1e-5, 0.1)
    assert (space.max_trial_count, space.parallel_trial_count) == (9, 2)
    assert space.trial_job_spec is not None
    assert space.trial_job_spec.worker_pools[0].machine == {"machineType": "n1-standard-4"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("a: [", "not YAML"),
        ("- 1", "expected a YAML mapping"),
        ("model: nano", "no search space in it"),
        ("hydra: {sweeper: {direction: minimize}}", "hydra.sweeper.params is None"),
        ("hydra: {sweeper: {direction: minimize, params: {}}}", "hydra.sweeper.params is {}"),
        ("hydra: {}", "sweeper is None"),
        (sweeper("x: interval(3, 3)"), "x: interval.3, 3.: the interval is empty"),
        (sweeper("x: interval(5, 3)"), "the interval is empty"),
        (sweeper("x: range(3, 3)"), "the range is empty"),
        (sweeper("x: tag(log, interval(0, 1))"), "a log scale needs bounds above 0, and 0.0 is not"),
        (sweeper("x: tag(log, interval(-1, 1))"), "a log scale needs bounds above 0, and -1.0 is not"),
        (sweeper("x: tag(log, choice(0, 1))"), "a log scale needs bounds above 0"),
        (sweeper("x: tag(log, choice(a, b))"), "no log scale"),
        (sweeper("x: tag(exp, interval(1, 2))"), "the tags are exp"),
        (sweeper("x: choice(1, 1)"), "stands there twice"),
        (sweeper("x: choice(1)"), "at least two options"),
        (sweeper("x: choice(9007199254740993, 1)"), "beyond 2\\^53"),
        (sweeper("x: interval(1"), "not Hydra's override grammar"),
        (sweeper("x: [1, 2]"), "expected text such as"),
        (sweeper("x: glob(*)"), "cannot be searched"),
        (sweeper("+x: interval(1, 2)"), "without \\+ or ~"),
        (sweeper("x: 1"), "there is nothing to search"),
        (sweeper("x: interval(1, 2)", more="n_trials: 3"), "direction is None; write minimize or maximize"),
        (sweeper("x: interval(1, 2)", more="direction: [minimize, maximize]"), "write minimize or maximize"),
        (sweeper("x: interval(1, 2)", more="direction: minimize\n    n_jobs: 0"), "n_jobs is 0"),
        (sweeper("x: interval(1, 2)", head="optimized_metric: val loss"), "optimized_metric is 'val loss'"),
        ("studySpec: {parameters: []}", "there is nothing to search"),
        ("studySpec: {parameters: [{parameterId: x}]}", r"studySpec.parameters\[0\]: expected exactly one of"),
    ],
)
def test_a_search_file_that_cannot_be_searched_is_refused_in_one_line(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(SearchSpaceError, match=says) as caught:
        load(tmp_path, text)

    assert str(tmp_path / "search.yaml") in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_search_file_that_does_not_exist_is_refused_with_what_lies_beside_it(tmp_path: Path) -> None:
    (tmp_path / "docs.yaml").write_text("")

    with pytest.raises(SearchSpaceError, match=r"dosc\.yaml: no such search file; .* holds docs\.yaml"):
        load_search_space(tmp_path / "dosc.yaml")
