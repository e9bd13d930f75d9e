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


def two_objectives(names: str) -> str:
    return sweeper("x: interval(1, 2)", f"optimized_metric: {names}", "direction: [minimize, maximize]")


def gcloud(domain: str = "doubleValueSpec", **fields: object) -> str:
    inside = ", ".join(f"{name}: {value}" for name, value in fields.items())
    return (
        "studySpec:\n  metrics: [{metricId: loss, goal: MINIMIZE}]\n"
        f"  parameters: [{{parameterId: lr, {domain}: {{{inside}}}}}]\n"
    )


GCLOUD = gcloud(minValue=0, maxValue=1)


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
        ("range(0, 1000000000000)", IntegerRange(0, 999_999_999_999), LINEAR),
        ("range(0, 9007199254740993)", IntegerRange(0, 2**53), LINEAR),
        ("int(interval(-9007199254740992, 9007199254740992))", IntegerRange(-(2**53), 2**53), LINEAR),
        ("range(1, 0, -0.25)", Discrete((0.25, 0.5, 0.75, 1.0)), LINEAR),
        ("range(5.0, 0.0, -2)", Discrete((1.0, 3.0, 5.0)), LINEAR),
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
        ("null, relu", Categorical(("null", "relu")), None),
        ("choice(scale, 0.1, 1, true)", Categorical(("scale", "0.1", "1", "true")), None),
        ("1, '1', 1.0", Categorical(("1", "'1'", "1.0")), None),
        ("choice(9007199254740993, inf)", Categorical(("9007199254740993", "inf")), None),
        ("{a: 1, b: [x]}, {c: null}", Categorical(("{a:1,b:[x]}", "{c:null}")), None),
        ("${lr}, 0.5", Categorical(("${lr}", "0.5")), None),
        ("shuffle(choice(b, a, 3))", Categorical(("b", "a", "3")), None),
    ],
)
def test_hydra_sweeps_become_parameter_specs(
    tmp_path: Path, text: str, domain: Domain, scale: ScaleType | None
) -> None:
    (parameter,) = load(
        tmp_path, sweeper(f"a.b: {text!r}" if "'" not in text else f"a.b: {text}")
    ).study_spec.parameters

    assert (parameter.id, parameter.domain, parameter.scale) == ("a.b", domain, scale)


def test_a_key_keeps_the_sign_that_adds_it(tmp_path: Path) -> None:
    space = load(tmp_path, sweeper("+x: interval(0, 1)\n++y: choice(1, 2)\n+z: 3"))

    assert [parameter.id for parameter in space.study_spec.parameters] == ["+x", "++y"]
    assert space.fixed == ("+z=3",)


def test_metric_direction_and_counts_are_read_from_the_file(tmp_path: Path) -> None:
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


def test_job_fields_of_a_gcloud_file_are_kept(tmp_path: Path) -> None:
    more = "displayName: my study\nmaxFailedTrialCount: 3\nlabels: {team: a}\n"
    space = load(tmp_path, GCLOUD + more)

    assert (space.display_name, space.max_failed_trial_count, space.labels) == ("my study", 3, {"team": "a"})


@pytest.mark.parametrize("goal", ["", ", goal: GOAL_TYPE_UNSPECIFIED"])
def test_a_metric_without_a_goal_is_maximized_as_by_the_api_and_said_to_be(tmp_path: Path, goal: str) -> None:
    space = load(tmp_path, GCLOUD.replace(", goal: MINIMIZE", goal))

    assert [metric.goal for metric in space.study_spec.metrics] == [Goal.MAXIMIZE]
    assert "no goal for loss: the API maximizes then; write goal: MINIMIZE where lower is better" in space.notices


def test_a_gcloud_file_is_parsed_without_changes(tmp_path: Path) -> None:
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
    ("text", "expected"),
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
        (sweeper("x: range(1, 0)"), "the range is empty"),
        (sweeper("x: range(1, 2)"), "the range is the single value 1; a range excludes its end"),
        (sweeper("x: range(0, 1, 0)"), "the step is 0; expected a number above or below 0"),
        (sweeper("x: range(0.1, 1, 0)"), "the step is 0"),
        (sweeper("x: range(0, 1e12)"), "1000000000000 values; a list may have at most 1000, use an interval"),
        (sweeper("x: range(0, 1, 1e-320)"), "values; a list may have at most 1000"),
        (sweeper("x: range(0, inf)"), "inf is not a finite number"),
        (sweeper("x: range(nan, 1)"), "nan is not a finite number"),
        (sweeper("x: range(0, 3, nan)"), "nan is not a finite number"),
        (sweeper("x: range(0, 99999999999999999999999)"), "99999999999999999999998 is beyond 2\\^53"),
        (sweeper(f"x: range(0, {'9' * 400})"), "characters ....* is beyond 2\\^53"),
        (sweeper("x: interval(0, inf)"), "x: interval.0, inf.: inf is not a finite number; write one such as 1e-5"),
        (sweeper("x: interval(0, 1e309)"), "inf is not a finite number"),
        (sweeper("x: interval(nan, 1)"), "nan is not a finite number"),
        (sweeper("x: interval(-1e308, 1e308)"), "the width from -1e.308 to 1e.308 exceeds the range of a double"),
        (
            sweeper("x: int(interval(0, 1e17))"),
            "beyond 2\\^53.*expected ends from -9007199254740992",
        ),
        (sweeper("x: int(interval(0, inf))"), "cannot convert float infinity to integer"),
        (sweeper("x: int(interval(0.2, 0.8))"), "the interval is empty"),
        (sweeper("x: tag(log, int(interval(0, 9)))"), "a log scale needs values above 0, got 0"),
        (sweeper("x: tag(log, range(-2, 3))"), "a log scale needs values above 0, got -2"),
        (sweeper("x: tag(reverse_log, range(-1, 1, 0.5))"), "a log scale needs values above 0, got -1.0"),
        (sweeper("x: choice()"), "empty choice is not legal"),
        (sweeper("x: tag(log, choice(inf, 1))"), "only numbers can have a log scale"),
        (sweeper("x: range(1, inf)"), "inf is not a finite number"),
        (sweeper(f"x: choice({'[' * 3000}1{']' * 3000}, 1)"), "nested too deeply"),
        (sweeper("x: \"choice(a, 'b\\0')\""), "contains a NUL character, which a command line cannot contain"),
        (
            sweeper(f"x: choice({'b' * 140_000}, a)"),
            "has 140,0.. bytes; an argument may have at most 131,071",
        ),
        (sweeper('"a b": interval(0, 1)'), "a b: .*: the key is 'a b'; expected text without spaces"),
        (sweeper('"a\\tb": interval(0, 1)'), r"the key is 'a\\tb'; expected text without spaces"),
        (sweeper('"a\\e[2J": interval(0, 1)'), r"the key is 'a\\x1b\[2J'; expected text without spaces"),
        (sweeper('"a\\u202eb": interval(0, 1)'), "the key is 'a.u202eb'"),
        (sweeper('"a\\0": interval(0, 1)'), r"the key is 'a\\x00'"),
        (sweeper('"": interval(0, 1)'), "the key is ''"),
        (sweeper("1: interval(0, 1)"), "the key is 1; expected text"),
        (sweeper("x: [[[[]]]]"), "expected text such as"),
        (sweeper("x: interval(1, 2)\nx: interval(2, 3)"), "the key 'x' is given twice"),
        (
            sweeper("x: interval(1, 2)", more="direction: minimize\n    n_trials: -1"),
            "n_trials is -1; expected",
        ),
        (sweeper("x: interval(1, 2)", more="direction: minimize\n    n_trials: 3000000000"), "from 1 to 2147483647"),
        (sweeper("x: interval(1, 2)", more="direction: minimize\n    n_trials: 2.5"), "n_trials is 2.5"),
        (sweeper("x: interval(1, 2)", more="direction: minimize\n    n_trials: .nan"), "n_trials is nan"),
        (
            sweeper("x: interval(1, 2)", head='optimized_metric: "a\\e]8;;x\\a"'),
            r"is 'a\\x1b\]8;;x\\x07'",
        ),
        (sweeper("x: interval(1, 2)", head='optimized_metric: "a\\0"'), r"optimized_metric is 'a\\x00'"),
        (sweeper("x: interval(1, 2)", head="optimized_metric: 3"), "optimized_metric is 3"),
        (sweeper("x: tag(log, interval(0, 1))"), "a log scale needs values above 0, got 0.0"),
        (sweeper("x: tag(log, interval(-1, 1))"), "a log scale needs values above 0, got -1.0"),
        (sweeper("x: tag(log, choice(0, 1))"), "a log scale needs values above 0"),
        (sweeper("x: tag(log, choice(a, b))"), "only numbers can have a log scale"),
        (sweeper("x: tag(exp, interval(1, 2))"), "the tags are exp"),
        (sweeper("x: choice(1, 1)"), "is listed twice"),
        (sweeper("x: range(9007199254740990, 9007199254740999, 3)"), "from 2\\^53 on are not exact as doubles"),
        (sweeper("x: \"'a', 'a'\""), "is listed twice"),
        (sweeper("x: choice(null, 1)"), "does not take null; write `null, …` without it"),
        (sweeper("x: interval(1"), "not Hydra's override grammar"),
        (sweeper("x: [1, 2]"), "expected text such as"),
        (sweeper("x: glob(*)"), "is not supported; write choice"),
        (sweeper("~x: interval(1, 2)"), "without ~"),
        (sweeper("x: 1"), "there is nothing to search"),
        (sweeper("x: interval(1, 2)", more="n_trials: 3"), "direction is None; write minimize or maximize"),
        (
            sweeper("x: interval(1, 2)", more="direction: [minimize, up]"),
            "or maximize, for each objective",
        ),
        (sweeper("x: interval(1, 2)", more="direction: []"), "direction is an empty list; write minimize or maximize"),
        (sweeper("x: interval(1, 2)", head="optimized_metric: [a, b]"), "has 1 direction, so expected a list of 1"),
        (two_objectives("a"), "optimized_metric is 'a'; hydra.sweeper.direction has 2 directions, so expected a list"),
        (two_objectives("[a, b, c]"), "has 2 directions, so expected a list of 2"),
        (two_objectives("[a, 3]"), "3 is not a name without spaces"),
        (two_objectives("[a, a]"), "'a' is in it twice"),
        (two_objectives("[a, '${b}']"), "in a list, write the name itself in place of \\${b}"),
        (two_objectives("null"), "optimized_metric is None"),
        (sweeper("x: interval(1, 2)", more="direction: minimize\n    n_jobs: 0"), "n_jobs is 0"),
        (sweeper("x: interval(1, 2)", head="optimized_metric: val loss"), "optimized_metric is 'val loss'"),
        ("studySpec: {parameters: []}", "there is nothing to search"),
        (gcloud(minValue=".inf", maxValue=1), "minValue: is inf; expected a finite number"),
        (gcloud(minValue=0, maxValue="1" + "0" * 400), "maxValue: is a whole number of more than 64 bits"),
        (gcloud(minValue=0, maxValue="'1e999'"), "maxValue: expected a finite number"),
        (
            gcloud("integerValueSpec", minValue=0, maxValue="'9007199254740993'"),
            "expected minValue <= maxValue, both from",
        ),
        (
            gcloud("integerValueSpec", minValue=5, maxValue=1),
            "integerValueSpec from 5 to 1; expected minValue <= maxValue",
        ),
        (gcloud("integerValueSpec", minValue=0.5, maxValue=1), "minValue: expected a whole number, got 0.5"),
        (gcloud("categoricalValueSpec", values='["a\\0"]'), "contains a NUL character"),
        (gcloud("categoricalValueSpec", values=f"[{'b' * 140_000}]"), "an argument may have"),
        (gcloud("categoricalValueSpec", values="{a: b}"), "values: expected an array"),
        (GCLOUD.replace("lr", '"l r"'), "parameterId is 'l r'; expected a name without"),
        (GCLOUD.replace("lr", '"l\\er"'), r"parameterId is 'l\\x1br'"),
        (GCLOUD.replace("loss", '"lo\\ass"'), r"metricId is 'lo\\x07ss'"),
        (GCLOUD + 'displayName: "a\\nb"', r"displayName is 'a\\nb'; expected text"),
        (
            GCLOUD + "maxTrialCount: -1",
            "maxTrialCount is -1; expected a whole number from 1 to",
        ),
        (GCLOUD + "maxTrialCount: 2147483648", "maxTrialCount is 2147483648"),
        (GCLOUD + "maxFailedTrialCount: -1", "maxFailedTrialCount is -1"),
        (GCLOUD + "parallelTrialCount: few", "parallelTrialCount: expected a whole number"),
        (GCLOUD + "1: 2", "has the key 1; expected text"),
        (GCLOUD + "labels: {a: .nan}", "labels.a: is nan"),
        ("studySpec: {parameters: [{parameterId: x}]}", r"studySpec.parameters\[0\]: expected exactly one of"),
    ],
)
def test_an_invalid_search_file_is_refused_in_one_line(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(SearchSpaceError, match=expected) as caught:
        load(tmp_path, text)

    assert str(tmp_path / "search.yaml") in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_a_missing_search_file_is_refused_with_a_list_of_files_in_its_folder(tmp_path: Path) -> None:
    (tmp_path / "docs.yaml").write_text("")

    with pytest.raises(SearchSpaceError, match=r"dosc\.yaml: no such search file; .* contains docs\.yaml"):
        load_search_space(tmp_path / "dosc.yaml")


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (two_objectives("[val/loss, size]"), ("val/loss", "size")),
        (sweeper("x: interval(1, 2)", more="direction: [minimize, maximize]"), ("metric_1", "metric_2")),
        (
            sweeper("x: interval(1, 2)", more="optimized_metric: [a, b]\n    direction: [MINIMIZE, Maximize]"),
            ("a", "b"),
        ),
    ],
)
def test_each_direction_of_a_list_is_the_goal_of_one_metric(tmp_path: Path, text: str, names: tuple[str, ...]) -> None:
    spec = load(tmp_path, text).study_spec
    assert tuple(metric.id for metric in spec.metrics) == names
    assert [metric.goal for metric in spec.metrics] == [Goal.MINIMIZE, Goal.MAXIMIZE]
    assert spec.has_several_objectives


@pytest.mark.parametrize("more", ["direction: [maximize]", "direction: [maximize]\n    optimized_metric: [metric]"])
def test_a_list_of_one_direction_is_one_objective(tmp_path: Path, more: str) -> None:
    (metric,) = load(tmp_path, sweeper("x: interval(1, 2)", more=more)).study_spec.metrics
    assert (metric.id, metric.goal) == ("metric", Goal.MAXIMIZE)


def test_the_list_of_names_is_delivered_to_the_app_too(tmp_path: Path) -> None:
    assert load(tmp_path, two_objectives("[val/loss, size]")).app_overrides == ("++optimized_metric=[val/loss,size]",)
